//! A program of the operator's, run here: what it prints becomes events, and an error shows its last lines.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::error::RollError;
use crate::model::event::{Event, Observer, Stream};

/// How many of its last lines an error shows.
pub(super) const TAIL: usize = 10;
/// How long a program that has ended may leave others holding its output.
const GRACE: Duration = Duration::from_secs(1);

/// A program with its arguments.
pub(crate) struct Program<'a> {
    /// The program first.
    pub(crate) words: &'a [String],
    /// Where it runs, and where one is found that is named by a path.
    pub(crate) folder: &'a Path,
    /// How long it may take.
    pub(crate) timeout: Duration,
}

impl Program<'_> {
    pub(super) fn prepare(&self) -> Command {
        let program = self.name();
        // One that is named by a path is found from the configuration file.
        let program = if program.contains('/') {
            self.folder.join(program).into_os_string()
        } else {
            program.into()
        };
        let mut prepared = Command::new(program);
        prepared
            .args(self.words.iter().skip(1))
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        prepared
    }

    /// Whether one that is named by a path is there.
    pub(crate) fn examine(&self) -> Result<(), RollError> {
        let program = self.name();
        if !program.contains('/') {
            return Ok(());
        }
        let there = std::fs::metadata(self.folder.join(program));
        let program = program.to_owned();
        there.map(drop).map_err(|source| RollError::NotStarted { program, source })
    }

    fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Runs it to its end.
    pub(crate) async fn run(
        &self,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Result<(), RollError> {
        let program = self.name().to_owned();
        let mut prepared = self.prepare();
        tracing::debug!("{prepared:?}");
        let mut child = prepared
            .spawn()
            .map_err(|source| RollError::NotStarted { program: program.clone(), source })?;
        let tail = Mutex::new(VecDeque::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let output = async {
            tokio::join!(
                tell(stdout, Stream::Stdout, observer, &tail),
                tell(stderr, Stream::Stderr, observer, &tail)
            )
        };
        tokio::pin!(output);
        let ended = async {
            // All of its output comes before its end, but for what it leaves to others.
            tokio::select! {
                _ = &mut output => child.wait().await,
                status = child.wait() => {
                    let _ = tokio::time::timeout(GRACE, &mut output).await;
                    status
                }
            }
        };
        let ended = tokio::select! {
            ended = ended => Some(ended),
            () = tokio::time::sleep(self.timeout) => None,
            () = cancel.cancelled() => return Err(RollError::Cancelled),
        };
        let tail =
            || Vec::from(std::mem::take(&mut *tail.lock().expect("no panic holds this lock")));
        match ended {
            None => {
                let how = format!("has not ended within {} s", self.timeout.as_secs());
                Err(RollError::Command { program, how, tail: tail() })
            }
            Some(Err(source)) => Err(RollError::NotStarted { program, source }),
            Some(Ok(status)) if status.success() => Ok(()),
            Some(Ok(status)) => {
                Err(RollError::Command { program, how: format!("failed: {status}"), tail: tail() })
            }
        }
    }
}

async fn tell(
    stream: Option<impl AsyncRead + Unpin>,
    kind: Stream,
    observer: &dyn Observer,
    tail: &Mutex<VecDeque<String>>,
) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        observer.event(Event::Output(kind, text.clone().into()));
        let mut tail = tail.lock().expect("no panic holds this lock");
        tail.push_back(text);
        if tail.len() > TAIL {
            tail.pop_front();
        }
        line.clear();
    }
}
