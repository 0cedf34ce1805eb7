//! Clouds and agent templates, as a file has them, and how one is named.

use crate::casc;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Jenkins' `config.xml`.
    Xml,
    /// Configuration as code.
    Casc,
}

impl Format {
    /// What Jenkins sees of a short value, such as a name or an id.
    ///
    /// # Errors
    /// What stands in it for a value that only Jenkins, or who makes the file, knows: a variable as
    /// `${NAME}`, or the placeholder of a template.
    pub fn known(self, value: &str) -> Result<String, String> {
        if ["{{", "{%", "<%"].iter().any(|begin| value.contains(begin)) {
            return Err(value.to_owned());
        }
        self.seen(value).map_err(|variable| format!("${{{variable}}}"))
    }

    /// What Jenkins sees of a value.
    ///
    /// # Errors
    /// The first variable in it, whose value only Jenkins knows.
    pub fn seen(self, value: &str) -> Result<String, String> {
        match self {
            Format::Xml => Ok(value.to_owned()),
            Format::Casc => casc::resolved(value),
        }
    }
}

/// A value of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its path below the cloud or agent template, such as `amiType.unixData.sshPort`.
    pub path: String,
    /// Its value, as it is written.
    pub value: String,
    /// The line in which it begins, from 1.
    pub line: usize,
}

/// Where a cloud is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Region {
    /// A region of EC2, by its name. Where none is written, the plugin takes `us-east-1`.
    Named(String),
    /// Only Jenkins, or who makes the file, knows what this stands for: a variable, or a placeholder.
    Variable(String),
    /// It is Eucalyptus, which has no regions.
    None,
}

impl Region {
    /// Reads a region as the plugin does (`EC2Cloud.getRegion`). Its names of before version 1.14
    /// are like `US_WEST_2`.
    pub(crate) fn read(format: Format, written: Option<&str>) -> Region {
        let written = written.map(str::trim).filter(|it| !it.is_empty());
        match format.known(written.unwrap_or("us-east-1")) {
            Err(variable) => Region::Variable(variable),
            Ok(old) if old.contains('_') => Region::Named(old.replace('_', "-").to_lowercase()),
            Ok(region) => Region::Named(region),
        }
    }
}

/// A cloud of the EC2 plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Its name, as it is written.
    pub name: String,
    /// Its region.
    pub region: Region,
    /// The line in which it begins, from 1.
    pub line: usize,
    /// All that is said of it but its agent templates.
    pub fields: Vec<Field>,
}

impl Cloud {
    /// How it is called in messages.
    #[must_use]
    pub fn title(&self) -> String {
        if self.name.is_empty() { "a cloud without name".into() } else { self.name.clone() }
    }
}

/// An agent template: what one kind of agent is launched as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The number of its cloud in [`Document::clouds`](crate::Document::clouds).
    pub cloud: usize,
    /// The format of what it is written in.
    pub format: Format,
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
    /// What kind of machine it is, as `amiType` says: a class in XML, such as `hudson.plugins.ec2.UnixData`,
    /// else a symbol, such as `unixData`; empty where nothing says it.
    pub kind: String,
    /// All that is said of it.
    pub fields: Vec<Field>,
    /// What is a list or the like where Jenkins wants a text: names and lines.
    pub no_texts: Vec<(String, usize)>,
    /// What the plugin asks EC2 for beside the AMI's id.
    pub search: Search,
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

    /// A field, by its path, if there is anything in it. Of two, Jenkins takes the last.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&Field> {
        let mut filled = self.fields.iter().filter(|field| !field.value.trim().is_empty());
        filled.rfind(|field| field.path.eq_ignore_ascii_case(path))
    }
}

/// What the plugin asks EC2 for, together with an AMI's id where there is one: it takes the newest AMI
/// that has all of it, and starts no agent where there is none (`SlaveTemplate.getImage`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// `amiOwners`: account ids, or aliases such as `self`.
    pub owners: Vec<String>,
    /// `amiUsers`: who may launch it.
    pub users: Vec<String>,
    /// `amiFilters`: names with values, of which one has to match.
    pub filters: Vec<(String, Vec<String>)>,
    /// The key that has a variable or no text, and what it has: only Jenkins knows what it asks for.
    pub unknown: Option<(&'static str, String)>,
}

impl Search {
    /// Whether there is nothing but the id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Search::default()
    }

    /// The keys that are there, as both formats call them.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static str> {
        let of = |key| self.unknown.as_ref().is_some_and(|(unknown, _)| *unknown == key);
        let keys = [
            ("amiOwners", self.owners.is_empty()),
            ("amiUsers", self.users.is_empty()),
            ("amiFilters", self.filters.is_empty()),
        ];
        let keys = keys.into_iter().filter(|(key, is_empty)| !is_empty || of(*key));
        keys.map(|(key, _)| key).collect()
    }
}

/// The words of a text, as `hudson.Util.tokenize` has them: quotes hold what belongs together.
pub(crate) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None, None);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => {
                let escaped = characters.next().unwrap_or(character);
                word.get_or_insert_with(String::new).push(escaped);
            }
            (Some(end), it) if it == end => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_with(String::new);
            }
            (None, it) if it.is_whitespace() => words.extend(word.take()),
            (_, it) => word.get_or_insert_with(String::new).push(it),
        }
    }
    words.extend(word);
    words
}

/// How an agent template is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentName {
    /// By its description.
    Description(String),
    /// By its labels, in any order.
    Labels(String),
}

impl AgentName {
    pub(crate) fn names(&self, agent: &Agent) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_regions_are_read_as_the_plugin_reads_them() {
        assert_eq!(words(" a  'b c'\td\"e f\" ''"), ["a", "b c", "de f", ""]);
        assert_eq!(words(r#""foo\" bar" a\b"#), ["foo\" bar", r"a\b"]);
        assert_eq!(words(" \n"), Vec::<String>::new());
        let region = |written| Region::read(Format::Casc, written);
        assert_eq!(region(Some("US_WEST_2")), Region::Named("us-west-2".into()));
        assert_eq!(region(Some("eu-west-1 ")), Region::Named("eu-west-1".into()));
        assert_eq!(region(None), Region::Named("us-east-1".into()));
        assert_eq!(region(Some("")), Region::Named("us-east-1".into()));
        assert_eq!(region(Some("${REGION}")), Region::Variable("${REGION}".into()));
        assert_eq!(region(Some("{{ aws_region }}")), Region::Variable("{{ aws_region }}".into()));
        assert_eq!(Region::read(Format::Xml, Some("${X}")), Region::Named("${X}".into()));
    }
}
