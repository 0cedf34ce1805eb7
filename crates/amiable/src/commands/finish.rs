//! Tells what comes when an AMI has become current: it is distributed, and consumers are rolled.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ami_lifecycle::{
    BakeError, CancellationToken, Cloud, Distributed, Event, Fleet, FollowRequest, Followed,
    Holdings, How, Observer, RollTarget, Template,
};
use serde_json::{Value, json};

use crate::commands::roll::{as_json, complain, lines, title};
use crate::config::settings::Config;
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status, chain};
use crate::render::BakeView;
use crate::render::log::open_log;
use crate::{connect, surroundings};

/// For a call that makes one AMI current.
pub(super) struct Finish<'a> {
    pub(super) config: &'a Config,
    pub(super) cloud: &'a Cloud,
    pub(super) cancel: &'a CancellationToken,
    pub(super) console: &'a Console,
    pub(super) holdings: &'a Holdings,
    /// Whether consumers are rolled.
    pub(super) rolls: bool,
    /// Consumers that wait for a while wait no longer.
    pub(super) at_once: bool,
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

/// What has followed an AMI that became current, so far.
pub(super) struct Progress {
    template: String,
    target: RollTarget,
    /// The region in which it became current first.
    first: String,
    regions: Vec<Value>,
    consumers: Vec<Value>,
    also_in: Vec<String>,
    failed: Vec<String>,
    /// Where not all consumers were rolled.
    unrolled: BTreeSet<String>,
    /// Why no consumer was looked at.
    not_rolled: Vec<Failure>,
}

impl<'a> Finish<'a> {
    /// Distributes and rolls; `again` is the command that does what is left. `fleet` is what
    /// there is in the first region, where that is known.
    pub(super) async fn run(
        &self,
        template: &Template,
        target: &RollTarget,
        fleet: Option<&Fleet>,
        again: &str,
    ) -> Finished {
        match self.follow(template, target, fleet).await {
            Ok(progress) => progress.finished(again, self.cancel, self.console),
            Err(failure) => Finished {
                outcome: Err(failure.hint(format!("run `{again}` to finish"))),
                ..Finished::nothing()
            },
        }
    }

    async fn follow(
        &self,
        template: &Template,
        target: &RollTarget,
        fleet: Option<&Fleet>,
    ) -> Result<Progress, Failure> {
        let Finish { config, cloud, cancel, console, holdings, rolls, at_once } = self;
        let known = fleet.and_then(|fleet| fleet.get(&target.ami));
        // Only a distribution takes time, and has a log of its own.
        let view = if ami_lifecycle::is_distributed(template, known) {
            Some(BakeView::new(&template.name, console, open_log(&template.name)?.0))
        } else {
            None
        };
        let view = view.map(Arc::new);
        let observer: Arc<dyn Observer> = match &view {
            Some(view) => view.clone(),
            None => Arc::new(|_: Event| {}),
        };
        let jenkins = connect::jenkins(config);
        let (operator, owner) = (surroundings::operator(), surroundings::owner());
        let actor = surroundings::actor(&operator, &owner);
        let request = FollowRequest {
            context: connect::context(config, cloud, actor, observer, (holdings, cancel)),
            consumers: connect::consumers(config, jenkins.as_ref()),
            template,
            target,
            fleet,
            rolls: *rolls,
            at_once: *at_once,
            one_roll: &tokio::sync::Mutex::default(),
        };
        let progress = Mutex::new(Progress::new(&template.name, target, cloud.region()));
        let told = |followed: Followed<'_>| {
            progress.lock().expect("no panic holds this lock").told(followed, console);
        };
        let followed = ami_lifecycle::follow(&request, &told).await;
        if let Some(view) = &view {
            view.finish();
        }
        followed.map_err(|error| Failure::from(error).about(&template.name))?;
        Ok(progress.into_inner().expect("no panic holds this lock"))
    }
}

