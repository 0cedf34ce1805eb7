//! Files within a file: configuration as code, or a `config.xml`, as a text of a YAML file of another
//! program's, such as Helm's values, a ConfigMap, or Ansible's variables.

use crate::agent::{Agent, Cloud};
use crate::clouds::mentions_cloud;
use crate::document::{Document, Embedded, Lines};
use crate::error::{ReadError, Remark};
use crate::form::yaml::Written;
use crate::text::Text;
use crate::tree::{Form, Slot, Tree};
use crate::xml::line_of;

/// Where a slot's text stands.
fn lines_of(text: &str, slot: &Slot) -> Lines {
    let begins = line_of(text, slot.span.start);
    let is_literal = matches!(&slot.form, Form::Yaml(Written::Block(_)))
        && text[slot.span.start..].starts_with('|');
    // The header has a line of its own.
    Lines { first: begins + usize::from(is_literal), is_literal }
}

/// The texts of a file that may be files of Jenkins'.
pub(crate) struct Texts {
    /// Those that have clouds.
    pub(crate) found: Vec<Embedded>,
    /// Those that could not be read.
    pub(crate) unread: Vec<ReadError>,
    /// What those without clouds have.
    remarks: Vec<Remark>,
}

impl Texts {
    /// What is to be told; with texts that could not be read, or without.
    pub(crate) fn remarks(&self, with_unread: bool) -> Vec<Remark> {
        let of_texts = self.found.iter().flat_map(|it| it.remarks());
        let unread = self.unread.iter().filter(|_| with_unread).cloned().map(Remark::Unread);
        of_texts.chain(self.remarks.iter().cloned()).chain(unread).collect()
    }

    /// Adds the clouds and agents of all texts, as those of the file.
    pub(crate) fn add_to(&self, clouds: &mut Vec<Cloud>, agents: &mut Vec<Agent>) {
        for text in &self.found {
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
                agent.no_texts.iter_mut().for_each(|(_, line)| *line = text.line(*line));
                agents.push(agent);
            }
        }
    }
}

/// What reads a text as a file.
type Parse = fn(&[u8]) -> Result<Document, ReadError>;

/// Reads the texts that speak of clouds. What agents of the file itself have is theirs, as their scripts.
///
/// # Errors
/// When one of these texts is there twice: who reads the file takes the last, others the first.
pub(crate) fn read(
    text: &Text,
    slots: &[Slot],
    tree: &Tree,
    agents: &[Agent],
    parse: Parse,
) -> Result<Texts, ReadError> {
    let mut texts = Texts { found: Vec::new(), unread: Vec::new(), remarks: Vec::new() };
    let scripts: Vec<usize> = agents.iter().filter_map(|agent| agent.slots.init_script).collect();
    let mut seen: Vec<(String, usize)> = Vec::new();
    for (path, slot) in tree.leaves() {
        let value = &slots[slot].value;
        let is_known = scripts.contains(&slot) || seen.iter().any(|(_, it)| *it == slot);
        // A file that is one text has no text within.
        let Some((_, place)) = path.split_once('.').filter(|_| !is_known) else { continue };
        if !mentions_cloud(value) {
            continue;
        }
        let lines = lines_of(text.characters(), &slots[slot]);
        if seen.iter().any(|(it, _)| *it == path) {
            let name = place.rsplit('.').next().unwrap_or(place).to_owned();
            return Err(ReadError::Twice {
                line: line_of(text.characters(), slots[slot].span.start),
                name,
            });
        }
        seen.push((path.clone(), slot));
        let place = place.to_owned();
        match parse(value.as_bytes()) {
            Ok(document) if document.clouds().is_empty() => {
                let it = Embedded { slot, place, document, lines };
                texts.remarks.extend(it.remarks());
            }
            Ok(document) => texts.found.push(Embedded { slot, place, document, lines }),
            Err(error) => {
                let error = Box::new(error.moved(|line| lines.in_file(line)));
                texts.unread.push(ReadError::Text { place, error });
            }
        }
    }
    Ok(texts)
}
