//! One bake as it goes: a spinner with stage and time on a terminal, plain lines
//! elsewhere; and the log file, which has everything.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, Once};
use std::time::Duration;

use ami_lifecycle::{Event, Observer, Stage, Stream};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::console::Console;

/// Shows one bake.
pub(crate) struct BakeView {
    template: String,
    console: Console,
    bar: Option<ProgressBar>,
    log: Mutex<File>,
    /// That the log could not be written is told once.
    is_told: Once,
}

impl BakeView {
    pub(crate) fn new(template: &str, console: &Console, log: File) -> BakeView {
        let bar = console.progress().map(|progress| {
            let style = ProgressStyle::with_template("{spinner} {prefix}: {msg} ({elapsed})");
            let bar = progress.add(ProgressBar::new_spinner());
            bar.set_style(style.expect("a constant template is right or wrong in every run"));
            bar.set_prefix(template.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        BakeView {
            template: template.to_owned(),
            console: console.clone(),
            bar,
            log: Mutex::new(log),
            is_told: Once::new(),
        }
    }

    /// Takes the spinner away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn write_log(&self, text: &str) {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let mut log = self.log.lock().expect("no panic holds this lock");
        // A full disk must not end a bake; the terminal has the lines too.
        if let Err(error) = writeln!(log, "{now} {text}") {
            self.is_told.call_once(|| {
                let template = &self.template;
                let text = format!("warning: {template}: the log could not be written: {error}");
                self.console.complain(&text);
            });
        }
    }

    fn stage(&self, stage: Stage) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(stage.label());
                bar.reset_elapsed();
            }
            None => self.console.message(&format!("{}: {}", self.template, stage.label())),
        }
    }
}

impl Observer for BakeView {
    fn event(&self, event: Event) {
        let template = &self.template;
        match event {
            Event::Stage(stage) => {
                self.write_log(&format!("== {}", stage.label()));
                self.stage(stage);
            }
            Event::Note(text) => {
                self.write_log(&text);
                self.console.message(&format!("{template}:   {text}"));
            }
            Event::Warning(text) => {
                self.write_log(&format!("warning: {text}"));
                self.console.complain(&format!("warning: {template}: {text}"));
            }
            Event::Output(stream, line) => {
                let mark = match stream {
                    Stream::Stdout => '|',
                    Stream::Stderr => '!',
                };
                self.write_log(&format!("{mark} {line}"));
                self.console.message(&format!("{template} {mark} {line}"));
            }
            Event::Tunnel(line) => self.write_log(&format!("connection: {line}")),
            Event::Done(stage, time) => {
                self.write_log(&format!(
                    "== {}: done in {:.1} s",
                    stage.label(),
                    time.as_secs_f64()
                ));
                if self.bar.is_some() {
                    let text =
                        format!("{template}: {} ({:.1} s)", stage.label(), time.as_secs_f64());
                    self.console.message(&text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_written_is_told_once_and_ends_nothing() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let view = BakeView::new("agent", &Console::new(true), full);
        assert!(!view.is_told.is_completed());
        view.event(Event::Note("one".into()));
        view.event(Event::Note("two".into()));
        assert!(view.is_told.is_completed());
    }
}
