//! Files within a file: configuration as code, or a `config.xml`, as a text of a YAML file of another
//! program's, such as Helm's values, a ConfigMap, or Ansible's variables.

use crate::agent::{Agent, Cloud};
use crate::clouds::mentions_cloud;
use crate::document::Document;
use crate::error::{ReadError, Remark};
use crate::text::Text;
use crate::tree::{Form, Slot, Tree};
use crate::xml::line_of;
use crate::yaml::Written;

/// A text that is a file of Jenkins'.
#[derive(Debug, Clone)]
pub(crate) struct Embedded {
    /// The slot that it is the value of.
    pub(crate) slot: usize,
    /// Its path in the file.
    pub(crate) place: String,
    pub(crate) document: Document,
    lines: Lines,
}

/// Which line of the file a line of a text is.
#[derive(Debug, Clone, Copy)]
struct Lines {
    first: usize,
    /// Each line of the text is one of the file.
    is_literal: bool,
}

impl Lines {
    fn of(text: &str, slot: &Slot) -> Lines {
        let begins = line_of(text, slot.span.start);
        let is_literal = matches!(&slot.form, Form::Yaml(Written::Block(_)))
            && text[slot.span.start..].starts_with('|');
        // The header has a line of its own.
        Lines { first: begins + usize::from(is_literal), is_literal }
    }

    fn in_file(self, line: usize) -> usize {
        if self.is_literal { self.first + line.saturating_sub(1) } else { self.first }
    }
}

impl Embedded {
    /// The line of the file that a line of the text is, from 1.
    pub(crate) fn line(&self, line: usize) -> usize {
        self.lines.in_file(line)
    }
}

/// The texts of a file that may be files of Jenkins'.
pub(crate) struct Texts {
    /// Those that have clouds.
    pub(crate) found: Vec<Embedded>,
    /// Those that could not be read.
    pub(crate) unread: Vec<ReadError>,
}

impl Texts {
    pub(crate) fn remarks(&self) -> Vec<Remark> {
        let of_texts = self.found.iter().flat_map(|it| {
            it.document.remarks().iter().map(|remark| remark.clone().moved(|line| it.line(line)))
        });
        of_texts.chain(self.unread.iter().cloned().map(Remark::Unread)).collect()
    }
}

/// Reads the texts that speak of clouds.
pub(crate) fn read(text: &Text, slots: &[Slot], tree: &Tree) -> Texts {
    let mut texts = Texts { found: Vec::new(), unread: Vec::new() };
    let mut seen = Vec::new();
    for (path, slot) in tree.leaves() {
        let value = &slots[slot].value;
        if seen.contains(&slot) || !mentions_cloud(value) {
            continue;
        }
        seen.push(slot);
        let lines = Lines::of(text.characters(), &slots[slot]);
        // The first step is the number of the YAML document.
        let place = path.split_once('.').map_or(path.as_str(), |(_, rest)| rest).to_owned();
        match Document::parse(value.as_bytes()) {
            Ok(document) if document.clouds().is_empty() => {}
            Ok(document) => texts.found.push(Embedded { slot, place, document, lines }),
            Err(error) => {
                let error = Box::new(error.moved(|line| lines.in_file(line)));
                texts.unread.push(ReadError::Text { place, error });
            }
        }
    }
    texts
}

/// The clouds and agents of all texts, as those of the file.
pub(crate) fn all(texts: &[Embedded]) -> (Vec<Cloud>, Vec<Agent>) {
    let (mut clouds, mut agents) = (Vec::new(), Vec::new());
    for text in texts {
        let first = clouds.len();
        for cloud in text.document.clouds() {
            let mut cloud = cloud.clone();
            cloud.line = text.line(cloud.line);
            cloud.fields.iter_mut().for_each(|field| field.line = text.line(field.line));
            clouds.push(cloud);
        }
        for agent in text.document.agents() {
            let mut agent = agent.clone();
            agent.cloud += first;
            agent.line = text.line(agent.line);
            agent.fields.iter_mut().for_each(|field| field.line = text.line(field.line));
            agents.push(agent);
        }
    }
    (clouds, agents)
}
