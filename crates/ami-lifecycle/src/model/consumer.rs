//! The places that name a template's current AMI, as a configuration describes them.

use std::path::PathBuf;
use std::time::Duration;

use jenkins_config::AgentName;

use crate::model::digest::digest;

/// A place that names a template's current AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consumer {
    /// Agent templates in a file of Jenkins'.
    Jenkins(JenkinsAgents),
    /// A parameter of Systems Manager, by its name.
    Ssm(String),
    /// The default version of a launch template, by its id or name.
    LaunchTemplate(String),
    /// A tag that only one AMI of the template has at a time.
    Tag {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// Anything else: a command is told the AMI.
    Command(ConsumerCommand),
}

impl Consumer {
    /// How it is called in messages.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Consumer::Jenkins(jenkins) => jenkins.shown.clone(),
            Consumer::Ssm(parameter) => format!("SSM parameter {parameter}"),
            Consumer::LaunchTemplate(template) => format!("launch template {template}"),
            Consumer::Tag { key, value } => format!("tag {key}={value}"),
            Consumer::Command(command) => format!("command {}", command.program()),
        }
    }
}

/// Agent templates in a file of Jenkins'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JenkinsAgents {
    /// The file: `config.xml`, or configuration as code.
    pub file: PathBuf,
    /// How the file is called in messages.
    pub shown: String,
    /// Only in the cloud of this name.
    pub cloud: Option<String>,
    /// Which agent templates.
    pub agents: Vec<AgentName>,
    /// Whether the running Jenkins, where there is one, is made to follow.
    pub reload: bool,
}

/// A command that is told the AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerCommand {
    /// The program and its arguments, in which `{ami}`, `{name}`, `{template}`,
    /// `{generation}` and `{region}` stand for what they say.
    pub run: Vec<String>,
    /// A program that prints the ids of the AMIs in use, in words of their own.
    pub query: Option<Vec<String>>,
    /// Where it runs.
    pub folder: PathBuf,
    /// How long it may take.
    pub timeout: Duration,
}

impl ConsumerCommand {
    /// The program, for messages.
    #[must_use]
    pub fn program(&self) -> &str {
        self.run.first().map_or("", String::as_str)
    }
}

/// The init scripts of a template's agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootScript {
    /// What is left to do at boot for an AMI that was baked with it.
    pub small: ScriptText,
    /// What an AMI without that needs.
    pub whole: ScriptText,
}

impl BootScript {
    /// What an AMI is tagged with that was baked with it.
    pub(crate) fn digest(&self) -> String {
        digest(&self.small.text)
    }
}

/// A script, and the file that it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptText {
    /// The file's name, for messages.
    pub shown: String,
    /// Its text.
    pub text: String,
}

/// Whether two scripts are the same: how the last line ends is read in two ways.
pub(crate) fn is_same(left: &str, right: &str) -> bool {
    left.trim_end_matches('\n') == right.trim_end_matches('\n')
}
