//! A whole file: the EC2 plugin's clouds and agent templates in it, and changes to them.

use crate::agent::{Agent, Cloud, Format, Selector};
use crate::error::{FindError, Remark};
use crate::text::Text;
use crate::tree::{Slot, Tree};

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
    pub(crate) remarks: Vec<Remark>,
}

impl Document {
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

/// A text that is a file of Jenkins'.
#[derive(Debug, Clone)]
pub(crate) struct Embedded {
    /// The slot that it is the value of.
    pub(crate) slot: usize,
    /// Its path in the file.
    pub(crate) place: String,
    pub(crate) document: Document,
    pub(crate) lines: Lines,
}

impl Embedded {
    /// The line of the file that a line of the text is, from 1.
    pub(crate) fn line(&self, line: usize) -> usize {
        self.lines.in_file(line)
    }
}

impl Embedded {
    pub(crate) fn remarks(&self) -> impl Iterator<Item = Remark> {
        let remarks = self.document.remarks().iter().cloned();
        remarks.map(|remark| remark.moved(|line| self.line(line)))
    }
}

/// Which line of the file a line of a text is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines {
    pub(crate) first: usize,
    /// Each line of the text is one of the file.
    pub(crate) is_literal: bool,
}

impl Lines {
    pub(crate) fn in_file(self, line: usize) -> usize {
        if self.is_literal { self.first + line.saturating_sub(1) } else { self.first }
    }
}
