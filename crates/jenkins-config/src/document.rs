//! A whole file: the EC2 plugin's clouds and agent templates in it, and changes to them.

use std::collections::BTreeMap;

use crate::casc;
use crate::clouds::Found;
use crate::error::{EditError, FindError, ReadError};
use crate::text::Text;
use crate::tree::{Form, Slot, Tree};
use crate::{xml, yaml};

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Jenkins' `config.xml`.
    Xml,
    /// Configuration as code.
    Casc,
}

/// A file of Jenkins'.
#[derive(Debug, Clone)]
pub struct Document {
    text: Text,
    format: Format,
    slots: Vec<Slot>,
    tree: Tree,
    clouds: Vec<Cloud>,
    agents: Vec<Agent>,
}

/// A cloud of the EC2 plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Its name, as it is written.
    pub name: String,
    /// Its region.
    pub region: Option<String>,
    /// All else that is said of it but its agent templates: paths and values.
    pub fields: Vec<(String, String)>,
}

/// An agent template: what one kind of agent is launched as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The number of its cloud in [`Document::clouds`].
    pub cloud: usize,
    /// Its name, which the plugin calls its description.
    pub description: Option<String>,
    /// Its labels.
    pub labels: String,
    /// The AMI's id, as it is written.
    pub ami: Option<String>,
    /// Its init script; in configuration as code with `${…}` as it is written there.
    pub init_script: Option<String>,
    /// The line in which it begins, from 1.
    pub line: usize,
    /// All that is said of it: paths and values.
    pub fields: Vec<(String, String)>,
    pub(crate) slots: Slots,
}

/// The slots of what can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slots {
    pub(crate) ami: Option<usize>,
    pub(crate) init_script: Option<usize>,
}

impl Agent {
    /// How it is called in messages.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.description {
            Some(description) => description.clone(),
            None if self.labels.is_empty() => "an agent template without description".into(),
            None => format!("labels \"{}\"", self.labels),
        }
    }

    /// A field's value, by its path.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == path).map(|(_, value)| value.as_str())
    }
}

/// How an agent template is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentName {
    /// By its description.
    Description(String),
    /// By its labels, in any order: for one without a description.
    Labels(String),
}

impl AgentName {
    fn names(&self, agent: &Agent) -> bool {
        let words = |text: &str| {
            let mut words: Vec<String> = text.split_whitespace().map(String::from).collect();
            words.sort();
            words
        };
        match self {
            AgentName::Description(wanted) => agent.description.as_ref() == Some(wanted),
            AgentName::Labels(wanted) => words(wanted) == words(&agent.labels),
        }
    }
}

impl std::fmt::Display for AgentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AgentName::Description(text) => write!(f, "`{text}`"),
            AgentName::Labels(text) => write!(f, "with the labels `{text}`"),
        }
    }
}

/// Which agent template is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector<'a> {
    /// Only in the cloud of this name.
    pub cloud: Option<&'a str>,
    /// Its name.
    pub agent: &'a AgentName,
}

/// What is to change of an agent template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number in [`Document::agents`].
    pub agent: usize,
    /// The new AMI, by id.
    pub ami: Option<String>,
    /// The new init script.
    pub init_script: Option<String>,
}

impl Document {
    /// Reads a file, which is XML when it begins with `<`.
    ///
    /// # Errors
    /// When it is neither XML nor YAML, or in an encoding that is not known.
    pub fn parse(bytes: &[u8]) -> Result<Document, ReadError> {
        let text = Text::decode(bytes)?;
        let is_xml = text.characters().trim_start().starts_with('<');
        let (format, (slots, tree)) = match is_xml {
            true => (Format::Xml, xml::read(text.characters())?),
            false => (Format::Casc, yaml::read(text.characters())?),
        };
        let mut found =
            Found { text: &text, slots: &slots, clouds: Vec::new(), agents: Vec::new() };
        match format {
            Format::Xml => found.xml_clouds(&tree)?,
            Format::Casc => found.casc_clouds(&tree)?,
        }
        let Found { clouds, agents, .. } = found;
        Ok(Document { text, format, slots, tree, clouds, agents })
    }

    /// What kind of file it is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The EC2 plugin's clouds, in the order of the file.
    #[must_use]
    pub fn clouds(&self) -> &[Cloud] {
        &self.clouds
    }

    /// All agent templates, in the order of the file.
    #[must_use]
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// The file's characters.
    #[must_use]
    pub fn characters(&self) -> &str {
        self.text.characters()
    }

