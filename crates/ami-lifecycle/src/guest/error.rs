//! How a machine, or what is done on it, fails.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::account::AccountFault;
use super::ssh_error::SshError;
use crate::ec2::error::CloudError;
use crate::ec2::wait::{IsTransient, WaitError};
use crate::source::error::SourceError;

/// Why something on a machine failed.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The instance ended by itself.
    #[error("the instance {instance} ended{}", reason.as_ref().map(|it| format!(": {it}")).unwrap_or_default())]
    InstanceEnded {
        /// Which.
        instance: String,
        /// EC2's reason.
        reason: Option<String>,
    },
    /// There was never a login.
    #[error("no login at {user}@{address}:{port} within {} s: {last}", after.as_secs())]
    NoLogin {
        /// As whom.
        user: String,
        /// Where.
        address: IpAddr,
        /// At which port.
        port: u16,
        /// How long it was tried.
        after: Duration,
        /// What was seen at the end, and what it means.
        last: String,
        /// It is the program of `connect` that made no connection.
        by_program: bool,
        /// The last lines of the console, where EC2 has them.
        console: Vec<String>,
    },
    /// The SSH connection failed later on.
    #[error("the SSH connection to the instance failed: {0}")]
    Connection(String),
    /// A command of amiable's own failed in the guest.
    #[error("failed to {doing} on the instance (exit status {status}){}", tail_text(tail))]
    Command {
        /// What it was to do.
        doing: &'static str,
        /// Its exit status.
        status: u32,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// A script of the template failed.
    #[error("{what} {script} failed with exit status {status}{}", signal(*status))]
    Script {
        /// What it is: the init script, the seal script, the verify script.
        what: &'static str,
        /// Its path.
        script: String,
        /// Its exit status.
        status: u32,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// A script of the template was not run to its end, by no fault of the script's own.
    #[error("{what} did not finish: {reason}")]
    ScriptCut {
        /// What it is.
        what: &'static str,
        /// What kept it from that.
        reason: String,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// A script of the template did not come to its end in time.
    #[error("gave up after {} s: {what} {script} did not end", limit.as_secs())]
    ScriptTimedOut {
        /// What it is.
        what: &'static str,
        /// Its path.
        script: String,
        /// How long it had.
        limit: Duration,
        /// Its last lines.
        tail: Vec<String>,
        /// The last of them has no end: it may be a question.
        is_asking: bool,
    },
    /// What the login user may do on the instance does not do for the scripts.
    #[error(transparent)]
    Account(#[from] AccountFault),
    /// The private key of an EC2 key pair cannot be used.
    #[error("the private key {} cannot be used: {message}", file.display())]
    KeyFile {
        /// Its file.
        file: PathBuf,
        /// Why.
        message: String,
    },
    /// The checkout that is to be sent.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A call of the API.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A wait ran out of time.
    #[error("gave up after {} s: {what} did not end", limit.as_secs())]
    TimedOut {
        /// For what.
        what: &'static str,
        /// How long.
        limit: Duration,
    },
    /// Someone asked to stop.
    #[error("interrupted")]
    Cancelled,
}

/// The signal that an exit status tells of, as a shell does: 128 and its number (signal(7)).
fn signal(status: u32) -> String {
    let name = match status {
        129 => "SIGHUP",
        130 => "SIGINT",
        131 => "SIGQUIT",
        132 => "SIGILL",
        134 => "SIGABRT",
        135 => "SIGBUS",
        136 => "SIGFPE",
        137 => "SIGKILL",
        139 => "SIGSEGV",
        141 => "SIGPIPE",
        143 => "SIGTERM",
        _ => return String::new(),
    };
    format!(" ({name})")
}

fn tail_text(tail: &[String]) -> String {
    tail.last().map(|line| format!(": {line}")).unwrap_or_default()
}

impl From<SshError> for GuestError {
    fn from(error: SshError) -> GuestError {
        GuestError::Connection(error.to_string())
    }
}

impl IsTransient for GuestError {
    fn is_transient(&self) -> bool {
        matches!(self, GuestError::Cloud(error) if error.is_transient())
    }
}

impl GuestError {
    /// The error of a wait.
    pub(super) fn waiting(what: &'static str, error: WaitError<GuestError>) -> GuestError {
        match error {
            WaitError::TimedOut(limit) => GuestError::TimedOut { what, limit },
            WaitError::Cancelled => GuestError::Cancelled,
            WaitError::Failed(error) => error,
        }
    }

    /// What the user can do.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            GuestError::NoLogin { by_program: true, .. } => {
                "check `connect`, and try its program by hand; `amiable doctor` checks that the \
                 programs and the endpoint exist, and \"instance-connect\" needs version 2.12 of \
                 `aws` or newer"
                    .into()
            }
            GuestError::NoLogin { port, .. } => format!(
                "check `ssh_user` and `ssh_port`, that the base runs cloud-init, and that port \
                 {port} can be reached from here (security groups, `public_ip`, `connect`)"
            ),
            GuestError::Account(fault) => fault.hint(),
            GuestError::Script { status: 137, .. } => {
                "SIGKILL comes from the script itself, from somebody on the machine, or from the kernel when \
                 memory runs out: then a larger `instance_type` helps"
                    .into()
            }
            GuestError::ScriptTimedOut { is_asking: true, .. } => {
                "its last line is unfinished: it seems to wait for an answer that nobody can give. \
                 DEBIAN_FRONTEND=noninteractive does not pass through sudo (`sudo -E`, or `sudo env …`), \
                 and needrestart asks unless NEEDRESTART_MODE=a"
                    .into()
            }
            GuestError::ScriptTimedOut { .. } => {
                "set a longer wait in the template's `timeouts`; a program that prompts without a \
                 terminal waits forever: `-y`, DEBIAN_FRONTEND=noninteractive"
                    .into()
            }
            _ => return None,
        })
    }
}

/// An instance that ends while it should boot will not come back.
pub(crate) fn ended(instance: &str, state: &str, reason: Option<String>) -> Result<(), GuestError> {
    match state {
        "pending" | "running" => Ok(()),
        _ => Err(GuestError::InstanceEnded { instance: instance.to_owned(), reason }),
    }
}
