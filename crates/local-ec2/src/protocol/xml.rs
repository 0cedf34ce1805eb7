//! Writes the XML of answers. Escaping is quick-xml's.

use std::fmt::Display;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// An XML document that is being written.
pub(crate) struct Xml {
    writer: Writer<Vec<u8>>,
}

impl Xml {
    pub(crate) fn new() -> Self {
        let mut xml = Xml { writer: Writer::new(Vec::new()) };
        xml.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        xml
    }

    /// The whole document.
    pub(crate) fn finish(self) -> String {
        String::from_utf8(self.writer.into_inner()).expect("only strings are written")
    }

    fn event(&mut self, event: Event<'_>) {
        self.writer.write_event(event).expect("writing to memory does not fail");
    }

    /// An element with others in it.
    pub(crate) fn node(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.event(Event::Start(BytesStart::new(name)));
        content(self);
        self.event(Event::End(BytesEnd::new(name)));
    }

    /// The outermost element, with its name space.
    pub(crate) fn root(&mut self, name: &str, namespace: &str, content: impl FnOnce(&mut Self)) {
        let start = BytesStart::new(name).with_attributes([("xmlns", namespace)]);
        self.event(Event::Start(start));
        content(self);
        self.event(Event::End(BytesEnd::new(name)));
    }

    /// An element that holds a value.
    pub(crate) fn text(&mut self, name: &str, value: impl Display) {
        self.node(name, |xml| xml.value(value));
    }

    /// What the element that is being written holds.
    pub(crate) fn value(&mut self, value: impl Display) {
        // XML 1.0 has no way to write most control characters.
        let text = value.to_string();
        let text = text.replace(|it: char| it.is_control() && !"\t\n\r".contains(it), "\u{fffd}");
        self.event(Event::Text(BytesText::new(&text)));
    }

    /// An element that holds a value, where there is one.
    pub(crate) fn option(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A list as EC2 writes it: an `item` for each row.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        rows: impl IntoIterator<Item = T>,
        each: impl FnMut(&mut Self, T),
    ) {
        self.list_of("item", name, rows, each);
    }

    /// A list as other services write it: a `member` for each row.
    pub(crate) fn members<T>(
        &mut self,
        name: &str,
        rows: impl IntoIterator<Item = T>,
        each: impl FnMut(&mut Self, T),
    ) {
        self.list_of("member", name, rows, each);
    }

    fn list_of<T>(
        &mut self,
        row: &str,
        name: &str,
        rows: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.node(name, |xml| {
            for value in rows {
                xml.node(row, |xml| each(xml, value));
            }
        });
    }

    /// A point in time as EC2 writes it: UTC with milliseconds.
    pub(crate) fn time(&mut self, name: &str, time: jiff::Timestamp) {
        self.text(name, time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"));
    }

    /// The tags of a resource.
    pub(crate) fn tags(&mut self, tags: &crate::model::Tags) {
        self.list("tagSet", tags, |xml, (key, value)| {
            xml.text("key", key);
            xml.text("value", value);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_times_have_milliseconds() {
        let mut xml = Xml::new();
        xml.root("R", "urn:x", |xml| {
            xml.text("a", "<&>\u{1}");
            xml.time("t", "2026-11-23T09:24:56.7Z".parse().unwrap());
            xml.list("set", [1, 2], |xml, n| xml.text("n", n));
        });
        assert_eq!(
            xml.finish(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><R xmlns=\"urn:x\"><a>&lt;&amp;&gt;\u{fffd}</a>\
             <t>2026-11-23T09:24:56.700Z</t><set><item><n>1</n></item><item><n>2</n></item></set></R>"
        );
    }
}
