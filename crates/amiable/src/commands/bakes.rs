//! Tells what an update does, as it does it, and in the end what became of each template.

mod row;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use ami_lifecycle::{
    CancellationToken, Observer, Planned, Template, Todo, UpdateError, UpdateEvent, UpdateObserver,
    Updated, UpdatedHow,
};

use crate::args::Output;
use crate::commands::bakes::row::{End, Row};
use crate::commands::bakes::text::{done_text, failed, tried_text};
use crate::commands::finish::Progress;
use crate::commands::plan::{one_line, why};
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};
use crate::render::BakeView;
use crate::render::log::open_log;
use crate::render::table;

/// What is told of the templates of a call.
pub(super) struct Telling<'a> {
    templates: &'a [&'a Template],
    /// The region that all begin in.
    region: &'a str,
    cancel: &'a CancellationToken,
    output: Output,
    console: &'a Console,
    under_way: Mutex<BTreeMap<String, UnderWay>>,
    rows: Mutex<Vec<Row>>,
}

/// A template that has begun.
#[derive(Default)]
struct UnderWay {
    /// What shows its events, and where its log is.
    view: Option<(Arc<BakeView>, PathBuf)>,
    /// Why its events could not be taken.
    unseen: Option<Failure>,
    /// What has followed its AMI.
    followed: Option<Progress>,
}

impl UpdateObserver for Telling<'_> {
    fn begins(&self, template: &Template) -> Option<Arc<dyn Observer>> {
        let name = &template.name;
        let mut all = self.all_under_way();
        let state = all.entry(name.clone()).or_default();
        if let Some((earlier, _)) = state.view.take() {
            earlier.finish();
        }
        match open_log(name) {
            Ok((log, path)) => {
                let view = Arc::new(BakeView::new(name, self.console, log));
                state.view = Some((view.clone(), path));
                Some(view)
            }
            Err(failure) => {
                state.unseen = Some(failure);
                None
            }
        }
    }

    fn told(&self, template: &str, event: UpdateEvent<'_>) {
        match event {
            UpdateEvent::Unfinished(planned) => self.unfinished(planned),
            UpdateEvent::Unknown(unknown) => self.console.complain(&format!(
                "warning: {template}: whether it is up to date could not be determined: {}",
                one_line(&unknown.to_string())
            )),
            UpdateEvent::Baked(baked) => self.done(template, &done_text(template, baked)),
            UpdateEvent::Tried => self.done(template, &tried_text(template)),
            UpdateEvent::Followed(target, followed) => {
                let mut all = self.all_under_way();
                let state = all.entry(template.to_owned()).or_default();
                let new = || Progress::new(template, target, self.region);
                state.followed.get_or_insert_with(new).told(followed, self.console);
            }
            UpdateEvent::Ended(updated) => {
                let row = self.row(updated);
                self.rows.lock().expect("no panic holds this lock").push(row);
            }
        }
    }
}

impl<'a> Telling<'a> {
    pub(super) fn new(
        templates: &'a [&'a Template],
        region: &'a str,
        cancel: &'a CancellationToken,
        output: Output,
        console: &'a Console,
    ) -> Telling<'a> {
        let (under_way, rows) = Default::default();
        Telling { templates, region, cancel, output, console, under_way, rows }
    }

    fn all_under_way(&self) -> MutexGuard<'_, BTreeMap<String, UnderWay>> {
        self.under_way.lock().expect("no panic holds this lock")
    }

    /// A bake has ended well.
    fn done(&self, template: &str, text: &str) {
        if let Some(UnderWay { view: Some((view, _)), .. }) = self.all_under_way().get(template) {
            view.finish();
        }
        self.console.message(text);
    }

    fn unfinished(&self, planned: &Planned) {
        let template = &planned.template;
        self.console.message(&match planned.todo {
            Todo::Unknown => format!(
                "{template}: no new AMI is baked while a region cannot be reached; `amiable \
                 update --all --force` bakes all templates anyway"
            ),
            _ => format!(
                "{template}: no new AMI is needed; only this remains: {}",
                why(planned).join("; ")
            ),
        });
    }

    /// Tells how a template has ended; its line in the summary.
    fn row(&self, updated: &Updated<'_>) -> Row {
        let name = updated.template;
        match &updated.how {
            UpdatedHow::Idle(planned) => {
                let row = Row::idle(planned);
                if row.end == End::Unknown {
                    self.console.complain(&format!("error: {name}: {}", row.note));
                } else if self.templates.len() == 1 {
                    self.console.message(&row.line());
                }
                row
            }
            UpdatedHow::Skipped { below } => {
                let text = format!("{name}: skipped, because {below} has no new current AMI");
                self.console.complain(&text);
                Row::skipped(name, format!("it is based on {below}"), Status::Failed)
            }
            UpdatedHow::NotBegun => {
                let note = "interrupted before it began".into();
                Row::skipped(name, note, Status::Interrupted)
            }
            UpdatedHow::Done { todo, baked, error } => {
                let mut row = Row::new(name, End::of(*todo, baked.as_ref(), error.is_none()));
                row.baked.clone_from(baked);
                row.time = updated.time;
                if let Some(failure) = self.finish(&mut row, error.as_ref()) {
                    row.fails(&failure);
                    self.console.complain(&failure.text());
                }
                if let (Some(baked), Output::Text) = (baked, self.output) {
                    self.console.result(&baked.ami);
                }
                row
            }
        }
    }

    /// Ends what is shown of a template; what failed of it.
    fn finish(&self, row: &mut Row, error: Option<&UpdateError>) -> Option<Failure> {
        let state = self.all_under_way().remove(&row.template).unwrap_or_default();
        let UnderWay { view, unseen, followed } = state;
        if let Some((view, _)) = &view {
            view.finish();
        }
        let name = row.template.clone();
        let again = format!("amiable update {name}");
        let mut failure = None;
        if let Some(followed) = followed {
            let finished = followed.finished(&again, self.cancel, self.console);
            failure = row.followed(finished).err();
        }
        match error {
            None => failure,
            // What was baked is still to be distributed.
            Some(UpdateError::NotObserved) if row.baked.is_some() => {
                unseen.map(|it| it.about(name).hint(format!("run `{again}` to finish")))
            }
            Some(UpdateError::NotObserved) => unseen,
            Some(UpdateError::Bake(error)) => view.map(|(view, log)| {
                let failure = failed(&name, error, &log);
                view.log_failure(&failure);
                failure
            }),
            Some(UpdateError::Cloud(error)) => {
                let failure = Failure::from(error.clone()).about(name);
                Some(failure.hint(format!("run `{again}` to finish")))
            }
            Some(error @ UpdateError::NoCurrent) => {
                Some(Failure::failed(error.to_string()).about(name))
            }
        }
    }

    /// Prints the summary; the exit status is that of the worst.
    pub(super) fn end(self) -> Outcome {
        let mut rows = self.rows.into_inner().expect("no panic holds this lock");
        let place = |row: &Row| self.templates.iter().position(|it| it.name == row.template);
        rows.sort_by_key(place);
        summarize(&rows, self.output, self.console);
        let worst = rows.iter().filter_map(|row| row.status).max_by_key(|status| match status {
            Status::Interrupted => 3,
            Status::Failed => 2,
            Status::Usage | Status::Work | Status::Taken => 1,
        });
        worst.map_or(Ok(()), |status| Err(Failure::told(status)))
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
