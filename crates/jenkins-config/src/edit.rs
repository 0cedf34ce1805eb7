//! Changes to a file: some values, and no other byte.

use std::collections::BTreeMap;

use crate::agent::{Agent, Format};
use crate::casc;
use crate::document::Document;
use crate::error::EditError;
use crate::tree::{Form, Slot};
use crate::{xml, yaml};

/// What is to change of an agent template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Its number in [`Document::agents`].
    pub agent: usize,
    /// The new AMI, by id.
    pub ami: Option<String>,
    /// The new init script.
    pub init_script: Option<String>,
    /// The characters that this script was written with in this place before
    /// ([`Document::written_script`]). They are written again where they read as the script.
    pub written: Option<String>,
}

impl Document {
    /// The file with some values changed, and nothing else.
    ///
    /// # Errors
    /// When a value has no place in the file, or its place is others' too.
    pub fn edit(&self, changes: &[Change]) -> Result<Vec<u8>, EditError> {
        let own = changes.iter().filter(|change| change.agent < self.own).cloned();
        let mut wanted = self.wanted(&own.collect::<Vec<Change>>())?;
        self.refuse_shared(&wanted)?;
        wanted.extend(self.wanted_texts(changes)?);
        let is_written = wanted.values().any(|it| it.written.is_some());
        // Written as before it may read as something else, where what is around it has changed.
        if is_written && let Ok(bytes) = self.put(&wanted, true) {
            return Ok(bytes);
        }
        self.put(&wanted, false)
    }

    /// The characters that an agent template's init script is written with, for [`Change::written`].
    #[must_use]
    pub fn written_script(&self, agent: usize) -> Option<&str> {
        let mut first = self.own;
        for text in &self.embedded {
            let count = text.document.agents().len();
            if (first..first + count).contains(&agent) {
                return text.document.written_script(agent - first);
            }
            first += count;
        }
        let slot = &self.slots[self.agents.get(agent)?.slots.init_script?];
        Some(&self.text.characters()[slot.span.clone()])
    }

    /// The file with values in their slots; `as_before` with the characters that they had before.
    fn put(&self, wanted: &BTreeMap<usize, Wanted>, as_before: bool) -> Result<Vec<u8>, EditError> {
        let mut characters = self.text.characters().to_owned();
        let mut in_reverse: Vec<(&usize, &Wanted)> = wanted.iter().collect();
        in_reverse.sort_by_key(|(slot, _)| std::cmp::Reverse(self.slots[**slot].span.start));
        for (slot, wanted) in in_reverse {
            let slot = &self.slots[*slot];
            let kept = wanted.written.as_ref().filter(|it| as_before && self.ends_lines_alike(it));
            let new = match kept {
                Some(written) => self.fitted(slot, written),
                None => {
                    let unwritable = |reason| wanted.unwritable(self, reason);
                    self.write(slot, &wanted.value).map_err(unwritable)?
                }
            };
            characters.replace_range(slot.span.clone(), &new);
        }
        let bytes = self.text.encode(&characters);
        let bytes = bytes.ok_or_else(|| {
            let first = wanted.values().next().expect("something that changed was not encoded");
            first.unwritable(self, "the file's encoding lacks a character".into())
        })?;
        self.compare(wanted, &bytes)?;
        Ok(bytes)
    }

    /// Characters of before in the place of a slot: the line end behind a block of YAML belongs to it, and
    /// not to what is quoted.
    fn fitted(&self, slot: &Slot, written: &str) -> String {
        let text = self.text.characters();
        let (there, here) = (&text[slot.span.clone()], written);
        let is_block = here.starts_with(['|', '>']);
        let line_end = if there.ends_with("\r\n") { "\r\n" } else { "\n" };
        match self.format {
            Format::Xml => here.to_owned(),
            Format::Casc if there.ends_with('\n') && !is_block => format!("{here}{line_end}"),
            Format::Casc if !there.ends_with('\n') && is_block && slot.span.end < text.len() => {
                let whole = here.strip_suffix('\n').unwrap_or(here);
                whole.strip_suffix('\r').unwrap_or(whole).to_owned()
            }
            Format::Casc => here.to_owned(),
        }
    }

