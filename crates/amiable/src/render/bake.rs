//! One bake as it goes: a spinner with stage and time on a terminal, plain lines
//! elsewhere; and the log file, which has everything.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, Once, OnceLock};
use std::time::Duration;

use ami_lifecycle::{Event, Observer, Stage, Stream};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::console::Console;
use crate::failure::Failure;

/// Shows one bake.
pub(crate) struct BakeView {
    template: String,
    console: Console,
    bar: Option<ProgressBar>,
    headings: Mutex<Headings>,
    /// How long each stage took the last time.
    expected: OnceLock<Vec<(String, Duration)>>,
    log: Mutex<File>,
    /// That the log could not be written is told once.
    is_told: Once,
}

impl BakeView {
    pub(crate) fn new(template: &str, console: &Console, log: File) -> BakeView {
        let bar = console.progress().map(|progress| {
            let style = ProgressStyle::with_template("{spinner} {prefix}: {msg} ({elapsed})");
            let bar = progress.add(ProgressBar::new_spinner());
            bar.set_style(style.expect("a constant template is valid in every run or in none"));
            bar.set_prefix(template.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        BakeView {
            template: template.to_owned(),
            console: console.clone(),
            bar,
            headings: Mutex::default(),
            expected: OnceLock::new(),
            log: Mutex::new(log),
            is_told: Once::new(),
        }
    }

    /// Writes to the log how it failed.
    pub(crate) fn log_failure(&self, failure: &Failure) {
        failure.text().lines().for_each(|line| self.write_log(line));
    }

    /// Takes the spinner away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn write_log(&self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    /// What a script has printed is no text for certain.
    fn write_bytes(&self, bytes: &[u8]) {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ ").to_string();
        let line = [now.as_bytes(), bytes, b"\n"].concat();
        let mut log = self.log.lock().expect("no panic holds this lock");
        // A full disk must not end a bake; the terminal has the lines too.
        if let Err(error) = log.write_all(&line) {
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
                let expected = self.expected.get().map(Vec::as_slice).unwrap_or_default();
                let left = time_left(expected, stage).map(|it| format!(", {it} left"));
                bar.set_message(format!("{}{}", stage.label(), left.unwrap_or_default()));
                bar.reset_elapsed();
            }
            None => self.console.message(&format!("{}: {}", self.template, stage.label())),
        }
        self.headings().begin(stage);
    }

    fn headings(&self) -> MutexGuard<'_, Headings> {
        self.headings.lock().expect("no panic holds this lock")
    }

    /// Before a line of a stage its heading, where the spinner has only shown it.
    fn head(&self) {
        if self.bar.is_some()
            && let Some(stage) = self.headings().before_a_line()
        {
            self.console.message(&format!("{}: {}", self.template, stage.label()));
        }
    }
}

/// What is left when a stage begins, if all stages take as long as the last time; whole minutes, as it is
/// a guess.
fn time_left(expected: &[(String, Duration)], stage: Stage) -> Option<String> {
    let begins = expected.iter().position(|(name, _)| name == stage.name())?;
    let left: Duration = expected[begins..].iter().map(|(_, took)| *took).sum();
    let minutes = left.as_secs().div_ceil(60);
    (left.as_secs() >= 10).then(|| format!("about {minutes} min"))
}

/// On a terminal a stage that prints nothing has one line, at its end; any other has its heading first.
#[derive(Debug, Default)]
struct Headings {
    stage: Option<Stage>,
    is_shown: bool,
}

impl Headings {
    fn begin(&mut self, stage: Stage) {
        *self = Headings { stage: Some(stage), is_shown: false };
    }

    /// The heading that is to be shown before a line.
    fn before_a_line(&mut self) -> Option<Stage> {
        let stage = self.stage.filter(|_| !self.is_shown)?;
        self.is_shown = true;
        Some(stage)
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
                self.head();
                self.console.message(&format!("{template}:   {text}"));
            }
            Event::Warning(text) => {
                self.write_log(&format!("warning: {text}"));
                self.head();
                self.console.complain(&format!("warning: {template}: {text}"));
            }
            Event::Output(stream, line) => {
                let mark = match (stream, line.is_continued) {
                    (_, true) => '+',
                    (Stream::Stdout, false) => '|',
                    (Stream::Stderr, false) => '!',
                };
                self.write_bytes(&[format!("{mark} ").as_bytes(), &line.bytes].concat());
                self.head();
                self.console.message(&format!("{template} {mark} {}", line.text()));
            }
            Event::Expected(durations) => drop(self.expected.set(durations)),
            Event::Tunnel(line) => self.write_log(&format!("connection: {line}")),
            Event::Done(stage, time) => {
                self.write_log(&format!(
                    "== {}: done in {:.1} s",
                    stage.label(),
                    time.as_secs_f64()
                ));
                if self.bar.is_some() {
                    let seconds = time.as_secs_f64();
                    self.console.message(&if self.headings().is_shown {
                        format!("{template}:   done in {seconds:.1} s")
                    } else {
                        format!("{template}: {} ({seconds:.1} s)", stage.label())
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ami_lifecycle::OutputLine;

    #[test]
    fn a_log_that_cannot_be_written_is_told_once_and_ends_nothing() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let view = BakeView::new("agent", &Console::new(true), full);
        assert!(!view.is_told.is_completed());
        view.event(Event::Note("one".into()));
        view.event(Event::Note("two".into()));
        assert!(view.is_told.is_completed());
    }

    #[test]
    fn the_time_left_is_what_the_stages_took_the_last_time() {
        let took = |name: &str, seconds| (name.to_owned(), Duration::from_secs(seconds));
        let expected = [took("launch", 30), took("script", 200), took("image", 5)];
        let left = |stage| time_left(&expected, stage);
        assert_eq!(left(Stage::Launch).as_deref(), Some("about 4 min"));
        assert_eq!(left(Stage::Script).as_deref(), Some("about 4 min"));
        assert_eq!(left(Stage::Image), None, "it is over soon");
        assert_eq!(left(Stage::Verify), None, "there was none the last time");
    }

    #[test]
    fn a_heading_comes_before_the_lines_of_its_stage() {
        let mut headings = Headings::default();
        assert_eq!(headings.before_a_line(), None);
        headings.begin(Stage::Resolve);
        assert_eq!(headings.before_a_line(), Some(Stage::Resolve));
        assert_eq!((headings.before_a_line(), headings.is_shown), (None, true));
        headings.begin(Stage::Launch);
        assert!(!headings.is_shown);
    }

    #[test]
    fn the_log_has_every_byte_and_how_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let view = BakeView::new("agent", &Console::new(true), log);
        for (bytes, is_continued) in [(&b"10%\r20%\xff"[..], false), (b" \x1b[1mmore", true)] {
            let line = OutputLine { bytes: bytes.to_vec(), is_continued };
            view.event(Event::Output(Stream::Stdout, line));
        }
        view.log_failure(&Failure::failed("it failed with exit status 3").hint("look"));
        let log = std::fs::read(dir.path().join("log")).unwrap();
        let lines: Vec<&[u8]> =
            log.split(|byte| *byte == b'\n').map(|it| it.get(21..).unwrap_or_default()).collect();
        let expected: [&[u8]; 5] = [
            b"| 10%\r20%\xff",
            b"+  \x1b[1mmore",
            b"error: it failed with exit status 3",
            b"hint: look",
            b"",
        ];
        assert_eq!(lines, expected);
    }
}
