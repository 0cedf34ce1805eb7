//! What is run on a machine, with a connection that may be lost at any time: it is made again for as
//! long as the work may take and the machine lives.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::detached::{self, Detached, OnReboot};
use super::{Guest, ended, quiet, remote};
use crate::bake::BakeError;
use crate::cloud::filter;
use crate::event::{Event, Stream};
use crate::ssh::{Ended, Lines, Ssh, SshError};
use crate::template::Timeouts;

/// The pause between two attempts to connect again.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);
/// When EC2 is asked first, and then how often, whether a machine that does not let in any more
/// still lives.
const FIRST_LOOK: Duration = Duration::from_secs(10);
const LOOKS: Duration = Duration::from_secs(30);
/// How much later than the guest itself amiable gives up on the guest's package work.
const QUIET_GRACE: Duration = Duration::from_secs(30);
/// How many lines of what amiable asks in the guest are looked at.
const MOST_LINES: usize = 1000;
/// How many of a command's last lines are kept for the error.
const TAIL: usize = 20;

impl Guest {
    /// Runs a script of the checkout; its output becomes events. The script does not depend on
    /// the connection: a lost one is made again, and the output goes on where it was left.
    pub(super) async fn run_script(
        &mut self,
        what: &'static str,
        script: &str,
        limit: Duration,
    ) -> Result<(), BakeError> {
        let limits = Limits::new(what, limit);
        let command = remote::run_script(&self.work, script, self.template.run_as.as_deref());
        let name = what.replace(' ', "-");
        let prepare = remote::after_reboot(&self.work, &self.template.timeouts);
        let on_reboot =
            if self.template.may_reboot { OnReboot::Again(&prepare) } else { OnReboot::Fail };
        let work = self.work.clone();
        let detached = Detached { work: &work, name: &name, command: &command, on_reboot };
        let (mut lines, mut tail, mut own) = (Lines::default(), Tail::default(), None);
        let observer = self.observer.clone();
        let mut output = |stream, line: String| {
            tail.push(&line);
            // Both outputs of the script come as one: this is the follower's.
            if stream == Stream::Stderr {
                own = Some(line.clone());
            }
            observer.event(Event::Output(stream, line));
        };
        let status = loop {
            let follow = detached::follow(&detached, lines.seen);
            let run = self.ssh.stream(&follow, None, |stream, data| {
                lines.push(stream, data, &mut output);
            });
            let ended = tokio::time::timeout_at(limits.deadline, run).await;
            match ended.map_err(|_| limits.error())? {
                Ok(Ended::Status(status)) => break status,
                // It was the follower that was killed, as when the machine shuts down.
                Ok(Ended::Signal) => self.reconnect(&limits, &SshError::Lost).await?,
                Err(lost) => self.reconnect(&limits, &lost).await?,
            }
        };
        lines.finish(output);
        match (status, own) {
            (0, _) => Ok(()),
            (_, Some(reason)) => Err(BakeError::ScriptCut { what, reason }),
            (status, None) => {
                let script = script.to_owned();
                Err(BakeError::Script { what, script, status, tail: tail.into_lines() })
            }
        }
    }

