//! What can go wrong when a consumer is read or rolled.

use std::path::PathBuf;
use std::time::Duration;

use jenkins_config::{EditError, FindError, ReadError};

use super::server::ServerError;
use crate::ec2::error::CloudError;
use crate::source::error::SourceError;

/// Why a consumer could not be read or rolled.
#[derive(Debug, thiserror::Error)]
pub enum RollError {
    /// Its file cannot be read.
    #[error("failed to read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Its file is not what it should be.
    #[error("failed to understand {}", path.display())]
    NotJenkins {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ReadError,
    },
    /// Its repository could not be cloned or pushed to.
    #[error(transparent)]
    Repository(#[from] SourceError),
    /// The file is not in the repository.
    #[error(
        "{file}: there is no such file on branch {branch}, or a link leads out of the repository"
    )]
    NotInRepository {
        /// The file, and the repository.
        file: String,
        /// The branch.
        branch: String,
    },
    /// Others were quicker each time.
    #[error("others have pushed first, {tries} times in a row: {last}")]
    Contended {
        /// How often it was tried.
        tries: u32,
        /// What git said of the last time.
        last: String,
    },
    /// Its file has characters of another encoding.
    #[error("{}: its encoding could not be determined", .0.display())]
    Encoding(PathBuf),
    /// The place in the file is none.
    #[error("{}: {reason}", path.display())]
    BadPlace {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The id is not at its place in the file.
    #[error(transparent)]
    InFile(#[from] ami_in_file::PlaceError),
    /// Agent templates that are named are not there, or more than once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<String>>().join("; "))]
    Agents(Vec<FindError>),
    /// The new value has no place in the file.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The init script in the file is nobody's that is known.
    #[error("{agent} has an init script that is neither {small} nor {whole}; it would be lost")]
    UnknownScript {
        /// The agent template.
        agent: String,
        /// The boot script's file.
        small: String,
        /// The whole script's file.
        whole: String,
    },
    /// The configuration has no boot script any more.
    #[error(
        "{0} has a boot script that the AMI was not baked with, and the configuration has none"
    )]
    Stranded(String),
    /// The plugin asks for more than the id, and would find no AMI.
    #[error(
        "{agent} asks EC2 for an AMI by its id and by {keys}, which {ami} does not match: Jenkins \
         could not start an agent"
    )]
    NotFound {
        /// The agent template.
        agent: String,
        /// The keys of the agent template that exclude the AMI.
        keys: String,
        /// The AMI.
        ami: String,
    },
    /// The plugin asks for more than the id, which only Jenkins knows.
    #[error(
        "{agent} asks EC2 for an AMI by its id and by {key}, which has {variable}: whether \
         {ami} matches could not be determined"
    )]
    Unsearchable {
        /// The agent template.
        agent: String,
        /// The key.
        key: &'static str,
        /// What it has that is not known.
        variable: String,
        /// The AMI.
        ami: String,
    },
    /// Somebody else has written it since it was looked at.
    #[error("{} has changed since it was read, and was not written", .0.display())]
    ChangedUnderneath(PathBuf),
    /// Its file cannot be written.
    #[error("failed to write {}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The running Jenkins does not follow.
    #[error("the running Jenkins does not match its file")]
    Server(#[source] ServerError),
    /// The running Jenkins cannot be asked.
    #[error("failed to query the running Jenkins")]
    Asking(#[source] ServerError),
    /// A call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The parameter is of another type.
    #[error("it is a {kind}, which cannot hold an AMI id")]
    ParameterKind {
        /// Its type.
        kind: String,
    },
    /// SSM looks at the AMI before it takes the value.
    #[error(
        "it has not taken {ami} within {} s, though SSM has accepted it: the AMI must be available \
         in this region, and SSM must be allowed to see it", limit.as_secs()
    )]
    ParameterNotTaken {
        /// The AMI.
        ami: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The launch template gets its AMI from elsewhere.
    #[error("it takes its AMI from {0}: roll that parameter instead")]
    Resolved(String),
    /// A tag of the template's is for AMIs of the template.
    #[error("{0} is not one of the template's AMIs, so it is not tagged")]
    NotOfTemplate(String),
    /// A query's answer has no AMI in it.
    #[error("{program} printed something other than AMI ids: {text}")]
    NoIds {
        /// The program.
        program: String,
        /// What it prints.
        text: String,
    },
    /// There is no such launch template, or it has no default version.
    #[error("there is no such launch template, or no such version of it")]
    NoLaunchTemplate,
    /// There is no such stack.
    #[error("there is no such stack")]
    NoStack,
    /// The stack has no such parameter.
    #[error("it has no parameter {parameter}")]
    NoStackParameter {
        /// The parameter.
        parameter: String,
        /// Those that it has.
        known: String,
    },
    /// The stack's update has failed.
    #[error(
        "the update failed ({status}){}",
        failures.iter().map(|it| format!("\n  | {it}")).collect::<String>()
    )]
    StackUpdate {
        /// The stack's status.
        status: String,
        /// What failed, and why.
        failures: Vec<String>,
        /// The AMI of before.
        before: String,
    },
    /// There is no such group.
    #[error("there is no such auto scaling group")]
    NoGroup,
    /// A mixed instances policy names an AMI by itself.
    #[error("an override of its mixed instances policy names {0} itself")]
    ImageOfOverride(String),
    /// A launch configuration cannot be changed, and AWS gives them to no new account.
    #[error("it starts instances from a launch configuration, not from a launch template")]
    LaunchConfiguration,
    /// Its instances are being replaced by others.
    #[error("an instance refresh to {to} is in progress ({complete} %)")]
    Refreshing {
        /// What it goes to.
        to: String,
        /// The group.
        group: String,
        /// How far it is.
        complete: i32,
    },
    /// Its instances have not been replaced.
    #[error("the instance refresh {}{}", ended(status), reason.as_deref().map(|it| format!(": {it}")).unwrap_or_default())]
    Refresh {
        /// How it ended, as Auto Scaling names it.
        status: String,
        /// Why.
        reason: Option<String>,
        /// What the group starts instances from now.
        now: String,
    },
    /// A command could not be started.
    #[error("failed to start {program}")]
    NotStarted {
        /// The program.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A command failed.
    #[error("{program} {how}{}", tail.iter().map(|line| format!("\n  | {line}")).collect::<String>())]
    Command {
        /// The program.
        program: String,
        /// How it ended.
        how: String,
        /// The last lines that it wrote.
        tail: Vec<String>,
    },
    /// What was asked to end.
    #[error("interrupted")]
    Cancelled,
}

