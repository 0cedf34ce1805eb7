//! YAML: where each scalar stands, and how another value is written there.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::error::ReadError;
use crate::form::yaml::{Block, Written};
use crate::tree::{Form, Slot, Tree, exchanged};

/// The most values that a file's aliases may expand to: far beyond any real file.
const MOST_VALUES: usize = 1_000_000;

/// A node as it is written; an alias is the node that it stands for.
#[derive(Debug, Clone)]
enum Node {
    Scalar(usize),
    /// Where it begins, and its items.
    Sequence(usize, Vec<usize>),
    /// Where it begins, and its keys and values, with the place of a merge among them.
    Mapping(usize, Vec<(Key, usize)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Name(String),
    Merge,
}

/// Reads a file with all its documents.
pub(crate) fn read(text: &str) -> Result<(Vec<Slot>, Tree), ReadError> {
    let mut reader =
        Reading { text, slots: Vec::new(), nodes: Vec::new(), anchors: HashMap::new(), last: 0 };
    let documents = reader.documents()?;
    let Reading { slots, nodes, .. } = reader;
    let mut expansion = Expansion { nodes: &nodes, slots: &slots, count: 0 };
    let mut entries = Vec::new();
    for (number, root) in documents.into_iter().enumerate() {
        entries.push((number.to_string(), expansion.tree(root)?));
    }
    Ok((slots, Tree::Branch(0, entries)))
}

struct Reading<'t> {
    text: &'t str,
    slots: Vec<Slot>,
    nodes: Vec<Node>,
    /// The nodes by the parser's number of their anchor.
    anchors: HashMap<usize, usize>,
    /// Where the event before has ended.
    last: usize,
}

/// A collection that is not closed yet.
struct Open {
    anchor: usize,
    at: usize,
    mapping: bool,
    items: Vec<usize>,
}

impl Reading<'_> {
    fn documents(&mut self) -> Result<Vec<usize>, ReadError> {
        let mut documents = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(self.text) {
            let (event, span) = event.map_err(|error| ReadError::Yaml {
                line: error.marker().line(),
                reason: error.info(),
            })?;
            let range = span.byte_range().unwrap_or(0..0);
            let node = match event {
                Event::Scalar(value, style, anchor, _) => {
                    let node = self.scalar(&value, style, span);
                    self.named(anchor, node)
                }
                Event::SequenceStart(_, anchor, _) => {
                    open.push(Open { anchor, at: range.start, mapping: false, items: Vec::new() });
                    self.last = range.end;
                    continue;
                }
                Event::MappingStart(_, anchor, _) => {
                    open.push(Open { anchor, at: range.start, mapping: true, items: Vec::new() });
                    self.last = range.end;
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let closed = open.pop().expect("the parser pairs them");
                    self.close(closed)
                }
                Event::Alias(anchor) => *self.anchors.get(&anchor).ok_or(ReadError::Yaml {
                    line: span.start.line(),
                    reason: "an alias stands for what it is in".into(),
                })?,
                _ => continue,
            };
            self.last = range.end.max(self.last);
            match open.last_mut() {
                Some(parent) => parent.items.push(node),
                None => documents.push(node),
            }
        }
        Ok(documents)
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn named(&mut self, anchor: usize, node: usize) -> usize {
        if anchor > 0 {
            self.anchors.insert(anchor, node);
        }
        node
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, span: Span) -> usize {
        let range = span.byte_range().unwrap_or(0..0);
        let (span, form) = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let header = self.header_before(range.start);
                // The parser's span ends in the indentation of what comes next.
                let end = self.line_start(range.end).max(header.end);
                let end = if range.end == self.text.len() { range.end } else { end };
                let indent = range.start - self.line_start(range.start);
                let indent = if value.trim().is_empty() { 0 } else { indent };
                (header.start..end, Written::Block(Block { header, indent }))
            }
            ScalarStyle::Plain if range.is_empty() => {
                // It is told where its key ends, before the colon.
                let behind = &self.text[range.end..];
                let at = range.end + behind.find(':').map_or(0, |colon| colon + 1);
                (at..at, Written::Nothing)
            }
            _ => (range, Written::Flow),
        };
        let is_null = style == ScalarStyle::Plain && ["~", "null", "Null", "NULL"].contains(&value);
        let value = if form == Written::Nothing || is_null { "" } else { value };
        self.slots.push(Slot { span, value: value.to_owned(), form: Form::Yaml(form) });
        self.add(Node::Scalar(self.slots.len() - 1))
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    /// The header of the block whose lines begin at a place: behind the event before there
    /// are only `:` or `-`, an anchor, a tag, the header, and a comment.
    fn header_before(&self, content: usize) -> Range<usize> {
        let mut at = self.last.min(content);
        for word in self.text[at..content].split_whitespace() {
            at += self.text[at..content].find(word).unwrap_or(0);
            if word.starts_with(['|', '>']) {
                return at..at + word.len();
            }
            at += word.len();
        }
        content..content
    }

    fn close(&mut self, closed: Open) -> usize {
        let node = if closed.mapping {
            let pairs = closed.items.chunks_exact(2);
            let pairs: Vec<(Key, usize)> = pairs.map(|pair| (self.key(pair[0]), pair[1])).collect();
            Node::Mapping(closed.at, pairs)
        } else {
            Node::Sequence(closed.at, closed.items)
        };
        let node = self.add(node);
        self.named(closed.anchor, node)
    }

    fn key(&self, node: usize) -> Key {
        match &self.nodes[node] {
            Node::Scalar(slot) => {
                let slot = &self.slots[*slot];
                // Quoted, it is a name like any other.
                match &self.text[slot.span.clone()] {
                    "<<" => Key::Merge,
                    _ => Key::Name(slot.value.clone()),
                }
            }
            _ => Key::Name("?".into()),
        }
    }
}

