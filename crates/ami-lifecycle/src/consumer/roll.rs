//! Rolling: each consumer of a template is made to name an AMI, in the order in which they
//! are configured. One that fails keeps no other from being done, and a repeat does what is
//! left.

use super::error::RollError;
use super::files::Files;
use super::server::JenkinsServer;
use super::{channel, command, jenkins, launch_template, ssm};
use crate::consumer::change::{Move, RollRequest, Rolled, Value};
use crate::model::consumer::Consumer;
use crate::model::template::Template;

/// What keeps a template's consumers from being rolled, as far as this machine alone can
/// tell: better now than when an AMI has been baked.
#[must_use]
pub fn examine_consumers(
    template: &Template,
    server: Option<&JenkinsServer>,
) -> Vec<(String, RollError)> {
    let examine = |consumer: &Consumer| match consumer {
        Consumer::Jenkins(agents) => jenkins::examine(agents, server),
        Consumer::Command(run) => command::examine(run),
        Consumer::Ssm(_) | Consumer::LaunchTemplate(_) | Consumer::Tag { .. } => Ok(()),
    };
    let failed = template.all_consumers().filter_map(|(_, consumer)| {
        let error = examine(consumer).err()?;
        Some((consumer.label(), error))
    });
    failed.collect()
}

/// What a roll would change. Files are changed in `files` only.
pub async fn plan_roll(request: &RollRequest<'_>, files: &mut Files) -> Vec<Rolled> {
    let mut all = Vec::new();
    for consumer in &request.template.consumers {
        let (moves, error) = match plan(consumer, request, files).await {
            Ok(moves) => (moves, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        all.push(Rolled { consumer: consumer.label(), moves, error });
    }
    all
}

async fn plan(
    consumer: &Consumer,
    request: &RollRequest<'_>,
    files: &mut Files,
) -> Result<Vec<Move>, RollError> {
    let (cloud, ami) = (request.cloud, &request.target.ami);
    match consumer {
        Consumer::Jenkins(agents) => jenkins::plan(agents, request, files).await,
        Consumer::Ssm(name) => ssm::plan(cloud, name, ami).await,
        Consumer::LaunchTemplate(template) => launch_template::plan(cloud, template, ami).await,
        Consumer::Tag { key, value } => channel::plan(request, (key, value)),
        Consumer::Command(command) => Ok(vec![told(command.program(), ami)]),
    }
}

fn told(program: &str, ami: &str) -> Move {
    Move {
        place: program.to_owned(),
        is_all: true,
        value: Value::Told,
        from: None,
        to: ami.to_owned(),
    }
}

/// Rolls. Each consumer's outcome is told as it comes. A file that was planned in `files`
/// must not have changed since.
pub async fn roll(request: &RollRequest<'_>, files: &mut Files, mut told_of: impl FnMut(Rolled)) {
    for consumer in &request.template.consumers {
        let mut moves = Vec::new();
        let outcome = match request.cancel.is_cancelled() {
            true => Err(RollError::Cancelled),
            false => roll_one(consumer, request, files, &mut moves).await,
        };
        told_of(Rolled { consumer: consumer.label(), moves, error: outcome.err() });
    }
}

async fn roll_one(
    consumer: &Consumer,
    request: &RollRequest<'_>,
    files: &mut Files,
    moves: &mut Vec<Move>,
) -> Result<(), RollError> {
    let ami = &request.target.ami;
    match consumer {
        Consumer::Jenkins(agents) => jenkins::roll(agents, request, files, moves).await,
        Consumer::Ssm(name) => ssm::roll(request, name, moves).await,
        Consumer::LaunchTemplate(name) => launch_template::roll(name, request, moves).await,
        Consumer::Tag { key, value } => channel::roll(request, (key, value), moves).await,
        Consumer::Command(run) => {
            command::roll(run, request).await?;
            moves.push(told(run.program(), ami));
            Ok(())
        }
    }
}