    /// Whether lines end as they do in the file, which may have been converted since. What has both kinds is
    /// as somebody has written it.
    fn ends_lines_alike(&self, written: &str) -> bool {
        let kinds = |text: &str| {
            let all = text.matches('\n').count();
            let crlf = text.matches("\r\n").count();
            (crlf > 0, all > crlf)
        };
        let (of_file, of_written) = (kinds(self.text.characters()), kinds(written));
        match of_written {
            (true, false) => of_file.0,
            (false, true) => of_file.1,
            _ => true,
        }
    }

    /// The new texts of those within the file.
    fn wanted_texts(&self, changes: &[Change]) -> Result<BTreeMap<usize, Wanted>, EditError> {
        let mut wanted = BTreeMap::new();
        let mut first = self.own;
        for text in &self.embedded {
            let range = first..first + text.document.agents().len();
            first = range.end;
            let own = changes.iter().filter(|change| range.contains(&change.agent));
            let agents: Vec<usize> = own.clone().map(|change| change.agent).collect();
            let own = own.map(|it| Change { agent: it.agent - range.start, ..it.clone() });
            let own: Vec<Change> = own.collect();
            let edited = text.document.edit(&own);
            let edited = edited.map_err(|error| error.moved(|line| text.line(line)))?;
            let value = String::from_utf8(edited)
                .map_err(|error| EditError::Differs(format!("{}: {error}", text.place)))?;
            if value == self.slots[text.slot].value {
                continue;
            }
            if self.tree.leaves().iter().filter(|(_, slot)| *slot == text.slot).count() > 1 {
                let agent = &self.agents[agents[0]];
                let others = "something that is no agent template".to_owned();
                return Err(EditError::Shared { agent: agent.title(), line: agent.line, others });
            }
            wanted.insert(text.slot, Wanted { value, written: None, agents });
        }
        Ok(wanted)
    }

    /// The value that each slot is to have. What is as it should be is left out.
    fn wanted(&self, changes: &[Change]) -> Result<BTreeMap<usize, Wanted>, EditError> {
        let mut wanted: BTreeMap<usize, Wanted> = BTreeMap::new();
        for change in changes {
            let agent = &self.agents[change.agent];
            let (title, line) = (agent.title(), agent.line);
            if let Some(ami) = &change.ami {
                let missing = || EditError::NoAmi { agent: title.clone(), line };
                let slot = agent.slots.ami.ok_or_else(missing)?;
                let old = &self.slots[slot].value;
                self.refuse_variable(agent, old)?;
                if !old.trim().starts_with("ami-") {
                    return Err(missing());
                }
                // Blanks around it stay.
                let value = old.replace(old.trim(), ami);
                self.add(&mut wanted, slot, change.agent, (value, None))?;
            }
            if let Some(script) = &change.init_script {
                let missing = || EditError::NoScript { agent: title.clone(), line };
                let slot = agent.slots.init_script.ok_or_else(missing)?;
                self.refuse_variable(agent, &self.slots[slot].value)?;
                let value = match self.format {
                    Format::Xml => script.clone(),
                    Format::Casc => casc::escaped(script),
                };
                let written = change.written.clone();
                self.add(&mut wanted, slot, change.agent, (value, written))?;
            }
        }
        wanted.retain(|slot, it| self.slots[*slot].value != it.value);
        Ok(wanted)
    }

    fn refuse_variable(&self, agent: &Agent, value: &str) -> Result<(), EditError> {
        self.format.seen(value).map(drop).map_err(|variable| EditError::Variable {
            agent: agent.title(),
            line: agent.line,
            variable,
        })
    }