/// Follows aliases and merges, so that the tree is what Jenkins sees.
struct Expansion<'n> {
    nodes: &'n [Node],
    slots: &'n [Slot],
    count: usize,
}

impl Expansion<'_> {
    fn tree(&mut self, node: usize) -> Result<Tree, ReadError> {
        self.count += 1;
        if self.count > MOST_VALUES {
            return Err(ReadError::TooLarge(MOST_VALUES));
        }
        Ok(match &self.nodes[node] {
            Node::Scalar(slot) => Tree::Leaf(*slot),
            Node::Sequence(at, items) => {
                let mut entries = Vec::new();
                for (number, item) in items.iter().enumerate() {
                    entries.push((number.to_string(), self.tree(*item)?));
                }
                Tree::Branch(*at, entries)
            }
            Node::Mapping(at, _) => {
                let mut entries = Vec::new();
                for (name, value) in self.merged(node, 0) {
                    entries.push((name, self.tree(value)?));
                }
                Tree::Branch(*at, entries)
            }
        })
    }

    /// A mapping's own keys, doubles with them, then those of what is merged into it that it has not itself
    /// (<https://yaml.org/type/merge.html>).
    fn merged(&self, node: usize, depth: usize) -> Vec<(String, usize)> {
        // Only what is written before can be merged, so that a circle cannot be.
        let Node::Mapping(_, pairs) = &self.nodes[node] else { return Vec::new() };
        let mut entries: Vec<(String, usize)> = Vec::new();
        for (key, value) in pairs {
            if let Key::Name(name) = key {
                entries.push((name.clone(), *value));
            }
        }
        for (key, value) in pairs {
            if *key != Key::Merge || depth > self.slots.len() {
                continue;
            }
            let sources = match &self.nodes[*value] {
                Node::Sequence(_, items) => items.clone(),
                _ => vec![*value],
            };
            for source in sources {
                for (name, value) in self.merged(source, depth + 1) {
                    if entries.iter().all(|(known, _)| *known != name) {
                        entries.push((name, value));
                    }
                }
            }
        }
        entries
    }
}

/// The characters that make a parser see `new` in the place of a slot.
pub(crate) fn write(text: &str, slot: &Slot, written: &Written, new: &str) -> String {
    let raw = &text[slot.span.clone()];
    if let Some(changed) = exchanged(raw, &slot.value, new) {
        return changed;
    }
    match written {
        Written::Nothing => format!(" {}", double_quoted(new)),
        Written::Flow if raw.starts_with('\'') && !new.contains('\n') && is_printable(new) => {
            format!("'{}'", new.replace('\'', "''"))
        }
        Written::Flow => double_quoted(new),
        Written::Block(block) => match literal(text, slot, block, new) {
            Some(literal) => literal,
            // The line end behind a block belongs to it, and not to what is quoted.
            None if raw.ends_with('\n') => format!("{}{}", double_quoted(new), line_end_of(raw)),
            None => double_quoted(new),
        },
    }
}