    /// The number of the agent template that is meant.
    ///
    /// # Errors
    /// When it is not there exactly once.
    pub fn find(&self, selector: &Selector<'_>) -> Result<usize, FindError> {
        if let Some(name) = selector.cloud
            && !self.clouds.iter().any(|cloud| cloud.name == name)
        {
            let known = self.clouds.iter().map(|cloud| cloud.name.clone()).collect();
            return Err(FindError::NoCloud { name: name.to_owned(), known });
        }
        let there =
            |agent: &Agent| selector.cloud.is_none_or(|name| self.clouds[agent.cloud].name == name);
        let all = || self.agents.iter().enumerate().filter(|(_, agent)| there(agent));
        let found: Vec<usize> = all()
            .filter(|(_, agent)| selector.agent.names(agent))
            .map(|(number, _)| number)
            .collect();
        let name = selector.agent.to_string();
        match found[..] {
            [only] => Ok(only),
            [] => {
                let known = all().map(|(_, agent)| agent.title()).collect();
                Err(FindError::None { name, known })
            }
            _ => {
                let lines = found.iter().map(|number| self.agents[*number].line).collect();
                Err(FindError::Several { name, lines })
            }
        }
    }

    /// The file with some values changed, and nothing else.
    ///
    /// # Errors
    /// When a value has no place in the file, or its place is others' too.
    pub fn edit(&self, changes: &[Change]) -> Result<Vec<u8>, EditError> {
        let wanted = self.wanted(changes)?;
        self.refuse_shared(&wanted)?;
        let mut characters = self.text.characters().to_owned();
        let mut in_reverse: Vec<(&usize, &Wanted)> = wanted.iter().collect();
        in_reverse.sort_by_key(|(slot, _)| std::cmp::Reverse(self.slots[**slot].span.start));
        for (slot, wanted) in in_reverse {
            let slot = &self.slots[*slot];
            let unwritable = |reason| wanted.unwritable(self, reason);
            let new = self.write(slot, &wanted.value).map_err(unwritable)?;
            characters.replace_range(slot.span.clone(), &new);
        }
        let bytes = self.text.encode(&characters);
        let bytes = bytes.ok_or_else(|| {
            let first = wanted.values().next().expect("something that changed was not encoded");
            first.unwritable(self, "the file's encoding lacks a character".into())
        })?;
        self.compare(&wanted, &bytes)?;
        Ok(bytes)
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
                self.add(&mut wanted, slot, change.agent, value)?;
            }
            if let Some(script) = &change.init_script {
                let missing = || EditError::NoScript { agent: title.clone(), line };
                let slot = agent.slots.init_script.ok_or_else(missing)?;
                self.refuse_variable(agent, &self.slots[slot].value)?;
                let value = match self.format {
                    Format::Xml => script.clone(),
                    Format::Casc => casc::escaped(script),
                };
                self.add(&mut wanted, slot, change.agent, value)?;
            }
        }
        wanted.retain(|slot, it| self.slots[*slot].value != it.value);
        Ok(wanted)
    }

    fn refuse_variable(&self, agent: &Agent, value: &str) -> Result<(), EditError> {
        match (self.format, casc::resolved(value)) {
            (Format::Casc, Err(variable)) => {
                Err(EditError::Variable { agent: agent.title(), line: agent.line, variable })
            }
            _ => Ok(()),
        }
    }

    fn add(
        &self,
        wanted: &mut BTreeMap<usize, Wanted>,
        slot: usize,
        agent: usize,
        value: String,
    ) -> Result<(), EditError> {
        let it = wanted.entry(slot).or_insert(Wanted { value: value.clone(), agents: Vec::new() });
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
            let others: Vec<String> = self
                .agents
                .iter()
                .enumerate()
                .filter(|(number, other)| {
                    !it.agents.contains(number) && slots(other).contains(&Some(*slot))
                })
                .map(|(_, other)| format!("{} (line {})", other.title(), other.line))
                .collect();
            let others = match others.is_empty() {
                true => "something that is no agent template".to_owned(),
                false => others.join(", "),
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
        match before.len() == after.len() {
            true => Ok(()),
            false => Err(EditError::Differs("its end".into())),
        }
    }
}

/// A value that a slot is to have.
struct Wanted {
    value: String,
    /// For which agents.
    agents: Vec<usize>,
}

impl Wanted {
    fn unwritable(&self, document: &Document, reason: String) -> EditError {
        let agent = &document.agents[self.agents[0]];
        EditError::Unwritable { agent: agent.title(), line: agent.line, reason }
    }
}
