//! What an update is asked for, and what it tells.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::consumer::change::RollTarget;
use crate::consumer::{Consumers, RollError};
use crate::ec2::error::CloudError;
use crate::model::event::Observer;
use crate::model::fleet::Mode;
use crate::model::naming::Pattern;
use crate::model::template::Template;
use crate::operations::bake::request::{Baked, Goal, OnFailure};
use crate::operations::context::Context;
use crate::operations::error::FailedIn;
use crate::operations::follow::Followed;
use crate::operations::plan::{Planned, Todo, Unknown};

/// Which of the templates are baked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All, as they were asked for by name; but not one of which only the distribution was not
    /// finished.
    Named,
    /// Those of which a plan says so.
    OutOfDate,
    /// Every one.
    All,
}

/// Templates to bake.
pub struct UpdateRequest<'a> {
    /// Who bakes, and where. Each template has an observer of its own.
    pub context: Context<'a>,
    /// How AMIs are named.
    pub pattern: &'a Pattern,
    /// What to bake.
    pub templates: &'a [&'a Template],
    /// Which of these.
    pub selection: Selection,
    /// The consumers of all templates of the configuration.
    pub consumers: Consumers<'a>,
    /// Whether a current AMI is expected.
    pub mode: Mode,
    /// What becomes of the instance when a bake fails.
    pub on_failure: OnFailure,
    /// How far each bake goes. A trial is neither distributed nor rolled.
    pub goal: Goal,
    /// Whether consumers are rolled.
    pub rolls: bool,
    /// Whether other bakes of the templates count as dead.
    pub take_over: bool,
    /// How many templates at the same time.
    pub jobs: usize,
}

/// Takes in what an update does.
pub trait UpdateObserver: Sync {
    /// A bake or a distribution of a template begins: its events go to what is returned. It does not
    /// begin where that is `None`.
    fn begins(&self, template: &Template) -> Option<Arc<dyn Observer>>;

    /// Something has happened to a template.
    fn told(&self, template: &str, event: UpdateEvent<'_>);
}

/// What has happened to a template.
#[derive(Debug)]
pub enum UpdateEvent<'a> {
    /// No new AMI is baked of a template that was named: only its distribution is unfinished, or
    /// could not be determined.
    Unfinished(&'a Planned),
    /// Something could not be determined; what is to be done is done anyway.
    Unknown(&'a Unknown),
    /// It was baked.
    Baked(&'a Baked),
    /// It was tried: the scripts ran and the machine was sealed.
    Tried,
    /// A region or a consumer has followed the AMI that is current now, or has not.
    Followed(&'a RollTarget, Followed<'a>),
    /// Nothing more happens to it.
    Ended(&'a Updated<'a>),
}

/// What became of a template.
#[derive(Debug)]
pub struct Updated<'a> {
    /// Its name.
    pub template: &'a str,
    /// What.
    pub how: UpdatedHow<'a>,
    /// How long that took.
    pub time: Duration,
}

/// What became of a template.
#[derive(Debug)]
pub enum UpdatedHow<'a> {
    /// Nothing was done, for what the plan says.
    Idle(&'a Planned),
    /// What it is based on has no new current AMI.
    Skipped {
        /// That template.
        below: &'a str,
    },
    /// The update was interrupted before.
    NotBegun,
    /// It was worked on.
    Done {
        /// What was to be done.
        todo: Todo,
        /// The new AMI; a trial makes none.
        baked: Option<Baked>,
        /// What failed, but for regions and consumers that did not follow.
        error: Option<UpdateError>,
    },
}

impl<'a> Updated<'a> {
    pub(super) fn new(template: &'a Template, how: UpdatedHow<'a>) -> Updated<'a> {
        Updated { template: &template.name, how, time: Duration::ZERO }
    }

    /// The new AMI.
    #[must_use]
    pub fn baked(&self) -> Option<&Baked> {
        match &self.how {
            UpdatedHow::Done { baked, .. } => baked.as_ref(),
            _ => None,
        }
    }

    /// Whether its current AMI is one that templates can be based on: new, or good as it is.
    pub(super) fn has_current(&self) -> bool {
        let UpdatedHow::Done { todo, baked, .. } = &self.how else { return false };
        *todo != Todo::Bake || baked.as_ref().is_some_and(|it| it.promoted)
    }
}

/// Why a template is not as it should be.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// Its bake failed.
    #[error("{}", .0.error)]
    Bake(Box<FailedIn>),
    /// What there is could not be looked at.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// What was current when the update was planned is gone.
    #[error("there is no current AMI")]
    NoCurrent,
    /// The observer could not take its events.
    #[error("its events cannot be recorded")]
    NotObserved,
}

/// Why no template was begun.
#[derive(Debug, Error)]
pub enum NotUpdated {
    /// Someone asked to stop.
    #[error("interrupted during planning: nothing was started")]
    Cancelled,
    /// The plan could not be made.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// What is to be baked could not be rolled in the end.
    #[error("{template}: {consumer}")]
    NotRollable {
        /// The template.
        template: String,
        /// One of its consumers.
        consumer: String,
        /// Why.
        #[source]
        error: Box<RollError>,
    },
}
