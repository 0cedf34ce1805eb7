//! Rolling: each consumer of a template is made to name an AMI, in the order in which they
//! are configured. One that fails keeps no other from being done, and a repeat does what is
//! left.

use super::error::RollError;
use super::files::Files;
use super::kind::kind;
use super::server::JenkinsServer;
use crate::consumer::change::{RollRequest, Rolled};
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

/// What a roll would change. Files are changed in `files` only.
pub async fn plan_roll(request: &RollRequest<'_>, files: &mut Files) -> Vec<Rolled> {
    let mut all = Vec::new();
    for consumer in &request.template.consumers {
        let (moves, error) = match kind(consumer).plan(request, files).await {
            Ok(moves) => (moves, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        all.push(Rolled { consumer: consumer.label(), moves, error });
    }
    all
}

/// Rolls. Each consumer's outcome is told as it comes. A file that was planned in `files`
/// must not have changed since.
pub async fn roll(request: &RollRequest<'_>, files: &mut Files, mut told_of: impl FnMut(Rolled)) {
    for consumer in &request.template.consumers {
        let mut moves = Vec::new();
        let outcome = if request.cancel.is_cancelled() {
            Err(RollError::Cancelled)
        } else {
            kind(consumer).roll(request, files, &mut moves).await
        };
        told_of(Rolled { consumer: consumer.label(), moves, error: outcome.err() });
    }
}