/// The end of a text's last line.
fn line_end_of(text: &str) -> &'static str {
    if text.ends_with("\r\n") { "\r\n" } else { "\n" }
}

fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn is_printable(text: &str) -> bool {
    // The last three end a line in YAML 1.1, which Jenkins reads.
    let special = ['\u{feff}', '\u{85}', '\u{2028}', '\u{2029}'];
    let is_text = |it: char| it == '\t' || it == '\n' || !it.is_control();
    text.chars().all(|it| is_text(it) && !special.contains(&it))
}

/// A literal block in the indentation and with the comment of the old one, where the text
/// can be one.
fn literal(text: &str, slot: &Slot, block: &Block, new: &str) -> Option<String> {
    let first = new.lines().next()?;
    let header = &text[block.header.clone()];
    let digits: String = header.chars().filter(char::is_ascii_digit).collect();
    if !is_printable(new) || new.trim().is_empty() || block.indent == 0 {
        return None;
    }
    // The first line tells the indentation, where the header does not.
    if digits.is_empty() && (first.trim().is_empty() || first.starts_with([' ', '\t'])) {
        return None;
    }
    let body = new.trim_end_matches('\n');
    let ends = new.len() - body.len();
    let keeps = header.contains('+');
    let chomp = match ends {
        0 => "-",
        _ if keeps => "+",
        1 => "",
        _ => "+",
    };
    let raw = &text[slot.span.clone()];
    // A comment may stand behind the header.
    let behind = &text[block.header.end..slot.span.end];
    let behind = &behind[..behind.find('\n')?];
    let mut result = format!("|{digits}{chomp}{}\n", behind);
    let indent = " ".repeat(block.indent);
    let line_end = line_end(text);
    for (number, line) in body.split('\n').enumerate() {
        if number > 0 {
            result += line_end;
        }
        if !line.is_empty() {
            result += &indent;
            result += line;
        }
    }
    // Empty lines behind the block belong to the value only where the header keeps them.
    match keeps || ends > 1 {
        true => result += &line_end.repeat(ends.max(1)),
        // The last line of the file, without an end, is read in two ways.
        false if !raw.ends_with('\n') && ends == 1 => result += line_end,
        false => result += &raw[raw.trim_end_matches(['\n', '\r', ' ']).len()..],
    }
    Some(result)
}

