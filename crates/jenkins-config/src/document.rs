//! A whole file: the EC2 plugin's clouds and agent templates in it, and changes to them.

use crate::agent::{Agent, Cloud, Format, Selector};
use crate::clouds::{Found, mentions_cloud};
use crate::embedded::{self, Embedded};
use crate::error::{FindError, ReadError, Remark};
use crate::program::recognised;
use crate::text::Text;
use crate::tree::{Slot, Tree};
use crate::{xml, yaml};

/// A file of Jenkins', or one of another program's that has Jenkins' configuration in it.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) text: Text,
    pub(crate) format: Format,
    pub(crate) slots: Vec<Slot>,
    pub(crate) tree: Tree,
    pub(crate) clouds: Vec<Cloud>,
    pub(crate) agents: Vec<Agent>,
    /// How many agents stand in the file itself; those of its texts come behind them.
    pub(crate) own: usize,
    /// Texts of the file that are such files themselves.
    pub(crate) embedded: Vec<Embedded>,
    remarks: Vec<Remark>,
}

impl Document {
    /// Reads a file, which is XML when it begins with `<`. Configuration as code is also found below
    /// other keys, and both formats in texts of a YAML file, as of Helm's values.
    ///
    /// # Errors
    /// When it is neither XML nor YAML, or in an encoding that is not known.
    pub fn parse(bytes: &[u8]) -> Result<Document, ReadError> {
        let text = Text::decode(bytes)?;
        let characters = text.characters();
        let is_xml = characters.trim_start().starts_with('<');
        let (format, read) = match is_xml {
            true => (Format::Xml, xml::read(characters)),
            false => (Format::Casc, yaml::read(characters)),
        };
        let as_program = |error| match recognised(characters) {
            Some(kind) => ReadError::Program { kind },
            None => error,
        };
        let (slots, tree) = read.map_err(as_program)?;
        let mut found = Found::new(&text, &slots);
        match format {
            Format::Xml => found.xml_clouds(&tree)?,
            Format::Casc => found.casc_clouds(&tree)?,
        }
        let Found { mut clouds, mut agents, mut remarks, .. } = found;
        let own = agents.len();
        let mut embedded = Vec::new();
        if format == Format::Casc {
            let texts = embedded::read(&text, &slots, &tree, &agents)?;
            let is_alone = clouds.is_empty();
            texts.add_to(&mut clouds, &mut agents);
            if let (true, Some(error)) = (clouds.is_empty(), texts.unread.first()) {
                return Err(error.clone());
            }
            // Beside clouds a text that only speaks of them may be anything.
            remarks.extend(texts.remarks(is_alone));
            embedded = texts.found;
        }
        if clouds.is_empty()
            && mentions_cloud(characters)
            && let Some(kind) = recognised(characters)
        {
            return Err(ReadError::Program { kind });
        }
        Ok(Document { text, format, slots, tree, clouds, agents, own, embedded, remarks })
    }

    /// What the file has and is left alone, such as clouds without agent templates.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Jenkins' root URL, where the file says it: as configuration as code, in Helm's values, or in
    /// `jenkins.model.JenkinsLocationConfiguration.xml`. `None` where a variable says it.
    #[must_use]
    pub fn root_url(&self) -> Option<String> {
        let is_url = |path: &str| {
            let path = path.to_lowercase();
            path.ends_with("unclassified.location.url") || path.ends_with(".jenkinsurl")
        };
        let leaves = self.tree.leaves();
        let mut own = leaves.iter().rev().filter(|(path, _)| is_url(path));
        let own = own.find_map(|(_, slot)| self.format.known(self.slots[*slot].value.trim()).ok());
        let own = own.filter(|url| !url.is_empty());
        own.or_else(|| self.embedded.iter().find_map(|it| it.document.root_url()))
    }

    /// The paths of the texts that the clouds are in, where another program's file has them.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.embedded.iter().map(|it| it.place.as_str())
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
}
