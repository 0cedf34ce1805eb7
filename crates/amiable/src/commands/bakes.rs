//! Many templates at once: each is baked or rolled as soon as what it is based on is done,
//! and one that fails stops only the templates based on it.

pub(super) mod job;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ami_lifecycle::{AmiId, Baked, Fleet, Planned, RollTarget, Schedule, Template, Todo};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::plan::{one_line, why};
use crate::args::Output;
use crate::commands::bakes::job::{Job, target_of};
use crate::commands::finish::with_regions;
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};
use crate::render::table;

/// What became of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its next AMI is current.
    Baked,
    /// Its next AMI waits to be verified.
    Pending,
    /// Its current AMI is current in all of its regions.
    Distributed,
    /// Its consumers name the current AMI.
    Rolled,
    /// There was nothing to do.
    UpToDate,
    /// It failed.
    Failed,
    /// It was interrupted, and undone.
    Interrupted,
    /// What it is based on failed, or everything was interrupted before.
    Skipped,
    /// It could not be told whether there was anything to do.
    Unknown,
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            End::Baked => "baked",
            End::Pending => "pending",
            End::Distributed => "distributed",
            End::Rolled => "rolled",
            End::UpToDate => "up-to-date",
            End::Failed => "failed",
            End::Interrupted => "interrupted",
            End::Skipped => "skipped",
            End::Unknown => "unknown",
        }
    }
}

/// A template's line in the summary.
struct Row {
    template: String,
    end: End,
    baked: Option<Baked>,
    time: Duration,
    note: String,
    consumers: Vec<serde_json::Value>,
    /// A row for each region that it is in, where it is in several.
    regions: Vec<serde_json::Value>,
    status: Option<Status>,
    /// Nothing is baked, as the current AMI is good.
    is_good: bool,
}

impl Row {
    fn new(template: &str, end: End) -> Row {
        Row {
            template: template.to_owned(),
            end,
            baked: None,
            time: Duration::ZERO,
            note: String::new(),
            consumers: Vec::new(),
            regions: Vec::new(),
            status: None,
            is_good: false,
        }
    }

    /// The failure is told when it happens, and its first line again in the summary.
    fn fails(&mut self, failure: &Failure) {
        self.note = one_line(&failure.message);
        if failure.status == Status::Interrupted {
            self.end = End::Interrupted;
        }
        self.status = Some(failure.status);
    }

    fn json(&self) -> serde_json::Value {
        let baked = self.baked.as_ref();
        let value = serde_json::json!({
            "template": self.template,
            "result": self.end.as_str(),
            "ami": baked.map(|it| &it.ami),
            "name": baked.map(|it| &it.name),
            "generation": baked.map(|it| it.generation),
            "current": baked.is_some_and(|it| it.promoted),
            "previous": baked.and_then(|it| it.previous.as_ref()),
            "seconds": (self.time.as_secs_f64() * 10.0).round() / 10.0,
            "note": Some(&self.note).filter(|note| !note.is_empty()),
            "consumers": self.consumers,
        });
        with_regions(value, self.regions.clone())
    }

    /// For one that is alone.
    fn line(&self) -> String {
        let note = if self.note.is_empty() { String::new() } else { format!(": {}", self.note) };
        format!("{}: up to date{note}", self.template)
    }

    fn cells(&self) -> Vec<String> {
        let baked = self.baked.as_ref();
        let took = !matches!(self.end, End::UpToDate | End::Skipped | End::Unknown);
        vec![
            self.template.clone(),
            self.end.as_str().into(),
            baked.map(|it| it.ami.clone()).unwrap_or_default().into(),
            baked.map(|it| it.generation.to_string()).unwrap_or_default(),
            if took { format!("{:.1} s", self.time.as_secs_f64()) } else { String::new() },
            self.note.clone(),
        ]
    }
}

/// Bakes some templates, `jobs` at a time. With a plan only what it says is done.
pub(super) async fn run(
    job: &Job<'_>,
    templates: &[&Template],
    plan: Option<&[Planned]>,
    jobs: usize,
    output: Output,
) -> Outcome {
    let plan = Plan(plan);
    let (mut rows, work) = plan.split(templates, job.console);
    rows.extend(work_off(job, &work, plan, jobs, output).await);
    for template in &work {
        if !rows.iter().any(|row| row.template == template.name) {
            let mut row = Row::new(&template.name, End::Skipped);
            row.note = "interrupted before it began".into();
            row.status = Some(Status::Interrupted);
            rows.push(row);
        }
    }
    let place = |name: &str| templates.iter().position(|it| it.name == name);
    rows.sort_by_key(|row| place(&row.template));
    summarize(&rows, output, job.console);
    let worst = rows.iter().filter_map(|row| row.status).max_by_key(|status| match status {
        Status::Interrupted => 3,
        Status::Failed => 2,
        Status::Usage | Status::Work | Status::Taken => 1,
    });
    worst.map_or(Ok(()), |status| Err(Failure::told(status)))
}

/// What is to be done, where that was looked up before.
#[derive(Clone, Copy)]
struct Plan<'a>(Option<&'a [Planned]>);

