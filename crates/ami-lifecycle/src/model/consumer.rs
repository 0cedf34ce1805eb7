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
    /// A parameter of Systems Manager.
    Ssm(SsmParameter),
    /// The default version of a launch template.
    LaunchTemplate(LaunchTemplate),
    /// What an Auto Scaling group starts instances from.
    AutoScalingGroup(AutoScalingGroup),
    /// A tag that only one AMI of the template has at a time.
    Tag(ChannelTag),
    /// Anything else: a command is told the AMI.
    Command(ConsumerCommand),
}

/// The one place that knows all kinds: evaluates an expression for what a consumer is.
macro_rules! each_kind {
    ($consumer:expr, $it:ident => $value:expr) => {
        match $consumer {
            Consumer::Jenkins($it) => $value,
            Consumer::Ssm($it) => $value,
            Consumer::LaunchTemplate($it) => $value,
            Consumer::AutoScalingGroup($it) => $value,
            Consumer::Tag($it) => $value,
            Consumer::Command($it) => $value,
        }
    };
}
pub(crate) use each_kind;

impl Consumer {
    /// How it is called in messages.
    #[must_use]
    pub fn label(&self) -> String {
        each_kind!(self, it => it.label())
    }
}

/// A parameter of Systems Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsmParameter {
    /// Its name.
    pub name: String,
}

impl SsmParameter {
    pub(crate) fn label(&self) -> String {
        format!("SSM parameter {}", self.name)
    }
}

/// A launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchTemplate {
    /// Its id or name.
    pub key: String,
}

impl LaunchTemplate {
    pub(crate) fn label(&self) -> String {
        format!("launch template {}", self.key)
    }
}

/// An Auto Scaling group with a launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoScalingGroup {
    /// Its name.
    pub name: String,
    /// Instances that it has are replaced, too.
    pub refresh: Option<RefreshOptions>,
}

impl AutoScalingGroup {
    pub(crate) fn label(&self) -> String {
        format!("auto scaling group {}", self.name)
    }
}

/// How the instances of a group are replaced. Whatever is not said is as Auto Scaling has it
/// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html>).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefreshOptions {
    /// How many instances stay in service, in percent of the desired capacity.
    pub min_healthy: Option<u8>,
    /// How many instances there may be meanwhile, in percent of the desired capacity.
    pub max_healthy: Option<u8>,
    /// How long a new instance is given before it counts.
    pub warmup: Option<Duration>,
    /// After how much of the instances, in percent, it is waited.
    pub checkpoints: Vec<u8>,
    /// How long it is waited there.
    pub checkpoint_delay: Option<Duration>,
}

/// A tag that one AMI of a template has at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelTag {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

impl ChannelTag {
    pub(crate) fn label(&self) -> String {
        format!("tag {}={}", self.key, self.value)
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

impl JenkinsAgents {
    pub(crate) fn label(&self) -> String {
        self.shown.clone()
    }
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
    pub(crate) fn label(&self) -> String {
        format!("command {}", self.program())
    }

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
