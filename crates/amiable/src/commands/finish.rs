//! Tells what comes when an AMI has become current: it is distributed, and consumers are rolled.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ami_lifecycle::{
    BakeError, CancellationToken, Cloud, Context, Distributed, Event, Fleet, FollowRequest,
    Followed, Holdings, How, Observer, RollTarget, Template,
};
use serde_json::{Value, json};

use crate::commands::roll::{as_json, complain, lines, title};
use crate::config::settings::Config;
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status, chain};
use crate::render::BakeView;
use crate::render::log::open_log;
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
    /// Where not all consumers were rolled.
    unrolled: BTreeSet<String>,
    /// Why no consumer was looked at.
    not_rolled: Vec<Failure>,
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
        match self.follow(template, target, fleet).await {
            Ok(progress) => self.finished(template, target, progress, again),
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
        let Finish { config, cloud, cancel, console, holdings, rolls, one_roll } = self;
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
        let request = FollowRequest {
            context: Context {
                cloud,
                namespace: &config.namespace,
                actor: surroundings::actor(&operator, &owner),
                version: env!("CARGO_PKG_VERSION"),
                observer,
                holdings: (*holdings).clone(),
                cancel: (*cancel).clone(),
            },
            consumers: connect::consumers(config, jenkins.as_ref()),
            template,
            target,
            fleet,
            rolls: *rolls,
            one_roll,
        };
        let progress = Mutex::new(Progress::default());
        let told = |followed: Followed<'_>| {
            let mut progress = progress.lock().expect("no panic holds this lock");
            self.told(template, target, followed, &mut progress);
        };
        let followed = ami_lifecycle::follow(&request, &told).await;
        if let Some(view) = &view {
            view.finish();
        }
        followed.map_err(|error| Failure::from(error).about(&template.name))?;
        Ok(progress.into_inner().expect("no panic holds this lock"))
    }

    /// Tells what became of a part.
    fn told(
        &self,
        template: &Template,
        target: &RollTarget,
        followed: Followed<'_>,
        progress: &mut Progress,
    ) {
        match followed {
            Followed::Region(region, outcome) => {
                self.told_of_region(template, target, region, &outcome, progress);
            }
            Followed::Output(region, line) => {
                self.console.message(&format!("{} | {line}", title(template, region)));
            }
            Followed::Rolled(region, rolled) => {
                let title = title(template, region);
                lines(&title, &rolled).iter().for_each(|line| self.console.message(line));
                complain(&title, &rolled, self.console);
                if rolled.error.is_some() {
                    progress.unrolled.insert(title);
                }
                progress.consumers.push(as_json(template, region, &target.ami, &rolled));
            }
            Followed::NotRolled(region, error) => {
                let failure = Failure::from(error);
                let message = format!("consumers are not rolled: {}", failure.message);
                let failure = Failure { message, ..failure }.about(title(template, region));
                progress.not_rolled.push(failure);
            }
        }
    }

    fn told_of_region(
        &self,
        template: &Template,
        target: &RollTarget,
        region: &str,
        outcome: &Result<Distributed, BakeError>,
        progress: &mut Progress,
    ) {
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
        let Progress { mut regions, consumers, mut also_in, mut failed, .. } = progress;
        let unrolled = progress.unrolled.iter().map(|title| self.unrolled(title, template, target));
        let mut unrolled: Vec<Failure> = progress.not_rolled.into_iter().chain(unrolled).collect();
        let last = if failed.is_empty() { unrolled.pop() } else { None };
        unrolled.iter().for_each(|failure| self.console.complain(&failure.text()));
        regions.sort_by_key(|row| row["region"].to_string());
        also_in.sort();
        failed.sort();
        let left = format!("run `{again}` to finish");
        let outcome = match (failed.is_empty(), last) {
            (true, None) => Ok(()),
            (true, Some(unrolled)) => Err(unrolled),
            (false, _) => {
                let (name, ami, regions) = (&template.name, &target.ami, failed.join(", "));
                let text = format!("{ami} is current, but not as configured in {regions}");
                let is_cancelled = self.cancel.is_cancelled();
                let status = if is_cancelled { Status::Interrupted } else { Status::Failed };
                Err(Failure::new(status, text).about(name).hint(left))
            }
        };
        Finished { regions, consumers, also_in, outcome }
    }

    /// Each consumer that failed was told of already.
    fn unrolled(&self, title: &str, template: &Template, target: &RollTarget) -> Failure {
        let text = format!("{} is current, but not all consumers name it", target.ami);
        let is_cancelled = self.cancel.is_cancelled();
        let status = if is_cancelled { Status::Interrupted } else { Status::Failed };
        let hint = format!("run `amiable roll {}` to finish", template.name);
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