impl<'a> Plan<'a> {
    fn of(self, name: &str) -> Option<&'a Planned> {
        self.0.and_then(|plan| plan.iter().find(|it| it.template == name))
    }

    /// The templates for which there is nothing to do, with what is said of them, and the others.
    fn split<'t>(
        self,
        templates: &[&'t Template],
        console: &Console,
    ) -> (Vec<Row>, Vec<&'t Template>) {
        let (mut rows, mut work) = (Vec::new(), Vec::new());
        for template in templates {
            let planned = self.of(&template.name);
            match planned.filter(|it| matches!(it.todo, Todo::Nothing | Todo::Unknown)) {
                Some(planned) => {
                    let row = idle(planned);
                    if row.end == End::Unknown {
                        console.complain(&format!("error: {}: {}", row.template, row.note));
                    } else if templates.len() == 1 {
                        console.message(&row.line());
                    }
                    rows.push(row);
                }
                None => {
                    warn_of_unknown(planned, console);
                    work.push(*template);
                }
            }
        }
        (rows, work)
    }
}

fn warn_of_unknown(planned: Option<&Planned>, console: &Console) {
    let Some(Planned { template, unknown, .. }) = planned else { return };
    for unknown in unknown {
        let text = one_line(&unknown.to_string());
        console.complain(&format!(
            "warning: {template}: whether it is up to date could not be determined: {text}"
        ));
    }
}

/// Bakes, or lets regions and consumers follow: each template after what it is based on.
async fn work_off(
    job: &Job<'_>,
    work: &[&Template],
    plan: Plan<'_>,
    jobs: usize,
    output: Output,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut schedule = Schedule::new(work);
    let mut made: BTreeMap<String, AmiId> = BTreeMap::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < jobs && !job.cancel.is_cancelled() {
            let Some(name) = schedule.begin() else { break };
            let Some(template) = work.iter().find(|it| it.name == name) else { break };
            let good = plan.of(&name).map(|it| it.todo).filter(|todo| *todo != Todo::Bake);
            let below = template.base_template().and_then(|below| made.get(below).cloned());
            under_way.push(one(job, template, below, good));
        }
        let Some(row) = under_way.next().await else { return rows };
        // Nothing is based on a new AMI that is not current.
        let well = row.is_good || row.baked.as_ref().is_some_and(|it| it.promoted);
        if let Some(baked) = row.baked.as_ref().filter(|it| it.promoted) {
            made.insert(row.template.clone(), baked.ami.clone());
        }
        if let (Some(baked), Output::Text) = (&row.baked, output) {
            job.console.result(&baked.ami);
        }
        for (skipped, below) in schedule.done(&row.template, well) {
            let text = format!("{skipped}: skipped, because {below} has no new current AMI");
            job.console.complain(&text);
            let mut row = Row::new(&skipped, End::Skipped);
            row.note = format!("it is based on {below}");
            row.status = Some(Status::Failed);
            rows.push(row);
        }
        rows.push(row);
    }
}

fn summarize(rows: &[Row], output: Output, console: &Console) {
    match output {
        Output::Json => {
            let all: Vec<serde_json::Value> = rows.iter().map(Row::json).collect();
            console.result(&crate::render::json::json(&all));
        }
        Output::Text if rows.len() > 1 => {
            let cells: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
            let titles = ["TEMPLATE", "RESULT", "AMI", "GEN", "TIME", "NOTE"];
            console.message(&table(&titles, &cells));
        }
        Output::Text => {}
    }
}

/// A template for which nothing is done.
fn idle(planned: &Planned) -> Row {
    let unknown = planned.todo == Todo::Unknown;
    let mut row = Row::new(&planned.template, if unknown { End::Unknown } else { End::UpToDate });
    row.note = why(planned).join("; ");
    row.status = unknown.then_some(Status::Failed);
    row
}

/// `good` is what is to be done where the current AMI stays.
async fn one(job: &Job<'_>, template: &Template, below: Option<AmiId>, good: Option<Todo>) -> Row {
    let began = Instant::now();
    let mut row = Row::new(&template.name, End::Failed);
    row.is_good = good.is_some();
    let outcome = match good {
        Some(todo) => follow(job, template, todo, &mut row).await,
        None => bake(job, template, below, &mut row).await,
    };
    if let Err(failure) = outcome {
        row.fails(&failure);
        job.console.complain(&failure.text());
    }
    row.time = began.elapsed();
    row
}

async fn bake(job: &Job<'_>, template: &Template, below: Option<AmiId>, row: &mut Row) -> Outcome {
    let baked = job.bake(template, below).await?;
    row.end = if baked.promoted { End::Baked } else { End::Pending };
    row.baked = Some(baked.clone());
    if baked.promoted {
        finish(job, template, &target_of(template, &baked), None, row).await
    } else {
        Ok(())
    }
}

/// Lets regions and consumers follow a template's current AMI, which is as it should be.
async fn follow(job: &Job<'_>, template: &Template, todo: Todo, row: &mut Row) -> Outcome {
    let fleet = job.fleet().await?;
    let none = || Failure::failed("there is no current AMI").about(&template.name);
    let target = RollTarget::of(fleet.current(&template.name).ok_or_else(none)?);
    row.end = if todo == Todo::Roll { End::Rolled } else { End::Distributed };
    finish(job, template, &target, Some(&fleet), row).await
}

async fn finish(
    job: &Job<'_>,
    template: &Template,
    target: &RollTarget,
    fleet: Option<&Fleet>,
    row: &mut Row,
) -> Outcome {
    let finished = job.finish(template, target, fleet).await;
    row.consumers = finished.consumers;
    row.regions = finished.regions;
    if !finished.also_in.is_empty() {
        row.note = format!("also in {}", finished.also_in.join(", "));
    }
    if finished.outcome.is_err() {
        row.end = End::Failed;
    }
    finished.outcome
}