impl Progress {
    pub(super) fn new(template: &str, target: &RollTarget, first: &str) -> Progress {
        let (regions, consumers, also_in, failed) = Default::default();
        let (unrolled, not_rolled) = Default::default();
        let (template, target, first) = (template.to_owned(), target.clone(), first.to_owned());
        Progress {
            template,
            target,
            first,
            regions,
            consumers,
            also_in,
            failed,
            unrolled,
            not_rolled,
        }
    }

    /// Tells what became of a part.
    pub(super) fn told(&mut self, followed: Followed<'_>, console: &Console) {
        let template = &self.template;
        match followed {
            Followed::Region(region, outcome) => self.told_of_region(region, &outcome, console),
            Followed::Output(region, line) => {
                console.message(&format!("{} | {line}", title(template, region)));
            }
            Followed::Rolled(region, rolled) => {
                let title = title(template, region);
                lines(&title, &rolled).iter().for_each(|line| console.message(line));
                complain(&title, &rolled, console);
                if rolled.error.is_some() {
                    self.unrolled.insert(title);
                }
                self.consumers.push(as_json(template, region, &self.target.ami, &rolled));
            }
            Followed::NotRolled(region, error) => {
                let failure = Failure::from(error);
                let message = format!("consumers are not rolled: {}", failure.message);
                let failure = Failure { message, ..failure }.about(title(template, region));
                self.not_rolled.push(failure);
            }
        }
    }

    fn told_of_region(
        &mut self,
        region: &str,
        outcome: &Result<Distributed, BakeError>,
        console: &Console,
    ) {
        match outcome {
            Ok(done) => {
                for text in texts(&self.template, &self.target, region, done) {
                    console.message(&text);
                }
                if region != self.first {
                    self.also_in.push(region.to_owned());
                }
                self.regions.push(row(region, done));
            }
            Err(error) => {
                let why = chain(error);
                self.regions.push(json!({ "region": region, "ami": null, "error": why }));
                self.failed.push(region.to_owned());
                if !matches!(error, BakeError::Cancelled) {
                    let failure = Failure::failed(format!("{region}: {why}")).about(&self.template);
                    let failure = Failure { hint: error.hint(), ..failure };
                    console.complain(&failure.text());
                }
            }
        }
    }

    /// What became of it all; `again` is the command that does what is left.
    pub(super) fn finished(
        mut self,
        again: &str,
        cancel: &CancellationToken,
        console: &Console,
    ) -> Finished {
        let status = if cancel.is_cancelled() { Status::Interrupted } else { Status::Failed };
        let mut unrolled = std::mem::take(&mut self.not_rolled);
        unrolled.extend(self.unrolled.iter().map(|title| self.not_all_rolled(title, status)));
        let last = if self.failed.is_empty() { unrolled.pop() } else { None };
        unrolled.iter().for_each(|failure| console.complain(&failure.text()));
        self.regions.sort_by_key(|row| row["region"].to_string());
        self.also_in.sort();
        self.failed.sort();
        let outcome = match (self.failed.is_empty(), last) {
            (true, None) => Ok(()),
            (true, Some(unrolled)) => Err(unrolled),
            (false, _) => {
                let (ami, regions) = (&self.target.ami, self.failed.join(", "));
                let text = format!("{ami} is current, but not as configured in {regions}");
                let failure = Failure::new(status, text).about(&self.template);
                Err(failure.hint(format!("run `{again}` to finish")))
            }
        };
        let Progress { regions, consumers, also_in, .. } = self;
        Finished { regions, consumers, also_in, outcome }
    }

    /// Each consumer that failed was told of already.
    fn not_all_rolled(&self, title: &str, status: Status) -> Failure {
        let text = format!("{} is current, but not all consumers name it", self.target.ami);
        let hint = format!("run `amiable roll {}` to finish", self.template);
        Failure::new(status, text).about(title).hint(hint)
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