fn double_quoted(text: &str) -> String {
    let mut result = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => result += "\\\"",
            '\\' => result += "\\\\",
            '\n' => result += "\\n",
            '\t' => result += "\\t",
            '\r' => result += "\\r",
            '\u{feff}' | '\u{2028}' | '\u{2029}' => {
                result += &format!("\\u{:04X}", u32::from(character));
            }
            it if it.is_control() => result += &format!("\\x{:02x}", u32::from(it)),
            it => result.push(it),
        }
    }
    result + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot_of(text: &str, path: &str) -> (Vec<Slot>, usize) {
        crate::tree::slot_of(read(text).unwrap(), path)
    }

    fn value(text: &str, path: &str) -> String {
        let (slots, leaf) = slot_of(text, path);
        slots[leaf].value.clone()
    }

    /// The file after a value was written, which then reads as that value.
    fn written(text: &str, path: &str, new: &str) -> String {
        let (slots, leaf) = slot_of(text, path);
        let Form::Yaml(form) = &slots[leaf].form else { panic!("{slots:?}") };
        let raw = write(text, &slots[leaf], form, new);
        let span = slots[leaf].span.clone();
        let edited = format!("{}{raw}{}", &text[..span.start], &text[span.end..]);
        assert_eq!(value(&edited, path).trim_end(), new.trim_end(), "{edited}");
        edited
    }

    #[test]
    fn only_the_id_changes_however_it_is_written() {
        for (before, after) in [
            ("a: ami-1 # ami-1\n", "a: ami-22 # ami-1\n"),
            ("a: &x \"ami-1\"\r\nb: *x", "a: &x \"ami-22\"\r\nb: *x"),
            ("{a: 'ami-1', b: ami-1}", "{a: 'ami-22', b: ami-1}"),
            ("a: |-\n  ami-1\nb: 1\n", "a: |-\n  ami-22\nb: 1\n"),
            ("a: >\n  ami-1\n\nb: 1\n", "a: >\n  ami-22\n\nb: 1\n"),
            ("a: \"\\x61mi-1\"\n", "a: \"ami-22\"\n"),
            ("a: !!str ami-1\n", "a: !!str ami-22\n"),
            ("? a\n: ami-1\n", "? a\n: ami-22\n"),
        ] {
            let new = value(before, "0.a").replace("ami-1", "ami-22");
            assert_eq!(written(before, "0.a", &new), after);
        }
    }

    #[test]
    fn a_script_keeps_its_block() {
        let script = "#!/bin/sh\n\n  two \"x\"\n";
        for (before, after) in [
            ("a: |\n  one\nb: 1\n", "a: |\n  #!/bin/sh\n\n    two \"x\"\nb: 1\n"),
            (
                "a: &b |   # why\n    one\n\n\nb: 1",
                "a: &b |   # why\n    #!/bin/sh\n\n      two \"x\"\n\n\nb: 1",
            ),
            ("a: |-\r\n  one\r\nb: 1\r\n", "a: |\r\n  #!/bin/sh\r\n\r\n    two \"x\"\r\nb: 1\r\n"),
            ("a: |\n  one", "a: |\n  #!/bin/sh\n\n    two \"x\"\n"),
            ("a: |+\n  one\n\nb: 1\n", "a: |+\n  #!/bin/sh\n\n    two \"x\"\nb: 1\n"),
            ("a: |2\n   one\nb: 1\n", "a: |2\n  #!/bin/sh\n\n    two \"x\"\nb: 1\n"),
            ("a: >\n  one\n  two\n", "a: |\n  #!/bin/sh\n\n    two \"x\"\n"),
            ("- a: \"one\"\n  b: 1\n", "- a: \"#!/bin/sh\\n\\n  two \\\"x\\\"\\n\"\n  b: 1\n"),
        ] {
            let path = if before.starts_with('-') { "0.0.a" } else { "0.a" };
            assert_eq!(written(before, path, script), after);
        }
        let text = "a: |+\n  x\n\nb: 1\n";
        assert_eq!(written(text, "0.a", "y"), "a: |-\n  y\nb: 1\n");
        let broken = "x\u{2028}y\n";
        assert_eq!(written("a: |\n  x\nb: 1\n", "0.a", broken), "a: \"x\\u2028y\\n\"\nb: 1\n");
        assert_eq!(written("a:\nb: 1\n", "0.a", "x\n"), "a: \"x\\n\"\nb: 1\n");
        assert_eq!(written("a: |\n  x\nb: 1\n", "0.a", "  y\n"), "a: \"  y\\n\"\nb: 1\n");
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let text = "x: &d {ami: ami-1, zone: z}\nl:\n- <<: *d\n  zone: y\n- <<: [*d, {k: v}]\n- \
                    *d\n---\n- n\n";
        for (path, expected) in [
            ("0.l.0.ami", "ami-1"),
            ("0.l.0.zone", "y"),
            ("0.l.1.zone", "z"),
            ("0.l.1.k", "v"),
            ("0.l.2.ami", "ami-1"),
            ("1.0", "n"),
        ] {
            assert_eq!(value(text, path), expected);
        }
        let (_, tree) = read(text).unwrap();
        let leaves = tree.leaves();
        let first = leaves.iter().find(|(path, _)| path == "0.x.ami").unwrap().1;
        assert_eq!(leaves.iter().filter(|(_, slot)| *slot == first).count(), 4);
    }

    #[test]
    fn what_is_no_yaml_or_too_much_of_it_is_refused() {
        assert!(matches!(read("a: [\n"), Err(ReadError::Yaml { .. })));
        // Jenkins' loader takes the last: which names are read is the readers' matter.
        assert_eq!(value("a: 1\nb: 2\na: 3\n", "0.b"), "2");
        assert!(matches!(read("a: *b\n"), Err(ReadError::Yaml { line: 1, .. })));
        assert!(matches!(read("a: &a [*a]\n"), Err(ReadError::Yaml { .. })));
        let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..9 {
            let below = format!("*a{},", level - 1).repeat(10);
            laughs += &format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(','));
        }
        assert!(matches!(read(&laughs), Err(ReadError::TooLarge(_))));
    }
}
