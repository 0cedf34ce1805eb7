//! What comes when an AMI has become current: it is made current in the other regions of its
//! template, and the consumers in each region are rolled.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use ami_lifecycle::{
    BakeError, CancellationToken, Cloud, DistributeRequest, Distributed, Event, Fleet, Holdings,
    How, Observer, RollTarget, Stage, Template,
};
use serde_json::{Value, json};

use super::Outcome;
use super::create::open_log;
use super::roll::After;
use crate::config::Config;
use crate::console::Console;
use crate::failure::{Failure, Status, chain};
use crate::render::BakeView;
use crate::{connect, surroundings};

/// What is common to all that a call makes current.
pub(super) struct Finish<'a> {
    pub(super) config: &'a Config,
    pub(super) cloud: &'a Cloud,
    pub(super) cancel: &'a CancellationToken,
    pub(super) console: &'a Console,
    pub(super) holdings: &'a Holdings,
    /// Whether consumers are rolled.
    pub(super) rolls: bool,
    /// Held while consumers are rolled: several templates and regions may be in one file.
    /// Those who finish at the same time share it.
    pub(super) one_roll: Arc<tokio::sync::Mutex<()>>,
}

/// What became of it all.
pub(super) struct Finished {
    /// A row for each region; none where there is nothing to distribute.
    pub(super) regions: Vec<Value>,
    /// What became of the consumers.
    pub(super) consumers: Vec<Value>,
    /// The regions where the AMI is current besides the first.
    pub(super) also_in: Vec<String>,
    pub(super) outcome: Outcome,
}

impl Finished {
    /// There was nothing to do.
    pub(super) fn nothing() -> Finished {
        let (regions, consumers, also_in) = Default::default();
        Finished { regions, consumers, also_in, outcome: Ok(()) }
    }
}

/// A result with the rows of regions, where there are any.
pub(super) fn with_regions(mut value: Value, regions: Vec<Value>) -> Value {
    if !regions.is_empty() {
        value["regions"] = regions.into();
    }
    value
}

/// What became of the regions so far.
#[derive(Default)]
struct Progress {
    regions: Vec<Value>,
    consumers: Vec<Value>,
    also_in: Vec<String>,
    failed: Vec<String>,
    /// Why consumers were not rolled.
    unrolled: Vec<Failure>,
}

