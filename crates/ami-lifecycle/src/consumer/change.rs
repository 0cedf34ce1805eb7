//! What a roll is asked for, and what becomes of each place.

use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::server::JenkinsServer;
use crate::consumer::error::RollError;
use crate::ec2::client::Cloud;
use crate::model::ami::Ami;
use crate::model::consumer::{BootScript, ScriptText};
use crate::model::event::Observer;
use crate::model::fleet::Fleet;
use crate::model::id::AmiId;
use crate::model::template::Template;

/// The AMI that consumers are to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollTarget {
    /// Its id.
    pub ami: AmiId,
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
    pub fn foreign(ami: &AmiId) -> RollTarget {
        RollTarget {
            ami: ami.clone(),
            name: String::new(),
            generation: None,
            template: None,
            boot_script: None,
        }
    }

    pub(super) fn title(&self) -> String {
        match self.generation {
            Some(generation) => format!("generation {generation}"),
            None => self.ami.to_string(),
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
    /// Consumers that wait until an AMI has been current for a while wait no longer.
    pub at_once: bool,
    /// What goes on after the change, such as the replacement of a group's instances, is followed to its end.
    pub wait: bool,
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
    /// It waits until then, and was not rolled.
    pub waits_until: Option<Timestamp>,
}

/// A place that names an AMI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Naming {
    /// The place, in words.
    pub place: String,
    /// The same, in few words.
    #[serde(skip)]
    pub short: String,
    /// The AMI's id.
    pub ami: AmiId,
    /// The consumer is that place, and no other.
    #[serde(skip)]
    pub is_all: bool,
    /// It is a resource of EC2's, which is asked for with all others of its kind.
    #[serde(skip)]
    pub in_ec2: bool,
    /// It stands beside the consumer's own place, and is not what the consumer is about.
    #[serde(skip)]
    pub is_neighbour: bool,
}

impl Naming {
    pub(super) fn new(place: String, short: String, ami: AmiId) -> Naming {
        Naming { place, short, ami, is_all: false, in_ec2: false, is_neighbour: false }
    }

    pub(super) fn of_all(place: String, short: String, ami: AmiId) -> Naming {
        Naming { is_all: true, ..Naming::new(place, short, ami) }
    }
}