    /// Logs in again, for as long as the work may take and the machine lives.
    pub(super) async fn reconnect(
        &mut self,
        limits: &Limits,
        lost: &SshError,
    ) -> Result<(), BakeError> {
        let Guest { instance, .. } = self;
        let text = format!("the connection to {instance} was lost ({lost}): connecting again");
        self.observer.event(Event::Warning(text));
        let mut look = Instant::now() + FIRST_LOOK;
        loop {
            match Ssh::connect(&self.login).await {
                Ok(ssh) => {
                    self.ssh = ssh;
                    self.observer.event(Event::Note("connected again".into()));
                    return Ok(());
                }
                Err(error) => {
                    tracing::debug!("no new connection to {}: {error}", self.instance);
                    if error.is_for_good() || Instant::now() > limits.deadline {
                        // Of the way, not of what was run: it decides nothing about an AMI.
                        let text = format!("no new connection to {}: {error}", self.instance);
                        return Err(BakeError::Connection(text));
                    }
                }
            }
            if Instant::now() > look {
                self.check_that_it_lives().await?;
                look = Instant::now() + LOOKS;
            }
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    /// A machine that has ended will not let anybody in again.
    async fn check_that_it_lives(&self) -> Result<(), BakeError> {
        let mine = vec![filter("instance-id", &self.instance)];
        match self.cloud.live_instances(mine).await {
            Ok(found) => {
                let facts = found.into_iter().next();
                let (state, reason) = facts.map(|it| (it.state, it.reason)).unwrap_or_default();
                ended(&self.instance, &state, reason)
            }
            Err(error) if error.may_pass() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn limits(&self, what: &'static str) -> Limits {
        Limits::new(what, self.template.timeouts.script)
    }

    /// Runs a command of amiable's own that may be run again where the connection was lost.
    pub(super) async fn own_again(
        &mut self,
        doing: &'static str,
        command: &str,
    ) -> Result<Vec<String>, BakeError> {
        let limits = self.limits(doing);
        self.own_within(&limits, command).await
    }

    pub(super) async fn own_within(
        &mut self,
        limits: &Limits,
        command: &str,
    ) -> Result<Vec<String>, BakeError> {
        loop {
            match self.own(limits.what, command, None).await? {
                Ok(lines) => return Ok(lines),
                Err(lost) => self.reconnect(limits, &lost).await?,
            }
        }
    }

    /// Runs a command of amiable's own, which must succeed; returns its standard output, or how
    /// the connection was lost.
    pub(super) async fn own(
        &self,
        doing: &'static str,
        command: &str,
        input: Option<&mut (dyn AsyncRead + Unpin + Send)>,
    ) -> Result<Result<Vec<String>, SshError>, BakeError> {
        let (mut stdout, mut tail) = (Vec::new(), Tail::default());
        let ended = self.ssh.run(command, input, |stream, line| {
            tail.push(&line);
            if stream == Stream::Stdout {
                stdout.push(line);
            }
        });
        let limit = self.template.timeouts.script;
        let ended = tokio::time::timeout(limit, ended).await;
        let ended = ended.map_err(|_| BakeError::TimedOut { what: doing, limit })?;
        match ended {
            Ok(Ended::Status(0)) => Ok(Ok(stdout)),
            Ok(Ended::Status(status)) => {
                Err(BakeError::Guest { doing, status, tail: tail.into_lines() })
            }
            Ok(Ended::Signal) => {
                Err(BakeError::Connection(format!("a signal ended the command to {doing}")))
            }
            Err(lost) => Ok(Err(lost)),
        }
    }

    /// Waits until the machine's own package work is over, and lets none begin in this boot.
    pub(crate) async fn quiet(&mut self) -> Result<(), BakeError> {
        let Timeouts { boot, .. } = self.template.timeouts;
        let limits = Limits::new("the instance's own package work", boot + QUIET_GRACE);
        let command = quiet::quiet(&self.work, boot, self.template.timeouts.whole());
        let observer = self.observer.clone();
        let too_long = || {
            // The script may need no packages: it is not failed for that.
            let text = format!("the instance's own package work takes more than {boot:?}");
            observer.event(Event::Warning(text));
            Ok(())
        };
        loop {
            let run = self.ssh.run(&command, None, |_, line| {
                if let Some(by) = line.strip_prefix(quiet::BUSY_LINE) {
                    let text = format!("waiting for the instance's own package work: {by}");
                    observer.event(Event::Note(text));
                }
            });
            let ended = tokio::time::timeout_at(limits.deadline, run).await;
            let Ok(ended) = ended else { return too_long() };
            match ended {
                Ok(Ended::Status(quiet::STILL_BUSY)) => return too_long(),
                Ok(Ended::Status(0)) => return Ok(()),
                Ok(ended) => {
                    let how = match ended {
                        Ended::Status(status) => format!("exit status {status}"),
                        Ended::Signal => "a signal ended the command".into(),
                    };
                    let text = format!(
                        "it could not be determined whether the instance works on packages: {how}"
                    );
                    self.observer.event(Event::Warning(text));
                    return Ok(());
                }
                Err(lost) => self.reconnect(&limits, &lost).await?,
            }
        }
    }

    /// The output of a command that may be run again where the connection was lost.
    pub(super) async fn collect(
        &mut self,
        command: &str,
    ) -> Result<(Ended, Vec<String>), BakeError> {
        let limits = self.limits("a command on the instance");
        loop {
            let mut lines = Vec::new();
            let push = |_, line| {
                if lines.len() < MOST_LINES {
                    lines.push(line);
                }
            };
            match self.ssh.run(command, None, push).await {
                Ok(ended) => return Ok((ended, lines)),
                Err(lost) => self.reconnect(&limits, &lost).await?,
            }
        }
    }
}

/// How long a piece of work may take.
pub(super) struct Limits {
    what: &'static str,
    limit: Duration,
    deadline: Instant,
}

impl Limits {
    pub(super) fn new(what: &'static str, limit: Duration) -> Limits {
        Limits { what, limit, deadline: Instant::now() + limit }
    }

    fn error(&self) -> BakeError {
        BakeError::TimedOut { what: self.what, limit: self.limit }
    }
}

/// The last lines of an output.
#[derive(Debug, Default)]
struct Tail(VecDeque<String>);

impl Tail {
    fn push(&mut self, line: &str) {
        if self.0.len() == TAIL {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }

    fn into_lines(self) -> Vec<String> {
        self.0.into()
    }
}