    fn add(
        &self,
        wanted: &mut BTreeMap<usize, Wanted>,
        slot: usize,
        agent: usize,
        (value, written): (String, Option<String>),
    ) -> Result<(), EditError> {
        let new = Wanted { value: value.clone(), written, agents: Vec::new() };
        let it = wanted.entry(slot).or_insert(new);
        if it.value != value {
            let agent = &self.agents[agent];
            return Err(EditError::Contradiction { agent: agent.title(), line: agent.line });
        }
        if !it.agents.contains(&agent) {
            it.agents.push(agent);
        }
        Ok(())
    }

    /// Refuses to change what is seen elsewhere too, by an alias. Jenkins ignores names
    /// that begin with `x-`, which are there to hold anchors
    /// (<https://github.com/jenkinsci/configuration-as-code-plugin/blob/master/docs/features/yamlAliasesAndAnchors.md>).
    fn refuse_shared(&self, wanted: &BTreeMap<usize, Wanted>) -> Result<(), EditError> {
        let holder = |path: &str| path.split('.').nth(1).is_some_and(|it| it.starts_with("x-"));
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        for (path, slot) in self.tree.leaves() {
            if self.format == Format::Xml || !holder(&path) {
                *seen.entry(slot).or_default() += 1;
            }
        }
        for (slot, it) in wanted {
            if seen.get(slot).copied().unwrap_or_default() <= it.agents.len() {
                continue;
            }
            let slots = |agent: &Agent| [agent.slots.ami, agent.slots.init_script];
            let others: Vec<String> = self.agents[..self.own]
                .iter()
                .enumerate()
                .filter(|(number, other)| {
                    !it.agents.contains(number) && slots(other).contains(&Some(*slot))
                })
                .map(|(_, other)| format!("{} (line {})", other.title(), other.line))
                .collect();
            let others = if others.is_empty() {
                "something that is no agent template".to_owned()
            } else {
                others.join(", ")
            };
            let agent = &self.agents[it.agents[0]];
            return Err(EditError::Shared { agent: agent.title(), line: agent.line, others });
        }
        Ok(())
    }

    fn write(&self, slot: &Slot, value: &str) -> Result<String, String> {
        let text = self.text.characters();
        match &slot.form {
            Form::Xml(written) => {
                let ascii_only = !self.text.is_unicode();
                xml::write(&xml::Place { text, slot, ascii_only }, written, value)
            }
            Form::Yaml(written) => Ok(yaml::write(text, slot, written, value)),
            Form::Fixed => Err("it is an attribute".into()),
        }
    }

    /// Reads the edited file again: all values but those wanted must be what they were.
    fn compare(&self, wanted: &BTreeMap<usize, Wanted>, bytes: &[u8]) -> Result<(), EditError> {
        let again =
            Document::parse(bytes).map_err(|error| EditError::Differs(error.to_string()))?;
        let (before, after) = (self.tree.leaves(), again.tree.leaves());
        for (place, (path, slot)) in before.iter().enumerate() {
            let old = &self.slots[*slot].value;
            let expected = wanted.get(slot).map_or(old, |it| &it.value);
            let found = after.get(place).filter(|(other, _)| other == path);
            if found.map(|(_, slot)| &again.slots[*slot].value) != Some(expected) {
                return Err(EditError::Differs(path.clone()));
            }
        }
        if before.len() == after.len() { Ok(()) } else { Err(EditError::Differs("its end".into())) }
    }
}

/// A value that a slot is to have.
struct Wanted {
    value: String,
    /// The characters that it had in this place before.
    written: Option<String>,
    /// For which agents.
    agents: Vec<usize>,
}

impl Wanted {
    fn unwritable(&self, document: &Document, reason: String) -> EditError {
        let agent = &document.agents[self.agents[0]];
        EditError::Unwritable { agent: agent.title(), line: agent.line, reason }
    }
}
