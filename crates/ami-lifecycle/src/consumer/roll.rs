//! Rolling: each consumer of a template is made to name an AMI, in the order in which they
//! are configured. One that fails keeps no other from being done, and a repeat does what is
//! left. One that waits is not rolled before the AMI has been current for long enough: when that was is in
//! the AMI's tags, so that any later roll knows it.

use jiff::Timestamp;

use super::error::RollError;
use super::files::Files;
use super::kind::kind;
use super::server::JenkinsServer;
use crate::consumer::change::{RollRequest, Rolled};
use crate::model::ami::Ami;
use crate::model::consumer::Consumer;
use crate::model::template::Template;

/// What keeps a template's consumers from being rolled, as far as this machine alone can
/// tell: better now than when an AMI has been baked.
#[must_use]
pub fn examine_consumers(
    template: &Template,
    server: Option<&JenkinsServer>,
) -> Vec<(String, RollError)> {
    let failed = template.all_consumers().filter_map(|(_, consumer)| {
        let error = kind(consumer).examine(server).err()?;
        Some((consumer.label(), error))
    });
    failed.collect()
}

/// Until when a consumer waits; `None` where it does not.
fn waits_until(
    consumer: &Consumer,
    request: &RollRequest<'_>,
    now: Timestamp,
) -> Option<Timestamp> {
    let after = consumer.waits().filter(|_| !request.at_once)?;
    // One that has become current since the fleet was read has not been it for long.
    let promoted = request.fleet.get(&request.target.ami).and_then(Ami::promoted_at).unwrap_or(now);
    let until = promoted.checked_add(after).unwrap_or(Timestamp::MAX);
    (until > now).then_some(until)
}

/// What a roll would change. Files are changed in `files` only.
pub async fn plan_roll(request: &RollRequest<'_>, files: &mut Files) -> Vec<Rolled> {
    let mut all = Vec::new();
    for consumer in &request.template.consumers {
        all.push(plan_one(consumer, request, files).await);
    }
    all
}

async fn plan_one(consumer: &Consumer, request: &RollRequest<'_>, files: &mut Files) -> Rolled {
    let waits_until = waits_until(consumer, request, Timestamp::now());
    let label = consumer.label();
    let planned = match waits_until {
        Some(_) => kind(consumer).plan(request, &mut Files::default()).await,
        None => kind(consumer).plan(request, files).await,
    };
    match planned {
        // One that names it already waits for nothing.
        Ok(moves) if moves.is_empty() => {
            Rolled { consumer: label, moves, error: None, waits_until: None }
        }
        Ok(_) if waits_until.is_some() => {
            Rolled { consumer: label, moves: Vec::new(), error: None, waits_until }
        }
        Ok(moves) => Rolled { consumer: label, moves, error: None, waits_until: None },
        Err(error) => {
            Rolled { consumer: label, moves: Vec::new(), error: Some(error), waits_until: None }
        }
    }
}

/// Rolls. Each consumer's outcome is told as it comes. A file that was planned in `files`
/// must not have changed since.
pub async fn roll(request: &RollRequest<'_>, files: &mut Files, mut told_of: impl FnMut(Rolled)) {
    for consumer in &request.template.consumers {
        if !request.cancel.is_cancelled()
            && waits_until(consumer, request, Timestamp::now()).is_some()
        {
            told_of(plan_one(consumer, request, files).await);
            continue;
        }
        let mut moves = Vec::new();
        let outcome = if request.cancel.is_cancelled() {
            Err(RollError::Cancelled)
        } else {
            kind(consumer).roll(request, files, &mut moves).await
        };
        let (label, error) = (consumer.label(), outcome.err());
        told_of(Rolled { consumer: label, moves, error, waits_until: None });
    }
}
