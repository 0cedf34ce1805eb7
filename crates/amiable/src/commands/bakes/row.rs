//! A template's line in the summary.

use std::time::Duration;

use ami_lifecycle::{Baked, Planned, Todo};
use serde_json::{Value, json};

use crate::commands::finish::{Finished, with_regions};
use crate::commands::plan::{one_line, why};
use crate::failure::{Failure, Outcome, Status};

/// What became of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its next AMI is current.
    Baked,
    /// Its next AMI waits to be verified.
    Pending,
    /// It could be baked.
    Tried,
    /// Its current AMI is current in all of its regions.
    Distributed,
    /// Its consumers name the current AMI.
    Rolled,
    /// It is up to date.
    UpToDate,
    /// It failed.
    Failed,
    /// It was interrupted, and undone.
    Interrupted,
    /// What it is based on failed, or everything was interrupted before.
    Skipped,
    /// Whether it is up to date could not be determined.
    Unknown,
}

impl End {
    /// Of what was done, but for what followed the AMI.
    pub(super) fn of(todo: Todo, baked: Option<&Baked>, is_done: bool) -> End {
        match (todo, baked) {
            (_, Some(baked)) if baked.promoted => End::Baked,
            (_, Some(_)) => End::Pending,
            (Todo::Roll, None) => End::Rolled,
            (Todo::Distribute, None) => End::Distributed,
            (Todo::Bake, None) if is_done => End::Tried,
            (Todo::Bake | Todo::Nothing | Todo::Unknown, None) => End::Failed,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            End::Baked => "baked",
            End::Pending => "pending",
            End::Tried => "tried",
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
pub(super) struct Row {
    pub(super) template: String,
    pub(super) end: End,
    pub(super) baked: Option<Baked>,
    pub(super) time: Duration,
    pub(super) note: String,
    consumers: Vec<Value>,
    /// A row for each region that it is in, where it is in several.
    regions: Vec<Value>,
    pub(super) status: Option<Status>,
}

impl Row {
    pub(super) fn new(template: &str, end: End) -> Row {
        Row {
            template: template.to_owned(),
            end,
            baked: None,
            time: Duration::ZERO,
            note: String::new(),
            consumers: Vec::new(),
            regions: Vec::new(),
            status: None,
        }
    }

    /// A template for which nothing is done.
    pub(super) fn idle(planned: &Planned) -> Row {
        let unknown = planned.todo == Todo::Unknown;
        let end = if unknown { End::Unknown } else { End::UpToDate };
        let note = why(planned).join("; ");
        let status = unknown.then_some(Status::Failed);
        Row { note, status, ..Row::new(&planned.template, end) }
    }

    /// A template that was not begun.
    pub(super) fn skipped(template: &str, note: String, status: Status) -> Row {
        Row { note, status: Some(status), ..Row::new(template, End::Skipped) }
    }

    /// What followed its AMI.
    pub(super) fn followed(&mut self, finished: Finished) -> Outcome {
        self.consumers = finished.consumers;
        self.regions = finished.regions;
        if !finished.also_in.is_empty() {
            self.note = format!("also in {}", finished.also_in.join(", "));
        }
        finished.outcome
    }

    /// The failure is told when it happens, and its first line again in the summary.
    pub(super) fn fails(&mut self, failure: &Failure) {
        self.note = one_line(&failure.message);
        self.end = match failure.status {
            Status::Interrupted => End::Interrupted,
            _ => End::Failed,
        };
        self.status = Some(failure.status);
    }

    pub(super) fn json(&self) -> Value {
        let baked = self.baked.as_ref();
        let value = json!({
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
    pub(super) fn line(&self) -> String {
        let note = if self.note.is_empty() { String::new() } else { format!(": {}", self.note) };
        format!("{}: up to date{note}", self.template)
    }

    pub(super) fn cells(&self) -> Vec<String> {
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
