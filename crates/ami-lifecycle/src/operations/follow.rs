//! What comes when an AMI has become current: it becomes current in the other regions of its template,
//! and in each region the consumers are rolled to what is current there, once it is, and not before.

use std::time::Instant;

use crate::consumer::change::{RollRequest, RollTarget, Rolled};
use crate::consumer::{Consumers, Files, roll};
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::ami::Ami;
use crate::model::event::{Event, Stage};
use crate::model::fleet::Fleet;
use crate::model::template::Template;
use crate::operations::context::Context;
use crate::operations::distribute::{DistributeRequest, Distributed, distribute};
use crate::operations::error::BakeError;

/// An AMI that has become current, or is.
pub struct FollowRequest<'a> {
    /// Who asks, and where.
    pub context: Context<'a>,
    /// The consumers of all templates: an AMI that one of them names is not removed.
    pub consumers: Consumers<'a>,
    /// The template.
    pub template: &'a Template,
    /// The AMI.
    pub target: &'a RollTarget,
    /// What there is in the first region, where that is known.
    pub fleet: Option<&'a Fleet>,
    /// Whether consumers are rolled.
    pub rolls: bool,
    /// Consumers that wait for a while wait no longer.
    pub at_once: bool,
    /// Held while consumers are rolled: several templates and regions may be in one file. Those who
    /// follow at the same time share it.
    pub one_roll: &'a tokio::sync::Mutex<()>,
}

/// What became of a part of it. A region is named where it is not the first.
#[derive(Debug)]
pub enum Followed<'a> {
    /// The AMI is current in a region, or not; the first is named, too.
    Region(&'a str, Box<Result<Distributed, BakeError>>),
    /// A command that is told the AMI has printed a line.
    Output(Option<&'a str>, String),
    /// A consumer.
    Rolled(Option<&'a str>, Rolled),
    /// No consumer is rolled, as it could not be looked at what there is.
    NotRolled(Option<&'a str>, CloudError),
}

/// Takes what became of each part in, as it comes.
pub type Told<'a> = &'a (dyn Fn(Followed<'_>) + Send + Sync);

/// Whether a template's AMI is to be in other regions or shared, or was and is not to be any more. `ami` is
/// what is known of it.
#[must_use]
pub fn is_distributed(template: &Template, ami: Option<&Ami>) -> bool {
    let distribution = &template.distribution;
    distribution.is_something()
        || ami.is_some_and(|ami| distribution.differs_from(&ami.distribution))
}

/// Distributes the AMI and rolls the consumers.
///
/// # Errors
/// When the AMI itself cannot be looked at; nothing was done then.
pub async fn follow(request: &FollowRequest<'_>, told: Told<'_>) -> Result<(), CloudError> {
    let Context { cloud, .. } = request.context;
    let FollowRequest { template, target, fleet, .. } = *request;
    let known = fleet.and_then(|fleet| fleet.get(&target.ami));
    if !is_distributed(template, known) {
        request.roll_here(told).await;
        return Ok(());
    }
    let began = Instant::now();
    request.context.observer.event(Event::Stage(Stage::Distribute));
    let distribution = DistributeRequest {
        context: request.context.clone(),
        template,
        ami: &target.ami,
        consumers: request.consumers,
    };
    let done = async |region: &str, outcome: Result<Distributed, BakeError>| {
        let there = outcome.as_ref().ok().map(|done| done.ami.clone());
        told(Followed::Region(region, Box::new(outcome)));
        match there {
            None => {}
            Some(_) if region == cloud.region() => request.roll_here(told).await,
            Some(ami) => request.roll_there(&ami, region, told).await,
        }
    };
    distribute(&distribution, done).await?;
    request.context.observer.event(Event::Done(Stage::Distribute, began.elapsed()));
    Ok(())
}

impl FollowRequest<'_> {
    /// Rolls the consumers in the first region.
    async fn roll_here(&self, told: Told<'_>) {
        let Context { cloud, .. } = self.context;
        let FollowRequest { template, target, fleet, .. } = *self;
        match fleet {
            Some(fleet) => self.roll(cloud, None, (template, target), fleet, told).await,
            None => self.read_and_roll(cloud, None, (template, target), told).await,
        }
    }

    /// Rolls the consumers in another region, to the AMI that is current there.
    async fn roll_there(&self, ami: &Ami, region: &str, told: Told<'_>) {
        if let Some(there) = self.template.in_region(region) {
            let cloud = self.context.cloud.in_region(region);
            let target = RollTarget::of(ami);
            self.read_and_roll(&cloud, Some(region), (&there, &target), told).await;
        }
    }

    async fn read_and_roll(
        &self,
        cloud: &Cloud,
        region: Option<&str>,
        what: (&Template, &RollTarget),
        told: Told<'_>,
    ) {
        if !self.rolls || what.0.consumers.is_empty() {
            return;
        }
        match cloud.fleet(self.context.namespace).await {
            Ok(fleet) => self.roll(cloud, region, what, &fleet, told).await,
            Err(error) => told(Followed::NotRolled(region, error)),
        }
    }

    async fn roll(
        &self,
        cloud: &Cloud,
        region: Option<&str>,
        (template, target): (&Template, &RollTarget),
        fleet: &Fleet,
        told: Told<'_>,
    ) {
        if !self.rolls || template.consumers.is_empty() {
            return;
        }
        let observer = |event: Event| match event {
            Event::Output(_, line) => told(Followed::Output(region, line.text())),
            Event::Note(text) | Event::Warning(text) => told(Followed::Output(region, text)),
            _ => {}
        };
        let request = RollRequest {
            cloud,
            fleet,
            template,
            target: target.clone(),
            jenkins: self.consumers.jenkins,
            force: false,
            wait: false,
            at_once: self.at_once,
            written: self.consumers.written,
            observer: &observer,
            cancel: &self.context.cancel,
        };
        let _alone = self.one_roll.lock().await;
        roll(&request, &mut Files::default(), |it| told(Followed::Rolled(region, it))).await;
    }
}
