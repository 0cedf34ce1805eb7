//! What becomes of an AMI, and why.

use serde::Serialize;

use crate::model::ami::Status;
use crate::model::id::AmiId;
use crate::model::retirement::{RetireStep, RetiredStage};
use crate::model::tampering::{InDoubt, Tampering};
use crate::operations::objection::Objection;

/// What becomes of an AMI, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The AMI.
    pub ami: AmiId,
    /// Its name.
    pub name: String,
    /// Its template.
    pub template: String,
    /// Its generation.
    pub generation: u64,
    /// What it is to its template.
    pub status: Status,
    /// When it was created.
    pub created: String,
    /// Why it is kept; it goes when there is no reason.
    pub kept: Vec<KeepReason>,
    /// Why it would go, or goes.
    pub goes: Option<DeleteReason>,
    /// What is done with it when it goes; that it is taken back, where it is retired and kept.
    pub step: Option<RetireStep>,
}

impl Decision {
    /// Whether it goes, or is retired before.
    #[must_use]
    pub fn is_going(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether it is deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.is_going() && self.step == Some(RetireStep::Delete)
    }
}

/// Why an AMI goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum DeleteReason {
    /// Others are kept instead.
    #[error("it was current, and those that were current later are kept")]
    Old,
    /// It was never any good.
    #[error("it is {0}, and old enough")]
    Bad(&'static str),
    /// It was never made current, and what is current is newer.
    #[error("it was never current, and is older than the current one")]
    Overtaken,
    /// Its bake is dead.
    #[error("the bake that made it is dead")]
    Dead,
}

/// Why an AMI is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum KeepReason {
    /// Agents are to boot from it.
    #[error("it is the current one")]
    Current,
    /// It is among the last that were current before.
    #[error("it is number {number} of the {of} previous AMIs that are kept")]
    Before {
        /// Counted from the current one.
        number: u64,
        /// How many are kept.
        of: u64,
    },
    /// Rolling back would lead to it.
    #[error("it is what `rollback` goes back to")]
    WayBack,
    /// The current one was rolled back to from it: what it was made from is not baked again while it is there.
    #[error("it was rolled back; while it exists, `plan` does not bake the same again")]
    RolledBack,
    /// It is young.
    #[error("it is {} old, and AMIs younger than {} are kept", age(*seconds), age(*limit))]
    Young {
        /// Its age, in seconds.
        seconds: u64,
        /// The limit, in seconds.
        limit: u64,
    },
    /// An instance was started from it lately.
    #[error(
        "an instance was started from it {} ago, and AMIs launched within {} are kept",
        age(*seconds),
        age(*limit)
    )]
    Launched {
        /// How long ago, in seconds.
        seconds: u64,
        /// The limit, in seconds.
        limit: u64,
    },
    /// It goes, and is retired before.
    #[error(
        "it has been {} for {}, and is {} after {}",
        stage.as_str(),
        age(*seconds),
        stage.next(),
        age(*limit)
    )]
    Retired {
        /// How far.
        stage: RetiredStage,
        /// For how long, in seconds.
        seconds: u64,
        /// How long each stage takes, in seconds.
        limit: u64,
    },
    /// A bake that lives makes it.
    #[error("{0}: that bake is making it")]
    UnderWay(String),
    /// It waits to be verified.
    #[error("it is waiting to be verified")]
    Waits,
    /// Nothing is current, so that any may be needed.
    #[error("template {0} has no current AMI, so any may be needed")]
    NoCurrent(String),
    /// Another hand has copied it, or edited its tags.
    #[error("{0}")]
    Tampered(Tampering),
    /// Which AMI of its template is current could not be told.
    #[error("{0}")]
    InDoubt(InDoubt),
    /// The configuration does not say what is kept of it.
    #[error("there is no template {0} in the configuration")]
    NoTemplate(String),
    /// EC2 does not let it go.
    #[error("it is protected from deregistration")]
    Protected,
    /// Someone uses it, or may.
    #[error("{0}")]
    Objected(Objection),
    /// So many go in one run.
    #[error("one run removes at most {0}; the next run removes it")]
    Limit(usize),
}

fn age(seconds: u64) -> String {
    match seconds {
        0..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
