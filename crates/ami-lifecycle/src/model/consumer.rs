//! The places that name a template's current AMI, as a configuration describes them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ami_in_file::{Format, Marks, Pattern, Place};
use jenkins_config::AgentName;

use crate::model::digest::digest;
use crate::model::secrets::without_secrets;

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
    /// A parameter of a CloudFormation stack.
    Stack(StackParameter),
    /// An id in any file.
    File(IdInFile),
    /// A file in a git repository.
    Git(GitFile),
    /// Any of these, once the AMI has been current for a while.
    Held(HeldConsumer),
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
            Consumer::Stack($it) => $value,
            Consumer::File($it) => $value,
            Consumer::Git($it) => $value,
            Consumer::Held($it) => $value,
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

/// A consumer that waits: those that do not are tried by the first agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldConsumer {
    /// How long the AMI must have been current.
    pub after: Duration,
    /// The consumer.
    pub inner: Box<Consumer>,
}

impl HeldConsumer {
    pub(crate) fn label(&self) -> String {
        self.inner.label()
    }
}

impl Consumer {
    /// What it is, whether it waits or not.
    #[must_use]
    pub fn bare(&self) -> &Consumer {
        match self {
            Consumer::Held(it) => it.inner.bare(),
            other => other,
        }
    }

    /// How long an AMI must have been current before it is rolled to it.
    pub(crate) fn waits(&self) -> Option<Duration> {
        match self {
            Consumer::Held(it) => Some(it.after),
            _ => None,
        }
    }

    /// The file that it is in, if it is in one here.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Consumer::Jenkins(it) => Some(&it.file),
            Consumer::File(it) => Some(&it.file),
            _ => None,
        }
    }

    /// The same, with another file.
    pub(crate) fn with_file(&self, file: PathBuf) -> Consumer {
        match self.clone() {
            Consumer::Jenkins(it) => Consumer::Jenkins(JenkinsAgents { file, ..it }),
            Consumer::File(it) => Consumer::File(IdInFile { file, ..it }),
            other => other,
        }
    }

    /// The same, with its file in another folder.
    pub(crate) fn in_folder(&self, folder: &Path) -> Consumer {
        match self.file() {
            Some(file) => self.with_file(folder.join(file)),
            None => self.clone(),
        }
    }
}

/// A file in a git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitFile {
    /// The repository's URL.
    pub repository: String,
    /// The branch; the repository's own default where none is named.
    pub branch: Option<String>,
    /// The branch that a change is pushed to for review, in which `{template}`, `{generation}` and `{ami}`
    /// stand for what they say.
    pub review: Option<String>,
    /// Who commits, as `NAME <MAIL>`.
    pub author: Option<String>,
    /// An id in a file or Jenkins' agents, with the file's path in the repository.
    pub inner: Box<Consumer>,
}

impl GitFile {
    pub(crate) fn label(&self) -> String {
        format!("{} of {}", self.inner.label(), without_secrets(&self.repository))
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

/// A parameter of a CloudFormation stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackParameter {
    /// The stack's name.
    pub stack: String,
    /// The parameter's name.
    pub parameter: String,
}

impl StackParameter {
    pub(crate) fn label(&self) -> String {
        format!("stack {}", self.stack)
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

/// An id that stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdInFile {
    /// The file.
    pub file: PathBuf,
    /// How the file is called in messages.
    pub shown: String,
    /// Where in it.
    pub place: FilePlace,
}

impl IdInFile {
    pub(crate) fn label(&self) -> String {
        self.shown.clone()
    }
}

/// Where an id stands in a file. `{region}` stands for the region of the AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilePlace {
    /// The values at these paths.
    At {
        /// How the file is read.
        format: Format,
        /// The paths.
        paths: Vec<String>,
    },
    /// Where the group of a regular expression matches.
    Pattern {
        /// The expression, with one group.
        regex: String,
        /// How often it matches.
        count: usize,
    },
    /// Between two marks.
    Between {
        /// What stands before.
        begin: String,
        /// What stands behind.
        end: String,
        /// How many ids stand between.
        count: usize,
    },
}

impl FilePlace {
    /// The place in a region.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn in_region(&self, region: &str) -> Result<Place, String> {
        let filled = |text: &String| text.replace("{region}", region);
        match self {
            FilePlace::At { format, paths } => {
                if *format == Format::Properties {
                    let keys = paths.iter().map(|text| ami_in_file::Path::key(&filled(text)));
                    return Ok(Place::At(*format, keys.collect()));
                }
                let paths = paths.iter().map(|text| {
                    ami_in_file::Path::parse(&filled(text))
                        .ok_or_else(|| format!("`{text}` is not a path"))
                });
                Ok(Place::At(*format, paths.collect::<Result<_, String>>()?))
            }
            FilePlace::Pattern { regex, count } => {
                Pattern::new(&filled(regex), *count).map(Place::Pattern)
            }
            FilePlace::Between { begin, end, count } => {
                Ok(Place::Between(Marks { begin: filled(begin), end: filled(end), count: *count }))
            }
        }
    }

    /// Whether it is another one in each region.
    pub(crate) fn has_region(&self) -> bool {
        let has = |text: &String| text.contains("{region}");
        match self {
            FilePlace::At { paths, .. } => paths.iter().any(has),
            FilePlace::Pattern { regex, .. } => has(regex),
            FilePlace::Between { begin, end, .. } => has(begin) || has(end),
        }
    }

    /// The place in words.
    pub(crate) fn text(&self, region: &str) -> String {
        let text = match self {
            FilePlace::At { paths, .. } => paths.join(", "),
            FilePlace::Pattern { .. } => "the match of the pattern".into(),
            FilePlace::Between { begin, .. } => format!("behind `{begin}`"),
        };
        text.replace("{region}", region)
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
