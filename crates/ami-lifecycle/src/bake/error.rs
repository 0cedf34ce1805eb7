//! How a bake fails.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::NameTaken;
use crate::action::Action;
use crate::deleting::{NotDeleted, NotPromoted};
use crate::error::{CloudError, CloudErrorKind};
use crate::event::Stage;
use crate::fleet::Refusal;
use crate::guest::{AccountFault, quote};
use crate::naming::NamingError;
use crate::source::SourceError;
use crate::ssh::SshError;
use crate::takeover::Busy;
use crate::tampering::Tampered;
use crate::template::Architecture;
use crate::wait::{MayPass, WaitError};

/// Why a bake failed.
#[derive(Debug, thiserror::Error)]
pub enum BakeError {
    /// It was not begun.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The base is not there.
    #[error("there is no base AMI: {0}")]
    NoBase(String),
    /// The template that it is based on has no current AMI.
    #[error("there is no base AMI: template {0} has no current AMI")]
    BaseNotBaked(String),
    /// The base cannot be used.
    #[error(
        "the base AMI {id} ({name}) is backed by instance store, not by EBS: it cannot be stopped and imaged"
    )]
    InstanceStoreBase {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// The base is of another architecture.
    #[error("the base AMI {id} is {is}, and the template says {wanted}")]
    BaseArchitecture {
        /// Its id.
        id: String,
        /// What it is.
        is: String,
        /// What the template says.
        wanted: Architecture,
    },
    /// The base is not to be launched.
    #[error("the base AMI {id} is {state}")]
    BaseState {
        /// Its id.
        id: String,
        /// EC2's state.
        state: String,
    },
    /// The name that the convention gives is none.
    #[error(transparent)]
    Naming(#[from] NamingError),
    /// The source could not be checked out here.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A call of the API.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// Somebody deletes what it would make current, or go on with.
    #[error("{operator} is deleting {resource}")]
    BeingDeleted {
        /// The AMI or instance.
        resource: String,
        /// Who, as `user@host`.
        operator: String,
    },
    /// What it would make current, or go on with, is not there any more.
    #[error("{0} is gone")]
    Gone(String),
    /// The AMI whose name it is to have was not deleted.
    #[error("the AMI that has its name is not deleted: {0}")]
    NameNotFreed(NotDeleted),
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
    /// It runs, and has no address of the kind that is asked for.
    #[error("{instance} cannot be reached: {reason}")]
    NoAddress {
        /// Which.
        instance: String,
        /// What it lacks.
        reason: &'static str,
    },
    /// Nobody knows whom a security group is to let in.
    #[error("the address of this machine, as AWS sees it, could not be determined: {0}")]
    OwnAddress(String),
    /// The SSH connection failed later on.
    #[error("the SSH connection to the instance failed: {0}")]
    Connection(String),
    /// A command of amiable's own failed in the guest.
    #[error("failed to {doing} on the instance (exit status {status}){}", tail_text(tail))]
    Guest {
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
    #[error("{what} was not run to its end: {reason}")]
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
    /// EC2 could not make the image.
    #[error("the image {image} is {state}{}", reason.as_ref().map(|it| format!(": {it}")).unwrap_or_default())]
    ImageFailed {
        /// Its id.
        image: String,
        /// EC2's state.
        state: String,
        /// EC2's reason.
        reason: Option<String>,
    },
    /// The template wants its AMIs encrypted.
    #[error("{0} is not encrypted, and is to be")]
    NotEncrypted(String),
    /// Another AMI has become current in the first region while one was copied.
    #[error("{by} has become current in the first region meanwhile, and is to be so here")]
    Overtaken {
        /// That one.
        by: String,
    },
    /// A wait ran out of time.
    #[error("gave up after {} s: {what} did not end", limit.as_secs())]
    TimedOut {
        /// For what.
        what: &'static str,
        /// How long.
        limit: Duration,
    },
    /// Someone else bakes the same template.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The new AMI failed verification.
    #[error("{ami} is quarantined, as it failed verification: {}", failures.join("; "))]
    Quarantined {
        /// The new AMI.
        ami: String,
        /// What is wrong with it.
        failures: Vec<String>,
    },
    /// Another AMI has the name that the new one is to have.
    #[error(transparent)]
    NameTaken(NameTaken),
    /// The AMI that has the name is to stay as it is.
    #[error(
        "{image} has the name {name} that the next AMI is to have, and is protected from deregistration"
    )]
    NameProtected {
        /// The name.
        name: String,
        /// Who has it.
        image: String,
    },
    /// Something would miss the AMI that is to give its name up.
    #[error("{image} has the name {name} that the next AMI is to have, and is used by its id")]
    NameInUse {
        /// The name.
        name: String,
        /// Who has it.
        image: String,
        /// By whom, or what could not be looked up.
        users: Vec<String>,
    },
    /// The private key of an EC2 key pair cannot be used.
    #[error("the private key {} cannot be used: {message}", file.display())]
    KeyFile {
        /// Its file.
        file: PathBuf,
        /// Why.
        message: String,
    },
    /// Another hand has copied an AMI, or edited its tags.
    #[error("{}: {}", .0.ami, .0.how)]
    Tampered(Tampered),
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

impl From<SshError> for BakeError {
    fn from(error: SshError) -> BakeError {
        BakeError::Connection(error.to_string())
    }
}

/// Whether the account forbids what a group of amiable's own needs.
fn is_about_groups(error: &CloudError) -> bool {
    error.kind == CloudErrorKind::NotAuthorized
        && matches!(
            error.action,
            Action::AuthorizeSecurityGroupIngress
                | Action::CreateSecurityGroup
                | Action::DescribeSecurityGroups
        )
}

impl From<NotPromoted> for BakeError {
    fn from(error: NotPromoted) -> BakeError {
        match error {
            NotPromoted::BeingDeleted { id, operator } => {
                BakeError::BeingDeleted { resource: id, operator }
            }
            NotPromoted::Gone(id) => BakeError::Gone(id),
            NotPromoted::Cloud(error) => BakeError::Cloud(error),
        }
    }
}

impl From<NotDeleted> for BakeError {
    fn from(error: NotDeleted) -> BakeError {
        match error {
            NotDeleted::Cloud(error) => BakeError::Cloud(error),
            other => BakeError::NameNotFreed(other),
        }
    }
}

impl MayPass for BakeError {
    fn may_pass(&self) -> bool {
        matches!(self, BakeError::Cloud(error) if error.may_pass())
    }
}

impl BakeError {
    /// Whether an image may be good although its bake has failed.
    pub(super) fn spares_the_image(&self) -> bool {
        !matches!(
            self,
            BakeError::Cancelled
                | BakeError::ImageFailed { .. }
                | BakeError::NotEncrypted(_)
                | BakeError::Quarantined { .. }
        )
    }

    /// The error of a wait.
    pub(crate) fn waiting(what: &'static str, error: WaitError<BakeError>) -> BakeError {
        match error {
            WaitError::TimedOut(limit) => BakeError::TimedOut { what, limit },
            WaitError::Cancelled => BakeError::Cancelled,
            WaitError::Failed(error) => error,
        }
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            BakeError::Refused(Refusal::HasCurrent { template, .. }) => {
                format!("use `amiable update {template}` for its next generation")
            }
            BakeError::Refused(Refusal::InDoubt(doubt)) => doubt.hint(),
            BakeError::Tampered(tampered) => tampered.hint(),
            BakeError::InstanceStoreBase { .. } => {
                "choose an EBS-backed AMI of the same release as `base`: publishers list both, \
                 and the EBS one has root device type `ebs`"
                    .into()
            }
            BakeError::BaseNotBaked(template) => {
                format!("`amiable create {template}` bakes it first")
            }
            BakeError::NoBase(_) => {
                "check `base`: an AMI that its owner has deprecated counts only by its id, and `amiable \
                 doctor` tells whether the account allows itself such AMIs; a local endpoint has what `amiable local import FILE` brought into it"
                    .into()
            }
            BakeError::Cloud(error) if is_about_groups(error) => {
                "name a security group that lets this machine in (`security_groups`), where \
                 amiable may make none"
                    .into()
            }
            BakeError::Cloud(error) => error.hint()?,
            BakeError::OwnAddress(_) => {
                "`ssh_from = [\"203.0.113.9/32\"]` says whom to let in, and nothing is asked then".into()
            }
            BakeError::NoLogin { by_program: true, .. } => {
                "check `connect`, and try its program by hand; `amiable doctor` looks whether programs and \
                 endpoint are there, and \"instance-connect\" needs version 2.12 of `aws` or newer"
                    .into()
            }
            BakeError::NoLogin { port, .. } => format!(
                "check `ssh_user` and `ssh_port`, that the base runs cloud-init, and that port {port} is \
                 reached from here (security groups, `public_ip`, `connect`)"
            ),
            BakeError::Busy(Busy { template, lease, resource, .. })
                if lease.parse::<jiff::Timestamp>().is_err() =>
            {
                format!(
                    "the tag amiable:lease of {resource} is {lease:?}, which is not a time, so nobody can tell \
                     when that bake ends; `amiable update {template} --take-over` does not wait for it"
                )
            }
            BakeError::Busy(Busy { template, lease, .. }) => format!(
                "wait for that bake; if it is dead, its lease ends at {lease}, and \
                 `amiable update {template} --take-over` does not wait for that"
            ),
            BakeError::NameProtected { .. } | BakeError::NameInUse { .. } => {
                "an AMI that gives its name up gets another id: with {generation} in `pattern` \
                 under [naming] the old one stays as it is"
                    .into()
            }
            BakeError::NameTaken(taken) => taken.hint(),
            BakeError::Quarantined { ami, .. } => {
                format!("look at it with `amiable info {ami}`; `amiable verify {ami}` tries again")
            }
            BakeError::Account(fault) => fault.hint(),
            BakeError::Script { status: 137, .. } => {
                "SIGKILL comes from the script itself, from somebody on the machine, or from the kernel when \
                 memory runs out: then a larger `instance_type` helps"
                    .into()
            }
            BakeError::ScriptTimedOut { is_asking: true, .. } => {
                "its last line has no end: it seems to wait for an answer, and nobody is there. \
                 DEBIAN_FRONTEND=noninteractive does not pass through sudo (`sudo -E`, or `sudo env …`), \
                 and needrestart asks unless NEEDRESTART_MODE=a"
                    .into()
            }
            BakeError::ScriptTimedOut { .. } => {
                "a longer wait can be set in the template's `timeouts`; a program that asks something \
                 without a terminal waits for ever: `-y`, DEBIAN_FRONTEND=noninteractive"
                    .into()
            }
            BakeError::TimedOut { .. } => {
                "a longer wait can be set in the template's `timeouts`".into()
            }
            BakeError::Source(SourceError::NoClient { .. }) => {
                "install it, or set `on = \"instance\"` to check out on the instance".into()
            }
            _ => return None,
        })
    }
}

