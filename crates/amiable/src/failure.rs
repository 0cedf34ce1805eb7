//! How a command fails: what is said, and the exit status.

use ami_lifecycle::{
    BakeError, CloudError, FailedIn, GuestError, InDoubt, InRegion, NotDeleted, NotPromoted,
    NotRestored, NotVerified, Refusal, WrongAccount,
};

pub(crate) use ami_lifecycle::chain;

use crate::config::{self, ConfigError};

/// The exit statuses, as the README lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// The work failed.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// `plan --exit-code` has found something to do.
    Work = 3,
    /// Another server has the folder that `local serve` was to serve: `EX_TEMPFAIL` of sysexits.
    Taken = 75,
    /// Ctrl-C, or a SIGTERM: 128 and the signal's number, as shells count.
    Interrupted = 130,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// The template or AMI that it is about, which the text begins with.
    pub(crate) subject: Option<String>,
    /// What is wrong, as it stands behind `error: `.
    pub(crate) message: String,
    /// More lines that belong to it.
    pub(crate) details: Vec<String>,
    pub(crate) hint: Option<String>,
    /// All was told already; only the status counts.
    pub(crate) silent: bool,
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Failure {
        Failure {
            status,
            subject: None,
            message: message.into(),
            details: Vec::new(),
            hint: None,
            silent: false,
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Failure {
        Failure::new(Status::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Status::Usage, message)
    }

    /// For a failure whose parts were all told when they happened.
    pub(crate) fn told(status: Status) -> Failure {
        Failure { silent: true, ..Failure::new(status, "") }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// Says what it is about.
    pub(crate) fn about(self, subject: impl Into<String>) -> Failure {
        Failure { subject: Some(subject.into()), ..self }
    }

    pub(crate) fn details(self, details: Vec<String>) -> Failure {
        Failure { details, ..self }
    }

    /// The text for standard error.
    pub(crate) fn text(&self) -> String {
        let subject = self.subject.iter().map(|subject| format!("{subject}: "));
        let mut text = format!("error: {}{}", subject.collect::<String>(), self.message);
        for detail in &self.details {
            text += &format!("\n{detail}");
        }
        if let Some(hint) = &self.hint {
            text += &format!("\nhint: {hint}");
        }
        text
    }
}

impl From<InDoubt> for Failure {
    fn from(doubt: InDoubt) -> Failure {
        Failure::failed(doubt.to_string()).hint(doubt.hint())
    }
}

impl From<WrongAccount> for Failure {
    fn from(error: WrongAccount) -> Failure {
        match error {
            WrongAccount::Cloud(error) => error.into(),
            other => Failure::usage(other.to_string()).hint(
                "check `profile` and `account` under [cloud], and the AWS_… variables of the \
                 environment",
            ),
        }
    }
}

impl From<CloudError> for Failure {
    fn from(error: CloudError) -> Failure {
        let failure = Failure::failed(error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl<E: Into<Failure>> From<InRegion<E>> for Failure {
    fn from(InRegion { region, error }: InRegion<E>) -> Failure {
        let failure: Failure = error.into();
        let region = region.map(|region| format!("{region}: ")).unwrap_or_default();
        Failure { message: format!("{region}{}", failure.message), ..failure }
    }
}

impl From<NotDeleted> for Failure {
    fn from(error: NotDeleted) -> Failure {
        match error {
            NotDeleted::Cloud(error) => error.into(),
            NotDeleted::CopiesLeft => Failure::failed(error.to_string()),
            other => Failure::failed(other.to_string())
                .hint("run `amiable list` to see what there is now"),
        }
    }
}

impl From<NotRestored> for Failure {
    fn from(error: NotRestored) -> Failure {
        match error {
            NotRestored::Cloud(error) => error.into(),
            other => Failure::failed(other.to_string()),
        }
    }
}

impl From<NotPromoted> for Failure {
    fn from(error: NotPromoted) -> Failure {
        match error {
            NotPromoted::Cloud(error) => error.into(),
            other => Failure::failed(other.to_string())
                .hint("it was not made current; run `amiable list` to see what there is"),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        let failure = Failure::usage(chain(&error));
        match error {
            ConfigError::NotFound(_) => failure
                .hint("run `amiable init` to write one, or use --config for one that is elsewhere"),
            ConfigError::Unreadable { .. } => failure,
            ConfigError::Mistakes { path, text, diagnostics } => failure
                .details(vec![String::new(), config::render(&path, &text, &diagnostics, true)]),
        }
    }
}

/// A failed bake of one template. `log` is the file that has the script's output.
pub(crate) fn of_bake(template: &str, failed: &FailedIn, log: &str) -> Failure {
    let message = match failed.error {
        BakeError::Cancelled => format!("interrupted while {}", failed.stage.label()),
        // The text alone does not tell at which machine, nor in which step.
        BakeError::Guest(GuestError::Connection(_)) => {
            format!("{} while {}", chain(&failed.error), failed.stage.label())
        }
        _ => chain(&failed.error),
    };
    of_error(message, &failed.error, &failed.left, log).about(template)
}

/// A verification without a verdict. `log` is the file that has the script's output.
pub(crate) fn of_verification(ami: &str, failed: &NotVerified, log: &str) -> Failure {
    let message = match failed.error {
        BakeError::Cancelled => format!("{ami}: interrupted while it was verified"),
        _ => format!("{ami} could not be verified: {}", chain(&failed.error)),
    };
    of_error(message, &failed.error, &failed.left, log)
}

fn of_error(
    message: String,
    error: &BakeError,
    left: &[(String, CloudError)],
    log: &str,
) -> Failure {
    let status = match error {
        BakeError::Cancelled => Status::Interrupted,
        BakeError::Refused(Refusal::InDoubt(_)) => Status::Failed,
        BakeError::Refused(_) | BakeError::Naming(_) => Status::Usage,
        _ => Status::Failed,
    };
    let mut details = Vec::new();
    if let BakeError::Guest(
        GuestError::Script { tail, .. }
        | GuestError::ScriptTimedOut { tail, .. }
        | GuestError::ScriptCut { tail, .. }
        | GuestError::Command { tail, .. },
    ) = error
    {
        if !tail.is_empty() {
            details.push("its last lines:".to_owned());
        }
        details.extend(tail.iter().map(|line| format!("  | {line}")));
    }
    if let BakeError::Guest(GuestError::NoLogin { console, .. }) = error
        && !console.is_empty()
    {
        details.push("the last lines of its console:".to_owned());
        details.extend(console.iter().map(|line| format!("  | {line}")));
    }
    let is_of_the_log = match error {
        BakeError::Guest(GuestError::KeyFile { .. }) => false,
        BakeError::Guest(_) | BakeError::TimedOut { .. } | BakeError::Quarantined { .. } => true,
        _ => false,
    };
    if is_of_the_log {
        details.push(format!("full log: {log}"));
    }
    if let BakeError::NameInUse { users, .. } = error {
        details.extend(users.iter().map(|user| format!("  {user}")));
    }
    for (id, error) in left {
        details.push(format!("left behind: {id}, because it could not be removed: {error}"));
        details.push("`amiable sweep` removes it".into());
    }
    let failure = Failure::new(status, message).details(details);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What a command returns.
pub(crate) type Outcome = Result<(), Failure>;
