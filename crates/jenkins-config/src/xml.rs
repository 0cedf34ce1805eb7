//! XML: where each element's text stands, and how another text is written there.

use std::ops::Range;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::error::ReadError;
use crate::form::xml::{Piece, Written};
use crate::tree::{Form, Slot, Tree, exchanged};
use crate::xstream;

/// An element that is not closed yet.
struct Open {
    name: String,
    /// Where its tag begins.
    at: usize,
    /// Where its content begins.
    begin: usize,
    text: String,
    pieces: Vec<Piece>,
    entries: Vec<(String, Tree)>,
}

impl Open {
    fn new(name: String, at: usize, begin: usize) -> Open {
        Open { name, at, begin, text: String::new(), pieces: Vec::new(), entries: Vec::new() }
    }

    fn add(&mut self, text: &str, span: Range<usize>, cdata: bool) {
        self.text += text;
        self.pieces.push(Piece { span, cdata });
    }
}

/// Reads a document. An attribute stands beside its element, as `element@attribute`.
pub(crate) fn read(text: &str) -> Result<(Vec<Slot>, Tree), ReadError> {
    let mut reader = Reader::from_str(text);
    let version = if is_1_1(text) { XmlVersion::Explicit1_1 } else { XmlVersion::Explicit1_0 };
    let mut slots = Vec::new();
    let mut open = vec![Open::new(String::new(), 0, 0)];
    loop {
        let begin = position(&reader);
        let event = reader.read_event().map_err(|error| broken(text, &reader, &error))?;
        let end = position(&reader);
        let last = open.last_mut().expect("the root stays");
        match event {
            Event::Start(tag) => {
                refuse_second_root(last, text, begin)?;
                add_attributes(&tag, begin..end, &mut slots, &mut last.entries)
                    .map_err(|reason| ReadError::Xml { line: line_of(text, begin), reason })?;
                open.push(Open::new(tag.name().as_ref().to_owned(), begin, end));
            }
            Event::Empty(tag) => {
                refuse_second_root(last, text, begin)?;
                add_attributes(&tag, begin..end, &mut slots, &mut last.entries)
                    .map_err(|reason| ReadError::Xml { line: line_of(text, begin), reason })?;
                let form = Form::Xml(Written::Empty);
                let leaf = Tree::Leaf(slots.len());
                slots.push(Slot { span: begin..end, value: String::new(), form });
                last.entries.push((tag.name().as_ref().to_owned(), leaf));
            }
            Event::End(_) => {
                let closed = open.pop().expect("the parser pairs tags");
                let name = closed.name.clone();
                let tree = close(closed, begin, &mut slots);
                // The parser refuses an end without a start.
                if let Some(parent) = open.last_mut() {
                    parent.entries.push((name, tree));
                }
            }
            Event::Text(piece) => last.add(&piece.xml_content(version), begin..end, false),
            Event::CData(piece) => last.add(&piece.xml_content(version), begin..end, true),
            Event::GeneralRef(name) => {
                let character = name.resolve_char_ref().ok().flatten().or_else(|| known(&name));
                // What only a document type would tell, Jenkins does not write.
                let unknown = || ReadError::Xml {
                    line: line_of(text, begin),
                    reason: format!("the entity {} is not known", &text[begin..end]),
                };
                last.text.push(character.ok_or_else(unknown)?);
            }
            Event::Eof if last.name.is_empty() => break,
            Event::Eof => {
                let reason = format!("`<{}>` is not closed", last.name);
                return Err(ReadError::Xml { line: line_of(text, text.len()), reason });
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let root = open.pop().expect("the root stays");
    let tree = xstream::followed(Tree::Branch(0, root.entries), &slots)?;
    Ok((slots, tree))
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn broken(text: &str, reader: &Reader<&[u8]>, error: &quick_xml::Error) -> ReadError {
    let at = usize::try_from(reader.error_position()).unwrap_or(text.len());
    ReadError::Xml { line: line_of(text, at), reason: error.to_string() }
}

/// The line of a place, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn known(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

fn add_attributes(
    tag: &BytesStart<'_>,
    span: Range<usize>,
    slots: &mut Vec<Slot>,
    entries: &mut Vec<(String, Tree)>,
) -> Result<(), String> {
    let element = tag.name();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name = format!("{}@{}", element.as_ref(), attribute.key.as_ref());
        entries.push((name, Tree::Leaf(slots.len())));
        let value = attribute.value.to_string();
        slots.push(Slot { span: span.clone(), value, form: Form::Fixed });
    }
    Ok(())
}

fn refuse_second_root(parent: &Open, text: &str, at: usize) -> Result<(), ReadError> {
    if parent.name.is_empty() && !parent.entries.is_empty() {
        let reason = "there is a second root element".into();
        return Err(ReadError::Xml { line: line_of(text, at), reason });
    }
    Ok(())
}

/// Text between elements is indentation, and is left out.
fn close(closed: Open, end: usize, slots: &mut Vec<Slot>) -> Tree {
    if !closed.entries.is_empty() {
        return Tree::Branch(closed.at, closed.entries);
    }
    let form = Form::Xml(Written::Text(closed.pieces));
    slots.push(Slot { span: closed.begin..end, value: closed.text, form });
    Tree::Leaf(slots.len() - 1)
}

/// Where something is to be written.
pub(crate) struct Place<'t> {
    /// The whole file.
    pub(crate) text: &'t str,
    pub(crate) slot: &'t Slot,
    /// Characters beyond ASCII are written as references.
    pub(crate) ascii_only: bool,
}

/// The characters that make a parser see `new` in the place of a slot.
pub(crate) fn write(place: &Place<'_>, written: &Written, new: &str) -> Result<String, String> {
    let Place { text, slot, .. } = *place;
    let raw = &text[slot.span.clone()];
    match written {
        Written::Empty => {
            let tag = raw.trim_end_matches("/>").trim_end();
            let name = tag.trim_start_matches('<').split_whitespace().next().unwrap_or_default();
            Ok(format!("{tag}>{}</{name}>", place.escape("", new)?))
        }
        Written::Text(pieces) => match exchange(text, slot, pieces, new) {
            Some(exchanged) => Ok(exchanged),
            None if has_markup(text, slot, pieces) => {
                Err("comments or the like stand in the middle of it, and would be lost".into())
            }
            None => match &pieces[..] {
                [piece] if piece.cdata && place.fits_cdata(new) => {
                    let before = &text[slot.span.start..piece.span.start];
                    let after = &text[piece.span.end..slot.span.end];
                    Ok(format!("{before}<![CDATA[{}]]>{after}", with_line_ends(text, new)))
                }
                _ => place.escape(raw, new),
            },
        },
    }
}

/// Whether there is more in it than text and CDATA.
fn has_markup(text: &str, slot: &Slot, pieces: &[Piece]) -> bool {
    let mut at = slot.span.start;
    let mut between = String::new();
    for piece in pieces {
        between += &text[at..piece.span.start];
        at = piece.span.end;
    }
    between += &text[at..slot.span.end];
    between.contains('<')
}

/// An id for an id, in the one piece of text that has it.
fn exchange(text: &str, slot: &Slot, pieces: &[Piece], new: &str) -> Option<String> {
    let old = slot.value.trim();
    let holds = |piece: &&Piece| !old.is_empty() && text[piece.span.clone()].contains(old);
    let [piece] = pieces.iter().filter(holds).collect::<Vec<&Piece>>()[..] else { return None };
    let raw = &text[piece.span.clone()];
    // The blanks around it stay as they are written.
    let changed = exchanged(raw, &slot.value, new)?;
    let (before, after) = (slot.span.start..piece.span.start, piece.span.end..slot.span.end);
    Some(format!("{}{changed}{}", &text[before], &text[after]))
}

/// Line ends as the rest of the file has them: a parser sees `\n` in any case.
fn with_line_ends(text: &str, new: &str) -> String {
    if text.contains("\r\n") { new.replace('\n', "\r\n") } else { new.to_owned() }
}

/// Characters that stand in a file as they are.
fn is_plain(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{7e}' | '\u{a0}'..='\u{d7ff}'
        | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && character != '\u{2028}'
}

fn is_1_1(text: &str) -> bool {
    ["<?xml version='1.1'", "<?xml version=\"1.1\""].iter().any(|it| text.starts_with(it))
}

impl Place<'_> {
    fn fits_cdata(&self, new: &str) -> bool {
        !new.contains("]]>") && new.chars().all(|it| it != '\r' && self.is_plain(it))
    }

    /// Whether a character stands in the file as it is.
    fn is_plain(&self, character: char) -> bool {
        is_plain(character) && (character.is_ascii() || !self.ascii_only)
    }

    /// Escapes a text as the slot's old one was, else as the rest of the file: what may be
    /// written in two ways is then written as it will be on the way back.
    fn escape(&self, raw: &str, new: &str) -> Result<String, String> {
        let text = self.text;
        let as_entity = |character: char, name: &str, by_default: bool| {
            let found = [raw, text].iter().find_map(|it| evidence(it, character, name));
            found.unwrap_or(by_default)
        };
        let (gt, quot, apos) = (
            as_entity('>', "&gt;", true),
            as_entity('"', "&quot;", false),
            as_entity('\'', "&apos;", false),
        );
        let mut escaped = String::new();
        for character in new.chars() {
            match character {
                '&' => escaped += "&amp;",
                '<' => escaped += "&lt;",
                '>' if gt => escaped += "&gt;",
                '"' if quot => escaped += "&quot;",
                '\'' if apos => escaped += "&apos;",
                '\r' => escaped += "&#xd;",
                '\n' if text.contains("\r\n") => escaped += "\r\n",
                it if self.is_plain(it) => escaped.push(it),
                '\0' | '\u{fffe}' | '\u{ffff}' => {
                    return Err(format!("{character:?} is not allowed in XML"));
                }
                it if is_1_1(text) || it >= '\u{7f}' => {
                    escaped += &format!("&#x{:x};", u32::from(it));
                }
                it => return Err(format!("{it:?} is not allowed in XML 1.0")),
            }
        }
        // "]]>" may not stand in text.
        Ok(escaped.replace("]]>", "]]&gt;"))
    }
}

/// Whether a character is written as an entity in the texts of some characters; `None`
/// where it does not occur.
fn evidence(text: &str, character: char, entity: &str) -> Option<bool> {
    if text.contains(entity) {
        return Some(true);
    }
    let mut rest = text;
    while let Some(at) = rest.find(['<', character]) {
        rest = &rest[at..];
        // In comments, CDATA and tags it is not a matter of choice.
        let special = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<", ">")];
        let Some((_, end)) = special.iter().find(|(begin, _)| rest.starts_with(begin)) else {
            return Some(false);
        };
        rest = rest.find(end).map_or("", |found| &rest[found + end.len()..]);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot_of(text: &str, path: &str) -> (Vec<Slot>, usize) {
        crate::tree::slot_of(read(text).unwrap(), path)
    }

    /// The file after a value was written, which then reads as that value.
    fn written(text: &str, path: &str, new: &str) -> String {
        let (slots, leaf) = slot_of(text, path);
        let slot = &slots[leaf];
        let Form::Xml(form) = &slot.form else { panic!("{slot:?}") };
        let raw = write(&Place { text, slot, ascii_only: false }, form, new).unwrap();
        let span = slot.span.clone();
        let edited = format!("{}{raw}{}", &text[..span.start], &text[span.end..]);
        let (slots, leaf) = slot_of(&edited, path);
        assert_eq!(slots[leaf].value.trim(), new.trim(), "{edited}");
        edited
    }

    #[test]
    fn only_the_id_changes_however_it_is_wrapped() {
        assert_eq!(written("<a>\n ami-1\t</a>", "a", "\n ami-22\t"), "<a>\n ami-22\t</a>");
        for (before, after) in [
            ("<a>ami-1</a>", "<a>ami-22</a>"),
            ("<a><!-- ami-1 -->ami-1</a>", "<a><!-- ami-1 -->ami-22</a>"),
            ("<a><![CDATA[ami-1]]></a>", "<a><![CDATA[ami-22]]></a>"),
            ("<a>&#97;mi-1</a>", "<a>ami-22</a>"),
            ("<a x='ami-1'>ami-1</a>", "<a x='ami-1'>ami-22</a>"),
        ] {
            assert_eq!(written(before, "a", "ami-22"), after);
        }
    }

    #[test]
    fn a_script_is_written_as_the_file_writes_others() {
        let script = "a && \"b\" > 'c' ]]>\n";
        for (before, after) in [
            ("<r><a>x</a></r>", "<r><a>a &amp;&amp; \"b\" &gt; 'c' ]]&gt;\n</a></r>"),
            (
                "<r><a>x</a><b>&quot;&apos;</b></r>",
                "<r><a>a &amp;&amp; &quot;b&quot; &gt; &apos;c&apos; \
                 ]]&gt;\n</a><b>&quot;&apos;</b></r>",
            ),
            (
                "<r><a>x</a>\r\n<b>></b></r>",
                "<r><a>a &amp;&amp; \"b\" > 'c' ]]&gt;\r\n</a>\r\n<b>></b></r>",
            ),
            ("<r><a y='1' /></r>", "<r><a y='1'>a &amp;&amp; \"b\" &gt; 'c' ]]&gt;\n</a></r>"),
        ] {
            assert_eq!(written(before, "r.a", script), after);
        }
        assert_eq!(written("<a><![CDATA[x]]></a>", "a", "b <c"), "<a><![CDATA[b <c]]></a>");
        assert_eq!(written("<a>x</a>", "a", "b\rc"), "<a>b&#xd;c</a>");
        let (slots, leaf) = slot_of("<a>x</a>", "a");
        let place = Place { text: "<a>x</a>", slot: &slots[leaf], ascii_only: true };
        assert_eq!(place.escape("x", "é€").unwrap(), "&#xe9;&#x20ac;");
    }

    #[test]
    fn what_stands_between_the_pieces_of_a_text_is_not_lost() {
        for text in ["<a>ami-<!-- b -->1</a>", "<a>ami-<?x?>1</a>"] {
            let (slots, leaf) = slot_of(text, "a");
            let Form::Xml(form) = &slots[leaf].form else { panic!("{slots:?}") };
            let place = Place { text, slot: &slots[leaf], ascii_only: false };
            assert!(write(&place, form, "ami-2").is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_xml_is_told_with_its_line() {
        for (text, line) in [
            ("<a/>\n<b/>", 2),
            ("<a>\n<b c='1' c='2'/></a>", 2),
            ("<a>\n<b></a>", 2),
            ("<a>\n\n", 3),
            ("<a>\n&x</a>", 2),
        ] {
            match read(text) {
                Err(ReadError::Xml { line: found, .. }) => assert_eq!(found, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