/// How an instance refresh ended, in words.
fn ended(status: &str) -> &'static str {
    match status {
        "Cancelled" => "was cancelled",
        "RollbackSuccessful" => "failed, and was rolled back",
        "RollbackFailed" => "failed, and its rollback too",
        _ => "failed",
    }
}

/// What can be done about an id that is not at its place.
fn in_file(error: &ami_in_file::PlaceError) -> Option<String> {
    use ami_in_file::PlaceError;
    Some(match error {
        PlaceError::NoId(_) => {
            "amiable exchanges one id for another: write any AMI id there once, such as \
             ami-00000000000000000"
                .into()
        }
        PlaceError::Missing(_) => "check `at`: keys with dots in between, such as \
                                   images.linux[0].ami; a key with other characters stands in quotes"
            .into(),
        PlaceError::SeveralIds(_) | PlaceError::Shared(_) | PlaceError::Several(_) => {
            "name the place by `pattern` or by `between` instead".into()
        }
        PlaceError::Count { found: 1.., .. } => "if that is intended, set `count`".into(),
        _ => return None,
    })
}

impl RollError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            RollError::Agents(errors) => match errors.first() {
                Some(FindError::Several { .. }) => {
                    "name the cloud too, with `cloud` beside `agents`, or name them by their labels: \
                     { labels = \"…\" }"
                        .into()
                }
                _ => "`agents` names agent templates by their description, or by { labels = \"…\" \
                      }".into(),
            },
            RollError::UnknownScript { .. } => {
                "keep it in one of the two files, or let `amiable roll --force` replace it".into()
            }
            RollError::NotFound { keys, .. } => format!(
                "remove {keys} from the agent template, or make them match; `amiable roll --force` \
                 writes the AMI anyway"
            ),
            RollError::Unsearchable { key, .. } => format!(
                "remove {key} from the agent template; `amiable roll --force` writes the AMI anyway"
            ),
            RollError::Stranded(_) => {
                "set `boot_script` again, so that the script that the AMI needs is put back".into()
            }
            RollError::NotJenkins { source, .. } => return source.hint().map(String::from),
            RollError::InFile(error) => return in_file(error),
            RollError::NoStackParameter { known, .. } if !known.is_empty() => {
                format!("its parameters are {known}")
            }
            RollError::StackUpdate { status, before, .. } => match status.as_str() {
                "UPDATE_ROLLBACK_COMPLETE" => {
                    format!("CloudFormation has taken it back: the parameter is {before} again")
                }
                _ => "look at the stack in the CloudFormation console".into(),
            },
            RollError::LaunchConfiguration => {
                "copy it to a launch template in the EC2 console, and let the group use that".into()
            }
            RollError::Refreshing { group, .. } => format!(
                "wait until it has ended, or run `aws autoscaling cancel-instance-refresh \
                 --auto-scaling-group-name {group}`"
            ),
            RollError::Refresh { now, .. } => format!(
                "new instances start from {now}; `aws autoscaling describe-scaling-activities` shows more. \
                 `amiable roll` tries again, and `amiable rollback` goes back to the AMI of before"
            ),
            RollError::ImageOfOverride(_) => {
                "remove ImageId from the override: the launch template has the AMI".into()
            }
            RollError::ChangedUnderneath(_) => "run the same command to check it again".into(),
            RollError::Server(error) | RollError::Asking(error) => return error.hint(),
            RollError::Cloud(error) => return error.hint(),
            _ => return None,
        })
    }
}
