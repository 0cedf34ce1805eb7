//! The one place that prints: results to standard output, all else to standard error.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Arc, OnceLock};

use ami_lifecycle::{Event, Observer};
use anstyle::{AnsiColor, Style};
use indicatif::MultiProgress;

/// Where output goes, and how much of it.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    quiet: bool,
    progress: Option<MultiProgress>,
    /// Why a result could not be written, the first time.
    unwritten: Arc<OnceLock<std::io::Error>>,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Console {
        let live = !quiet && std::io::stderr().is_terminal();
        Console { quiet, progress: live.then(MultiProgress::new), unwritten: Arc::default() }
    }

    /// How wide the terminal is that results go to; `None` where that is none.
    pub(crate) fn width(&self) -> Option<usize> {
        let stdout = std::io::stdout();
        let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(stdout).ok())??;
        Some(usize::from(size.ws_col)).filter(|width| *width > 0)
    }

    /// The live display, where there is a terminal to show it on.
    pub(crate) fn progress(&self) -> Option<&MultiProgress> {
        self.progress.as_ref()
    }

    /// A result. A reader that has gone away, such as `head`, is no failure.
    pub(crate) fn result(&self, text: &str) {
        let written = self.suspended(|| {
            let mut stdout = anstream::stdout();
            writeln!(stdout, "{text}").and_then(|()| stdout.flush())
        });
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                drop(self.unwritten.set(error));
            }
            _ => {}
        }
    }

    /// Why not all results are on standard output, such as a full disk.
    pub(crate) fn unwritten(&self) -> Option<&std::io::Error> {
        self.unwritten.get()
    }

    /// A message; silent with --quiet.
    pub(crate) fn message(&self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// A message that --quiet does not silence.
    pub(crate) fn complain(&self, text: &str) {
        self.suspended(|| drop(writeln!(anstream::stderr(), "{}", painted(text))));
    }

    fn suspended<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.progress {
            Some(progress) => progress.suspend(print),
            None => print(),
        }
    }

    /// Asks a yes-or-no question on the terminal; `None` where there is none to ask on.
    pub(crate) fn ask(&self, question: &str) -> Option<bool> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        let mut answer = String::new();
        self.suspended(|| {
            let _ = write!(std::io::stderr(), "{question} [y/N] ");
            let _ = std::io::stdin().read_line(&mut answer);
        });
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }
}

/// Colours the word that says what a text is. It is taken out again where no colours are wanted.
fn painted(text: &str) -> String {
    let word = |word: &str, style: Style| {
        let rest = text.strip_prefix(word)?;
        let rest = rest.replace("\nhint:", &format!("\n{HINT}hint:{HINT:#}"));
        Some(format!("{style}{word}{style:#}{rest}"))
    };
    word("error:", ERROR).or_else(|| word("warning:", WARNING)).unwrap_or_else(|| text.to_owned())
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// What happens outside of bakes: whoever acts says what is done.
impl Observer for Console {
    fn event(&self, event: Event) {
        match event {
            Event::Note(text) => self.message(&text),
            Event::Warning(text) => self.complain(&format!("warning: {text}")),
            _ => {}
        }
    }
}