/// A failed bake.
#[derive(Debug)]
pub struct FailedIn {
    /// Where it failed.
    pub stage: Stage,
    /// Why.
    pub error: BakeError,
    /// The AMI that was current when the bake began, and is so still.
    pub current: Option<String>,
    /// The instance that was kept, when that was asked for.
    pub kept: Option<KeptInstance>,
    /// A new AMI that is not proven yet, and that a repeat goes on with.
    pub pending: Option<String>,
    /// What could not be undone: ids, and why.
    pub left: Vec<(String, CloudError)>,
}

/// An instance that was kept after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptInstance {
    /// Its id.
    pub instance: String,
    /// How to log in, when there was a login.
    pub login: Option<KeptLogin>,
    /// When it ends by itself, and `sweep` takes it.
    pub until: jiff::Timestamp,
}

/// How to log in to a kept instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLogin {
    /// Its address.
    pub address: IpAddr,
    /// The port of sshd.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The private key, in OpenSSH's format.
    pub private_key: String,
    /// The host key, as a line of known_hosts has it.
    pub host_key: String,
    /// The program by which it is reached, for OpenSSH's ProxyCommand.
    pub proxy_command: Option<String>,
}

impl KeptLogin {
    /// The argument of `ssh` for its [`proxy_command`](Self::proxy_command), quoted for a shell,
    /// after a space; nothing without one.
    #[must_use]
    pub fn proxy_option(&self) -> String {
        let option = |it: &String| format!(" -o {}", quote(&format!("ProxyCommand={it}")));
        self.proxy_command.as_ref().map(option).unwrap_or_default()
    }
}
