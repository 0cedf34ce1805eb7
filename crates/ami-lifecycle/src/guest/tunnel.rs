//! Connections by way of a program, such as `ssh -W` and `aws ec2-instance-connect open-tunnel`.
//! What it carries is SSH with a host key that is demanded, so it need not be trusted.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader, Join, join};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::guest::shell::quote;
use crate::guest::ssh_error::SshError;
use crate::model::event::{Event, Observer};
use crate::model::reach::Programs;

/// How long a program may take to end and to say why, after its output has ended.
const END: Duration = Duration::from_secs(2);

/// What a guard ends with, as shells do, when there is no such program.
const NOT_FOUND: i32 = 127;

/// What `aws` ends with when it does not know a command: its first version, and the second
/// (<https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-returncodes.html>).
const USAGE: [i32; 2] = [2, 252];

/// How many lines of a program's standard error are looked at for the one that says most.
const TAIL: usize = 10;

/// How to connect by a program.
#[derive(Clone)]
pub(crate) struct Route {
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
    pub(crate) programs: Arc<Programs>,
    /// Is told what it writes to standard error.
    pub(crate) observer: Arc<dyn Observer>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Route").field(&self.words).finish()
    }
}

/// A program that runs. It ends, with all that it has started, when this is dropped.
#[derive(Debug)]
pub(crate) struct Tunnel {
    child: Child,
    program: String,
    /// Ends when nobody writes to standard error any more.
    telling: JoinHandle<()>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
}

/// What it reads and writes.
pub(crate) type TunnelStream = Join<ChildStdout, ChildStdin>;

impl Route {
    fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The same for OpenSSH's ProxyCommand, which a shell reads after OpenSSH has filled in what
    /// follows a percent sign.
    pub(crate) fn proxy_command(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| quote(word)).collect();
        words.join(" ").replace('%', "%%")
    }

    /// Starts the program.
    ///
    /// # Errors
    /// When there is no such program.
    pub(crate) fn open(&self) -> Result<(Tunnel, TunnelStream), SshError> {
        let not_started = |source: std::io::Error| SshError::NotStarted {
            program: self.program().to_owned(),
            reason: source.to_string(),
        };
        tracing::debug!("{:?}", self.words);
        let own = std::process::id().to_string();
        let guard = self.programs.guard.iter().cloned();
        let guard = guard.chain((!self.programs.guard.is_empty()).then(|| own.into()));
        let mut words = guard.chain(self.words.iter().map(OsString::from));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C at the terminal is for this process, which ends it when it is done with it.
        command.process_group(0);
        for (name, value) in &self.programs.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child = command.spawn().map_err(not_started)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(not_started(std::io::ErrorKind::BrokenPipe.into()));
        };
        let last_lines = Arc::default();
        let telling = tokio::spawn(tell(stderr, self.observer.clone(), Arc::clone(&last_lines)));
        let tunnel = Tunnel { child, program: self.program().to_owned(), telling, last_lines };
        Ok((tunnel, join(stdout, stdin)))
    }
}

/// Tells what a program writes to standard error, until nobody has it open any more.
async fn tell(
    stderr: ChildStderr,
    observer: Arc<dyn Observer>,
    last: Arc<Mutex<VecDeque<String>>>,
) {
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        // Whoever closes the pipe at a byte that is no UTF-8 ends the program that writes to it.
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            continue;
        }
        observer.event(Event::Tunnel(line.clone()));
        let mut last = last.lock().expect("no panic holds this lock");
        if last.len() == TAIL {
            last.pop_front();
        }
        last.push_back(line);
    }
}

impl Tunnel {
    /// Why there is no connection: what the program has said, and how it has ended if it has.
    pub(crate) async fn failure(mut self) -> SshError {
        let status = tokio::time::timeout(END, self.child.wait()).await.ok().and_then(Result::ok);
        if status.is_some() {
            let _ = tokio::time::timeout(END, &mut self.telling).await;
        }
        let program = self.program.clone();
        let said = said(&self.last_lines.lock().expect("no panic holds this lock"));
        let code = status.and_then(|it| it.code());
        if code == Some(NOT_FOUND) {
            return SshError::NotStarted { program, reason: said.unwrap_or_default() };
        }
        if program == "aws" && code.is_some_and(|code| USAGE.contains(&code)) {
            return SshError::NotUsable { program, reason: said.unwrap_or_default() };
        }
        let how = match status {
            None => "makes no connection".to_owned(),
            Some(status) => ended(status),
        };
        let said = said.map(|line| format!(": {line}")).unwrap_or_default();
        SshError::Tunnel { program, how: format!("{how}{said}") }
    }
}

/// The last line that speaks of an error, else the last one. Pure.
fn said(lines: &VecDeque<String>) -> Option<String> {
    let is_error = |line: &&String| line.to_ascii_lowercase().contains("error");
    let line = lines.iter().rev().find(is_error).or(lines.back());
    line.map(|line| line.trim().to_owned())
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(0) => "has closed the connection".to_owned(),
        Some(code) => format!("failed with exit status {code}"),
        None => format!("was killed ({status})"),
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // Nothing is known of the number any more once it was waited for.
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(pid) = pid {
            let _ = kill_process_group(pid, Signal::TERM);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn route(script: &str) -> Route {
        Route {
            words: ["sh", "-c", script].map(String::from).to_vec(),
            programs: Arc::new(Programs {
                variables: vec![("WHO".into(), Some("me".into())), ("HOME".into(), None)],
                ..Programs::default()
            }),
            observer: Arc::new(|_: Event| {}),
        }
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_variables_are_as_they_are_set() {
        let (_tunnel, mut stream) = route("echo \"$WHO${HOME-none}\"; exec cat").open().unwrap();
        stream.write_all(b"ping\n").await.unwrap();
        let mut bytes = [0; 12];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"menone\nping\n");
    }

    #[tokio::test]
    async fn a_program_that_fails_is_quoted() {
        let (tunnel, mut stream) = route("echo first >&2; echo no way >&2; exit 3").open().unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(tunnel.failure().await.to_string(), "sh failed with exit status 3: no way");
        let missing = Route { words: vec!["no-such-program".into()], ..route("") };
        let error = missing.open().unwrap_err().to_string();
        assert!(error.starts_with("no-such-program could not be started: "), "{error}");
    }

    #[test]
    fn the_line_that_says_most_is_quoted() {
        let lines = |lines: &[&str]| said(&lines.iter().map(|it| it.to_string()).collect());
        let usage = ["usage: aws", "aws: error: argument operation: Invalid choice", "help"];
        assert_eq!(lines(&usage).as_deref(), Some(usage[1]));
        assert_eq!(lines(&["one", " two "]).as_deref(), Some("two"));
        assert_eq!(lines(&[]), None);
    }

    #[tokio::test]
    async fn what_is_dropped_ends_with_what_it_has_started() {
        let (tunnel, mut stream) = route("sleep 1000 & echo $!; wait").open().unwrap();
        let mut bytes = [0; 32];
        let size = stream.read(&mut bytes).await.unwrap();
        let pid = String::from_utf8_lossy(&bytes[..size]).trim().to_owned();
        assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
        drop(tunnel);
        // Its output is closed when the last of them has ended.
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    }
}
