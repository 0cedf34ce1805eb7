//! Rolling: each consumer of a template is made to name an AMI, in the order in which they
//! are configured. One that fails keeps no other from being done, and a repeat does what is
//! left.

use tokio_util::sync::CancellationToken;

use super::error::RollError;
use super::files::Files;
use super::server::JenkinsServer;
use super::{BootScript, Consumer, ScriptText, channel, command, jenkins, launch_template, ssm};
use crate::ami::Ami;
use crate::cloud::Cloud;
use crate::event::Observer;
use crate::fleet::Fleet;
use crate::template::Template;

/// The AMI that consumers are to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollTarget {
    /// Its id.
    pub ami: String,
    /// Its name, as far as it is known.
    pub name: String,
    /// Its generation, where it is one of the template's.
    pub generation: Option<u64>,
    /// The template that it is of.
    pub template: Option<String>,
    /// A digest of the boot script that it was baked to boot with.
    pub boot_script: Option<String>,
}

impl RollTarget {
    /// One of the namespace's.
    #[must_use]
    pub fn of(ami: &Ami) -> RollTarget {
        RollTarget {
            ami: ami.ami.clone(),
            name: ami.name.clone(),
            generation: Some(ami.generation),
            template: Some(ami.template.clone()),
            boot_script: ami.boot_script.clone(),
        }
    }

    /// Any other, of which nothing is known.
    #[must_use]
    pub fn foreign(ami: &str) -> RollTarget {
        RollTarget {
            ami: ami.to_owned(),
            name: String::new(),
            generation: None,
            template: None,
            boot_script: None,
        }
    }

    pub(super) fn title(&self) -> String {
        match self.generation {
            Some(generation) => format!("generation {generation}"),
            None => self.ami.clone(),
        }
    }
}

/// A roll to be done.
pub struct RollRequest<'a> {
    /// The account and region.
    pub cloud: &'a Cloud,
    /// What there is.
    pub fleet: &'a Fleet,
    /// Whose consumers.
    pub template: &'a Template,
    /// What they are to name.
    pub target: RollTarget,
    /// The running Jenkins, where there is one to follow.
    pub jenkins: Option<&'a JenkinsServer>,
    /// Init scripts that are kept nowhere may be replaced, and agent templates may name what they do not
    /// find.
    pub force: bool,
    /// The folder that keeps how init scripts were written in files, so that one that is put back is the
    /// same bytes. Without one it is written anew.
    pub written: Option<&'a std::path::Path>,
    /// Takes what commands print.
    pub observer: &'a dyn Observer,
    /// Cancelled when it is to end early.
    pub cancel: &'a CancellationToken,
}

impl RollRequest<'_> {
    /// The script that agents of the target need. One that was baked to boot with another
    /// boot script may lack what that one did.
    pub(super) fn script<'b>(&self, boot: &'b BootScript) -> &'b ScriptText {
        let is_own = self.target.template.as_ref() == Some(&self.template.name);
        let small = is_own && self.target.boot_script == Some(boot.digest());
        if small { &boot.small } else { &boot.whole }
    }
}

/// What kind of value changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// An AMI's id.
    Ami,
    /// The init script of agents.
    BootScript,
    /// A command is told.
    Told,
}

/// A value that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Where, within the consumer.
    pub place: String,
    /// The consumer is that place, and no other.
    pub is_all: bool,
    /// What.
    pub value: Value,
    /// What it was; `None` where there was nothing, or nobody knows.
    pub from: Option<String>,
    /// What it is to be.
    pub to: String,
}

/// What became of a consumer, or would.
#[derive(Debug)]
pub struct Rolled {
    /// How it is called.
    pub consumer: String,
    /// What changed; nothing, when all was as it should be.
    pub moves: Vec<Move>,
    /// Why it failed, when it did.
    pub error: Option<RollError>,
}

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
