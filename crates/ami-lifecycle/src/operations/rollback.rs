//! Making an earlier AMI of a template current again, or a later one: one write of two
//! tags on the AMI that becomes current, and nothing else.

use jiff::Timestamp;

use crate::ec2::client::Cloud;
use crate::model::ami::{Ami, Status};
use crate::model::fleet::Fleet;
use crate::model::tags;
use crate::model::tampering::InDoubt;
use crate::model::template::Template;
use crate::operations::claim::{Actor, NotPromoted, promote};
use crate::operations::retire::{make_available, take_back};

/// Why a template is not rolled back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRollback {
    /// Which AMI is current could not be told.
    #[error(transparent)]
    InDoubt(InDoubt),
    /// Nothing is current, so nothing comes before it.
    #[error("template {0} has no current AMI")]
    NoCurrent(String),
    /// No AMI of a lower generation was ever current and is still there.
    #[error(
        "template {template} has no AMI before the current one, {ami} (generation {generation})"
    )]
    NothingBefore {
        /// The template.
        template: String,
        /// Its current AMI.
        ami: String,
        /// That one's generation.
        generation: u64,
    },
    /// There is no such generation.
    #[error("template {template} has no generation {generation}")]
    NoGeneration {
        /// The template.
        template: String,
        /// What was requested.
        generation: u64,
    },
    /// It was never current, so nobody knows that it is any good.
    #[error("{ami} (generation {generation}) is {} and was never current", .status.as_str())]
    NeverCurrent {
        /// The AMI.
        ami: String,
        /// Its generation.
        generation: u64,
        /// What it is.
        status: Status,
    },
}

/// What can go wrong when a template is rolled back.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// There is nothing to roll back to.
    #[error(transparent)]
    Refused(#[from] NoRollback),
    /// It was not made current.
    #[error(transparent)]
    NotPromoted(#[from] NotPromoted),
}

/// A template that was rolled back, or forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// What is current now.
    pub ami: Ami,
    /// What was current before; `None` when that is the same, and nothing was written.
    pub from: Option<Ami>,
}

impl Fleet {
    /// The AMI that becomes current: the one of generation `to`, else, of those before the
    /// current one, the one that was current last. Only those are taken that were current.
    ///
    /// # Errors
    /// When there is none.
    pub fn rollback_target(&self, template: &str, to: Option<u64>) -> Result<&Ami, NoRollback> {
        if let Some(doubt) = self.in_doubt(template) {
            return Err(NoRollback::InDoubt(doubt));
        }
        let mine = || self.amis().iter().filter(|ami| ami.template == template);
        let mine = || mine().filter(|ami| ami.status != Status::Foreign);
        let Some(generation) = to else {
            let current = self.current(template);
            let current = current.ok_or_else(|| NoRollback::NoCurrent(template.to_owned()))?;
            let before = mine().filter(|ami| {
                ami.status == Status::Previous && ami.can_be_had() && ami.is_before(current)
            });
            // One that was rolled back from was current too, but not last.
            let target = before.max_by_key(|ami| (ami.promoted_at(), ami.generation));
            return target.ok_or_else(|| NoRollback::NothingBefore {
                template: template.to_owned(),
                ami: current.ami.clone().into(),
                generation: current.generation,
            });
        };
        let named = mine().filter(|ami| ami.generation == generation);
        // Two bakes at once may have made two of one generation.
        let ami = named.max_by_key(|ami| (ami.status == Status::Current, ami.promoted_at()));
        let ami = ami.ok_or_else(|| NoRollback::NoGeneration {
            template: template.to_owned(),
            generation,
        })?;
        match ami.status {
            Status::Current => Ok(ami),
            Status::Previous if ami.can_be_had() => Ok(ami),
            status => {
                Err(NoRollback::NeverCurrent { ami: ami.ami.clone().into(), generation, status })
            }
        }
    }
}

/// Rolls a template back, or forward. One that was retired is taken back first. A repeat with the same
/// generation changes nothing.
///
/// # Errors
/// When there is nothing to roll back to, somebody deletes it, or the write fails: the current AMI
/// stays then.
pub async fn rollback(
    cloud: &Cloud,
    fleet: &Fleet,
    template: &Template,
    to: Option<u64>,
    actor: Actor<'_>,
) -> Result<RolledBack, RollbackError> {
    let ami = fleet.rollback_target(&template.name, to)?.clone();
    let from = fleet.current(&template.name).filter(|current| current.ami != ami.ami).cloned();
    let terms = Some(&template.distribution);
    if ami.retired.is_some() {
        take_back(cloud, &ami.ami, terms).await.map_err(NotPromoted::from)?;
    }
    if ami.status == Status::Current {
        return Ok(RolledBack { ami, from: None });
    }
    let time = fleet.promotion_time(&template.name, Timestamp::now());
    let reason = reason(&ami, from.as_ref(), actor.operator);
    promote(cloud, &ami, &tags::promotion(time, reason), actor.is_gone).await?;
    make_available(cloud, &ami.ami, terms).await.map_err(NotPromoted::from)?;
    Ok(RolledBack { ami, from })
}

fn reason(to: &Ami, from: Option<&Ami>, operator: &str) -> String {
    match from {
        Some(from) if from.generation > to.generation => {
            format!("rolled back from generation {} ({}) by {operator}", from.generation, from.ami)
        }
        Some(from) => {
            format!(
                "rolled forward from generation {} ({}) by {operator}",
                from.generation, from.ami
            )
        }
        None => format!("made current by {operator}"),
    }
}
