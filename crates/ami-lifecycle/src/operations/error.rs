//! How a bake fails.

use std::time::Duration;

use crate::ec2::action::Action;
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::ec2::wait::{IsTransient, WaitError};
use crate::guest::error::GuestError;
use crate::guest::kept_login::KeptLogin;
use crate::model::event::Stage;
use crate::model::fleet::Refusal;
use crate::model::id::AmiId;
use crate::model::name_taken::NameTaken;
use crate::model::naming::NamingError;
use crate::model::resume::Busy;
use crate::model::tampering::Tampered;
use crate::model::template::Architecture;
use crate::operations::claim::{NotDeleted, NotPromoted};
use crate::source::error::SourceError;

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
        "the base AMI {id} ({name}) is backed by instance store, not by EBS: it cannot be stopped \
         to make an image"
    )]
    InstanceStoreBase {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// The base is of another architecture.
    #[error("the base AMI {id} is {is}, but the template says {wanted}")]
    BaseArchitecture {
        /// Its id.
        id: String,
        /// What it is.
        is: String,
        /// What the template says.
        wanted: Architecture,
    },
    /// One of `volumes` is where the base has its root volume.
    #[error(
        "`volumes` names {device}, the root device of the base AMI {id}: `volume` describes that one"
    )]
    RootDevice {
        /// The device.
        device: String,
        /// The base's id.
        id: String,
    },
    /// One of `volumes` is where the base has a volume of its own.
    #[error(
        "`volumes` names {device}, where the base AMI {id} has a volume already: choose another device"
    )]
    DeviceOfBase {
        /// The device.
        device: String,
        /// The base's id.
        id: String,
    },
    /// There is no network as the template names it by tags.
    #[error("{0}")]
    NoNetwork(String),
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
    /// The value of a variable for the scripts could not be read.
    #[error("the value of {name} in `env` could not be read: {why}")]
    Variable {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// The template's own test of a live instance could not be run.
    #[error("the smoke test could not be run: {0}")]
    Smoke(String),
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
    #[error("{0} no longer exists")]
    Gone(String),
    /// The AMI whose name it is to have was not deleted.
    #[error("the AMI that has its name is not deleted: {0}")]
    NameNotFreed(NotDeleted),
    /// It runs, and has no address of the kind that is asked for.
    #[error("{instance} cannot be reached: {reason}")]
    NoAddress {
        /// Which.
        instance: String,
        /// What it lacks.
        reason: &'static str,
    },
    /// Nobody knows whom a security group is to let in.
    #[error("the address that AWS sees for this machine could not be determined: {0}")]
    OwnAddress(String),
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
    #[error("{0} is not encrypted, but should be")]
    NotEncrypted(String),
    /// Another AMI has become current in the first region while one was copied.
    #[error(
        "{by} has become current in the first region meanwhile, and should be current here too"
    )]
    Overtaken {
        /// That one.
        by: String,
    },
    /// The machine, or what was done on it.
    #[error(transparent)]
    Guest(GuestError),
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
    #[error("{ami} is quarantined because it failed verification: {}", failures.join("; "))]
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
        "{image} has the name {name} that the next AMI needs, and is protected from deregistration"
    )]
    NameProtected {
        /// The name.
        name: String,
        /// Who has it.
        image: String,
    },
    /// Something would miss the AMI that is to give its name up.
    #[error("{image} has the name {name} that the next AMI needs, and is used by its id")]
    NameInUse {
        /// The name.
        name: String,
        /// Who has it.
        image: String,
        /// By whom, or what could not be looked up.
        users: Vec<String>,
    },
    /// Another hand has copied an AMI, or edited its tags.
    #[error("{}: {}", .0.ami, .0.how)]
    Tampered(Tampered),
    /// Someone asked to stop.
    #[error("interrupted")]
    Cancelled,
}

impl From<GuestError> for BakeError {
    fn from(error: GuestError) -> BakeError {
        match error {
            GuestError::Cloud(error) => BakeError::Cloud(error),
            GuestError::Source(error) => BakeError::Source(error),
            GuestError::TimedOut { what, limit } => BakeError::TimedOut { what, limit },
            GuestError::Cancelled => BakeError::Cancelled,
            other => BakeError::Guest(other),
        }
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

impl IsTransient for BakeError {
    fn is_transient(&self) -> bool {
        matches!(self, BakeError::Cloud(error) if error.is_transient())
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
                format!("run `amiable update {template}` for its next generation")
            }
            BakeError::Refused(Refusal::InDoubt(doubt)) => doubt.hint(),
            BakeError::Tampered(tampered) => tampered.hint(),
            BakeError::InstanceStoreBase { .. } => {
                "choose an EBS-backed AMI of the same release as `base`: publishers list both, \
                 and the EBS one has root device type `ebs`"
                    .into()
            }
            BakeError::BaseNotBaked(template) => {
                format!("run `amiable create {template}` first")
            }
            BakeError::Variable { .. } => {
                "set it where amiable runs; `amiable doctor` shows which variables are missing"
                    .into()
            }
            BakeError::NoBase(_) => {
                "check `base`: an AMI that its owner has deprecated is found only by its id, and \
                 `amiable doctor` shows whether the account's settings allow such AMIs; a local \
                 endpoint has what `amiable local import FILE` imported"
                    .into()
            }
            BakeError::Cloud(error) if is_about_groups(error) => {
                "if amiable may not create security groups, name one that allows this machine \
                 (`security_groups`)"
                    .into()
            }
            BakeError::Cloud(error) => error.hint()?,
            BakeError::OwnAddress(_) => {
                "set `ssh_from = [\"203.0.113.9/32\"]` to the addresses to allow; nothing is \
                 looked up then"
                    .into()
            }
            BakeError::Busy(Busy { template, lease, resource, .. })
                if lease.parse::<jiff::Timestamp>().is_err() =>
            {
                format!(
                    "the tag amiable:lease of {resource} is {lease:?}, which is not a time, so \
                     when that bake ends is unknown; `amiable update {template} --take-over` does \
                     not wait for it"
                )
            }
            BakeError::Busy(Busy { template, lease, .. }) => format!(
                "wait for that bake; if it is dead, its lease ends at {lease}, and \
                 `amiable update {template} --take-over` does not wait for that"
            ),
            BakeError::NameProtected { .. } | BakeError::NameInUse { .. } => {
                "an AMI that gives up its name gets another id: with {generation} in `pattern` \
                 under [naming] the old one is kept unchanged"
                    .into()
            }
            BakeError::NameTaken(taken) => taken.hint(),
            BakeError::Quarantined { ami, .. } => {
                format!("look at it with `amiable info {ami}`; `amiable verify {ami}` tries again")
            }
            BakeError::Guest(error) => error.hint()?,
            BakeError::TimedOut { .. } => "set a longer wait in the template's `timeouts`".into(),
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
    pub current: Option<AmiId>,
    /// The instance that was kept, when that was requested.
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