impl<'a> Finish<'a> {
    /// For a call that makes one AMI current.
    pub(super) fn alone(
        config: &'a Config,
        cloud: &'a Cloud,
        cancel: &'a CancellationToken,
        console: &'a Console,
        holdings: &'a Holdings,
        rolls: bool,
    ) -> Finish<'a> {
        Finish { config, cloud, cancel, console, holdings, rolls, one_roll: Arc::default() }
    }

    /// Distributes and rolls; `again` is the command that does what is left. `fleet` is what
    /// there is in the first region, where that is known.
    pub(super) async fn run(
        &self,
        template: &Template,
        target: &RollTarget,
        fleet: Option<&Fleet>,
        again: &str,
    ) -> Finished {
        let known = fleet.and_then(|fleet| fleet.get(&target.ami));
        // Terms that the configuration has given up are taken back.
        let differs = known.is_some_and(|ami| template.distribution.differs_from(ami));
        if !template.distribution.is_something() && !differs {
            let (consumers, outcome) = match self.rolls {
                true => self.roll_here(template, target, fleet).await,
                false => (Vec::new(), Ok(())),
            };
            return Finished { consumers, outcome, ..Finished::nothing() };
        }
        match self.distribute(template, target, fleet).await {
            Ok(progress) => self.finished(template, target, progress, again),
            Err(failure) => Finished {
                outcome: Err(failure.hint(format!("`{again}` does what is left"))),
                ..Finished::nothing()
            },
        }
    }

    async fn distribute(
        &self,
        template: &Template,
        target: &RollTarget,
        fleet: Option<&Fleet>,
    ) -> Result<Progress, Failure> {
        let (log, _) = open_log(&template.name)?;
        let view = Arc::new(BakeView::new(&template.name, self.console, log));
        let began = Instant::now();
        view.event(Event::Stage(Stage::Distribute));
        let jenkins = connect::jenkins(self.config);
        let request = DistributeRequest {
            cloud: self.cloud,
            namespace: &self.config.namespace,
            template,
            ami: &target.ami,
            consumers: connect::consumers(self.config, jenkins.as_ref()),
            operator: &surroundings::operator(),
            owner: &surroundings::owner(),
            is_gone: &surroundings::is_gone,
            observer: view.clone(),
            holdings: self.holdings.clone(),
            cancel: self.cancel.clone(),
        };
        let progress = Mutex::new(Progress::default());
        let done = async |region: &str, outcome: Result<Distributed, BakeError>| {
            self.told(template, target, region, &outcome, &progress);
            if let (true, Ok(done)) = (self.rolls, &outcome) {
                let (rolled, outcome) = match region == self.cloud.region() {
                    true => self.roll_here(template, target, fleet).await,
                    false => self.roll_there(template, &done.ami, region).await,
                };
                let mut progress = progress.lock().expect("no panic holds this lock");
                progress.consumers.extend(rolled);
                progress.unrolled.extend(outcome.err());
            }
        };
        let distributed = ami_lifecycle::distribute(&request, done).await;
        if distributed.is_ok() {
            view.event(Event::Done(Stage::Distribute, began.elapsed()));
        }
        view.finish();
        distributed.map_err(|error| Failure::from(error).about(&template.name))?;
        Ok(progress.into_inner().expect("no panic holds this lock"))
    }

    /// Tells what became of a region.
    fn told(
        &self,
        template: &Template,
        target: &RollTarget,
        region: &str,
        outcome: &Result<Distributed, BakeError>,
        progress: &Mutex<Progress>,
    ) {
        let mut progress = progress.lock().expect("no panic holds this lock");
        let is_first = region == self.cloud.region();
        match outcome {
            Ok(done) => {
                for text in texts(&template.name, target, region, done) {
                    self.console.message(&text);
                }
                if !is_first {
                    progress.also_in.push(region.to_owned());
                }
                progress.regions.push(row(region, done));
            }
            Err(error) => {
                let why = chain(error);
                progress.regions.push(json!({ "region": region, "ami": null, "error": why }));
                progress.failed.push(region.to_owned());
                if !matches!(error, BakeError::Cancelled) {
                    let failure = Failure::failed(format!("{region}: {why}")).about(&template.name);
                    let failure = Failure { hint: error.hint(), ..failure };
                    self.console.complain(&failure.text());
                }
            }
        }
    }

    fn finished(
        &self,
        template: &Template,
        target: &RollTarget,
        progress: Progress,
        again: &str,
    ) -> Finished {
        let Progress { mut regions, consumers, mut also_in, mut failed, mut unrolled } = progress;
        let last = if failed.is_empty() { unrolled.pop() } else { None };
        unrolled.iter().for_each(|failure| self.console.complain(&failure.text()));
        regions.sort_by_key(|row| row["region"].to_string());
        also_in.sort();
        failed.sort();
        let left = format!("`{again}` does what is left");
        let outcome = match (failed.is_empty(), last) {
            (true, None) => Ok(()),
            (true, Some(unrolled)) => Err(unrolled),
            (false, _) => {
                let (name, ami, regions) = (&template.name, &target.ami, failed.join(", "));
                let text = format!("{ami} is current, and not as it should be in {regions}");
                let is_cancelled = self.cancel.is_cancelled();
                let status = if is_cancelled { Status::Interrupted } else { Status::Failed };
                Err(Failure::new(status, text).about(name).hint(left))
            }
        };
        Finished { regions, consumers, also_in, outcome }
    }

    /// Rolls the consumers in the first region.
    async fn roll_here(
        &self,
        template: &Template,
        target: &RollTarget,
        fleet: Option<&Fleet>,
    ) -> (Vec<Value>, Outcome) {
        if template.consumers.is_empty() {
            return (Vec::new(), Ok(()));
        }
        match fleet {
            Some(fleet) => self.roll(self.cloud, None, template, target, fleet).await,
            None => self.read_and_roll(self.cloud, None, template, target).await,
        }
    }

    /// Rolls the consumers in another region.
    async fn roll_there(
        &self,
        template: &Template,
        ami: &ami_lifecycle::Ami,
        region: &str,
    ) -> (Vec<Value>, Outcome) {
        match template.in_region(region).filter(|there| !there.consumers.is_empty()) {
            None => (Vec::new(), Ok(())),
            Some(there) => {
                let cloud = self.cloud.in_region(region);
                self.read_and_roll(&cloud, Some(region), &there, &RollTarget::of(ami)).await
            }
        }
    }

    async fn read_and_roll(
        &self,
        cloud: &Cloud,
        region: Option<&str>,
        template: &Template,
        target: &RollTarget,
    ) -> (Vec<Value>, Outcome) {
        match cloud.fleet(&self.config.namespace).await {
            Ok(fleet) => self.roll(cloud, region, template, target, &fleet).await,
            Err(error) => {
                let failure = Failure::from(error);
                let message = format!("consumers are not rolled: {}", failure.message);
                (Vec::new(), Err(Failure { message, ..failure }.about(&template.name)))
            }
        }
    }

    async fn roll(
        &self,
        cloud: &Cloud,
        region: Option<&str>,
        template: &Template,
        target: &RollTarget,
        fleet: &Fleet,
    ) -> (Vec<Value>, Outcome) {
        let Finish { config, cancel, console, .. } = *self;
        let _alone = self.one_roll.lock().await;
        After { config, cloud, region, cancel, console }.roll(template, target, fleet).await
    }
}

fn how(how: How) -> &'static str {
    match how {
        How::AsItWas => "as-it-was",
        How::Promoted => "promoted",
        How::Copied => "copied",
    }
}

fn row(region: &str, done: &Distributed) -> Value {
    json!({
        "region": region,
        "ami": done.ami.ami,
        "result": how(done.how),
        "changed": done.terms,
    })
}

/// What was done in a region, for people; nothing, where all was as it should be.
fn texts(template: &str, target: &RollTarget, region: &str, done: &Distributed) -> Vec<String> {
    let mut texts = Vec::new();
    let id = &done.ami.ami;
    let generation = target.generation.map(|it| format!(" (generation {it})")).unwrap_or_default();
    match done.how {
        How::AsItWas => {}
        How::Promoted => {
            texts.push(format!("{template}: {region}: {id} is current{generation}"));
        }
        How::Copied => {
            let of = &target.ami;
            texts
                .push(format!("{template}: {region}: {id} is current{generation}, a copy of {of}"));
        }
    }
    if !done.terms.is_empty() {
        let terms = done.terms.join(", ");
        texts.push(format!("{template}: {region}: set {terms} of {id}"));
    }
    texts
}
