//! What is run on a machine, with a connection that may be lost at any time: it is made again for as
//! long as the work may take and the machine lives.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::about::About;
use super::detached::{self, Detached, OnReboot};
use super::error::ended;
use super::script_env::{self, ScriptEnv};
use super::{quiet, remote};
use crate::ec2::client::Cloud;
use crate::ec2::client::filter;
use crate::guest::error::GuestError;
use crate::guest::lines::Lines;
use crate::guest::ssh::{Ended, Login, Ssh};
use crate::guest::ssh_error::SshError;
use crate::model::event::{Event, Observer, OutputLine, Stream};
use crate::model::script::Script;
use crate::model::template::Template;
use crate::model::template::Timeouts;

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

/// A login that is made again where it is lost.
pub(super) struct Session {
    pub(super) cloud: Cloud,
    pub(super) instance: String,
    /// How to get in again, with the host key that was shown.
    pub(super) login: Login,
    pub(super) ssh: Ssh,
    pub(super) template: Template,
    /// The folder that is worked in.
    pub(super) work: String,
    /// What scripts learn of the bake.
    pub(super) about: About,
    pub(super) observer: Arc<dyn Observer>,
}

impl Session {
    /// Runs a script of the checkout; its output becomes events. The script does not depend on
    /// the connection: a lost one is made again, and the output goes on where it was left. No other
    /// script of the bake has the same `word`.
    pub(super) async fn run_script(
        &mut self,
        limits: &Limits,
        word: &str,
        script: &Script,
    ) -> Result<(), GuestError> {
        let Limits { what, limit, .. } = *limits;
        let run_as = self.template.run_as.as_deref();
        let command = remote::run_script(&self.work, script, run_as, &self.about);
        let prepare = remote::after_reboot(&self.work, &self.template.timeouts);
        let on_reboot =
            if self.template.may_reboot { OnReboot::Again(&prepare) } else { OnReboot::Fail };
        let work = self.work.clone();
        let detached = Detached { work: &work, name: word, command: &command, on_reboot };
        let env = self.about.env.clone();
        let output = Mutex::new(ScriptOutput::new(self.observer.clone(), env));
        let output = &output;
        self.hand_over_variables(limits).await?;
        let status = loop {
            let follow = detached::follow(&detached, locked(output).lines.seen);
            let run = self.ssh.stream(&follow, None, |stream, data| {
                locked(output).push(stream, data);
            });
            let ended = tokio::select! {
                ended = tokio::time::timeout_at(limits.deadline, run) => ended,
                never = show_unfinished(output) => match never {},
            };
            let lost = match ended {
                Ok(Ok(Ended::Status(status))) => break status,
                // It was the follower that was killed, as when the machine shuts down.
                Ok(Ok(Ended::Signal)) => SshError::Lost,
                Ok(Err(lost)) => lost,
                Err(_) => {
                    let (script, mut output) = (script.to_string(), locked(output));
                    let is_asking = output.flush();
                    let tail = output.tail();
                    return Err(GuestError::ScriptTimedOut {
                        what,
                        script,
                        limit,
                        tail,
                        is_asking,
                    });
                }
            };
            let reconnected = self.reconnect(limits, &lost).await;
            reconnected.map_err(|error| match why_cut(&error) {
                Some(reason) => {
                    let tail = locked(output).tail();
                    GuestError::ScriptCut { what, reason, tail }
                }
                None => error,
            })?;
            // A machine that was rebooted has forgotten them; on another the script runs on without.
            if let Err(error) = self.hand_over_variables(limits).await {
                tracing::debug!("the variables were not handed over again: {error}");
            }
        };
        let mut output = locked(output);
        output.flush();
        let tail = output.tail();
        match (status, output.own.clone()) {
            (0, _) => Ok(()),
            (_, Some(reason)) => Err(GuestError::ScriptCut { what, reason, tail }),
            (status, None) => {
                let script = script.to_string();
                Err(GuestError::Script { what, script, status, tail })
            }
        }
    }

    /// Gives the machine the template's variables, for whoever runs the scripts.
    async fn hand_over_variables(&mut self, limits: &Limits) -> Result<(), GuestError> {
        if self.about.env.is_empty() {
            return Ok(());
        }
        let command = script_env::take(&self.work, self.template.run_as.as_deref());
        let file = self.about.env.file();
        loop {
            let mut input = file.as_bytes();
            match self.own("take the variables of `env`", &command, Some(&mut input)).await? {
                Ok(_) => return Ok(()),
                Err(lost) => self.reconnect(limits, &lost).await?,
            }
        }
    }

    /// Logs in again, for as long as the work may take and the machine lives.
    pub(super) async fn reconnect(
        &mut self,
        limits: &Limits,
        lost: &SshError,
    ) -> Result<(), GuestError> {
        let Session { instance, .. } = self;
        let text = format!("the connection to {instance} was lost ({lost}): reconnecting");
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
                        return Err(GuestError::Connection(text));
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
    async fn check_that_it_lives(&self) -> Result<(), GuestError> {
        let mine = vec![filter("instance-id", &self.instance)];
        match self.cloud.live_instances(mine).await {
            Ok(found) => {
                let facts = found.into_iter().next();
                let (state, reason) = facts.map(|it| (it.state, it.reason)).unwrap_or_default();
                ended(&self.instance, &state, reason)
            }
            Err(error) if error.is_transient() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn note(&self, text: String) {
        self.observer.event(Event::Note(text));
    }

    pub(super) fn limits(&self, what: &'static str) -> Limits {
        Limits::new(what, self.template.timeouts.script)
    }

    /// Runs a command of amiable's own that may be run again where the connection was lost.
    pub(super) async fn own_again(
        &mut self,
        doing: &'static str,
        command: &str,
    ) -> Result<Vec<String>, GuestError> {
        let limits = self.limits(doing);
        self.own_within(&limits, command).await
    }

    pub(super) async fn own_within(
        &mut self,
        limits: &Limits,
        command: &str,
    ) -> Result<Vec<String>, GuestError> {
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
    ) -> Result<Result<Vec<String>, SshError>, GuestError> {
        let (mut stdout, mut tail) = (Vec::new(), Tail::default());
        let ended = self.ssh.run(command, input, |stream, line| {
            tail.push(&line, false);
            if stream == Stream::Stdout {
                stdout.push(line);
            }
        });
        let limit = self.template.timeouts.script;
        let ended = tokio::time::timeout(limit, ended).await;
        let ended = ended.map_err(|_| GuestError::TimedOut { what: doing, limit })?;
        match ended {
            Ok(Ended::Status(0)) => Ok(Ok(stdout)),
            Ok(Ended::Status(status)) => {
                Err(GuestError::Command { doing, status, tail: tail.into_lines() })
            }
            Ok(Ended::Signal) => {
                Err(GuestError::Connection(format!("a signal ended the command to {doing}")))
            }
            Err(lost) => Ok(Err(lost)),
        }
    }

    /// Waits until the machine's own package work is over, and lets none begin in this boot.
    pub(super) async fn quiet(&mut self) -> Result<(), GuestError> {
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
                        "whether the instance's own package work is over could not be determined: \
                         {how}"
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
    ) -> Result<(Ended, Vec<String>), GuestError> {
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
}

/// What a script has written.
struct ScriptOutput {
    /// What is not to be shown.
    env: ScriptEnv,
    lines: Lines,
    tail: Tail,
    /// The follower's own last line: both outputs of the script come as one.
    own: Option<String>,
    /// When something came last.
    last: Instant,
    observer: Arc<dyn Observer>,
}

/// No panic holds the lock.
fn locked(output: &Mutex<ScriptOutput>) -> MutexGuard<'_, ScriptOutput> {
    output.lock().expect("no panic holds this lock")
}

/// A line without an end that has stood for so long is shown: it may be a question.
const UNFINISHED: Duration = Duration::from_secs(2);

/// Shows what a script waits behind, for as long as it is asked to.
async fn show_unfinished(output: &Mutex<ScriptOutput>) -> Infallible {
    loop {
        tokio::time::sleep(UNFINISHED / 2).await;
        let mut output = locked(output);
        // A part of a secret would not be known for one.
        let is_part = output.lines.has_rest(|rest| output.env.may_go_on(rest));
        if output.last.elapsed() >= UNFINISHED && !is_part {
            output.flush();
        }
    }
}

impl ScriptOutput {
    fn new(observer: Arc<dyn Observer>, env: ScriptEnv) -> ScriptOutput {
        let (lines, tail) = Default::default();
        ScriptOutput { env, lines, tail, own: None, last: Instant::now(), observer }
    }

    fn push(&mut self, stream: Stream, data: &[u8]) {
        self.last = Instant::now();
        let mut lines = std::mem::take(&mut self.lines);
        lines.push(stream, data, |stream, line| self.line(stream, line));
        self.lines = lines;
    }

    /// Shows what is not at its end; whether there is such.
    fn flush(&mut self) -> bool {
        let mut lines = std::mem::take(&mut self.lines);
        lines.flush(|stream, line| self.line(stream, line));
        let is_unfinished = lines.is_unfinished();
        self.lines = lines;
        is_unfinished
    }

    /// The last lines, without what parts of lines have together.
    fn tail(&self) -> Vec<String> {
        let lines = self.tail.clone().into_lines().into_iter();
        lines.map(|line| self.env.mask_text(line)).collect()
    }

    fn line(&mut self, stream: Stream, line: OutputLine) {
        let line = OutputLine { bytes: self.env.mask(line.bytes), ..line };
        let text = line.text();
        // Colours may be in the middle of a secret.
        let masked = self.env.mask_text(text.clone());
        let line = match masked == text {
            true => line,
            false => OutputLine { bytes: masked.clone().into_bytes(), ..line },
        };
        let text = masked;
        self.tail.push(&text, line.is_continued);
        if stream == Stream::Stderr {
            self.own = Some(text);
        }
        self.observer.event(Event::Output(stream, line));
    }
}

/// The last lines of an output.
#[derive(Debug, Default, Clone)]
struct Tail(VecDeque<String>);

/// How much of a line is kept for the error, in characters: its end.
const TAIL_LINE: usize = 500;

impl Tail {
    fn push(&mut self, line: &str, is_continued: bool) {
        let before = if is_continued { self.0.pop_back() } else { None };
        if self.0.len() == TAIL {
            self.0.pop_front();
        }
        let whole = before.unwrap_or_default() + line;
        let cut = whole.chars().count().saturating_sub(TAIL_LINE);
        self.0.push_back(match cut {
            0 => whole,
            cut => format!("…{}", whole.chars().skip(cut).collect::<String>()),
        });
    }

    fn into_lines(self) -> Vec<String> {
        self.0.into()
    }
}

/// Why a script was cut off, where a connection that was lost did not come back.
fn why_cut(error: &GuestError) -> Option<String> {
    match error {
        GuestError::InstanceEnded { instance, reason } => {
            let reason = reason.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
            Some(format!(
                "the instance {instance} ended{reason}: a script that shuts the machine down ends \
                 the bake, too"
            ))
        }
        GuestError::Connection(text) => Some(format!(
            "{text}: the script may have changed the network, a firewall or sshd, or the machine \
             is slow to come back after a reboot"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_an_error_are_few_and_short() {
        let mut tail = Tail::default();
        for line in 0..TAIL * 2 {
            tail.push(&format!("line {line}"), false);
        }
        tail.push("Password: ", false);
        tail.push(&"x".repeat(TAIL_LINE), true);
        let lines = tail.into_lines();
        assert_eq!(lines.len(), TAIL);
        assert_eq!(lines[TAIL - 2], format!("line {}", TAIL * 2 - 1));
        assert_eq!(lines[TAIL - 1], format!("…{}", "x".repeat(TAIL_LINE)));
    }

    /// The lines that are shown of pieces that come ten seconds apart, and those of the error.
    async fn shown(pieces: &[&str]) -> (Vec<String>, Vec<String>) {
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = events.clone();
        let observer = move |event| {
            if let Event::Output(_, line) = event {
                told.lock().unwrap().push(line.text());
            }
        };
        let mut env = ScriptEnv::default();
        env.add("TOKEN", "geheimnis".into(), true);
        let output = Mutex::new(ScriptOutput::new(Arc::new(observer), env));
        for piece in pieces {
            output.lock().unwrap().push(Stream::Stdout, piece.as_bytes());
            let waited = tokio::time::timeout(UNFINISHED * 5, show_unfinished(&output)).await;
            assert!(waited.is_err());
        }
        let mut output = output.into_inner().unwrap();
        output.flush();
        (std::mem::take(&mut *events.lock().unwrap()), output.tail())
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_not_shown_in_parts_or_colours_and_questions_are_shown() {
        let masked = |line: &str| (vec![line.to_owned()], vec![line.to_owned()]);
        assert_eq!(shown(&["of gehei", "mnis", "\n"]).await, masked("of ***"));
        assert_eq!(shown(&["of geh\u{1b}[1meim\u{1b}[0mnis.\n"]).await, masked("of ***."));
        assert_eq!(shown(&["Password: "]).await.0, ["Password: "]);
        let (events, tail) = shown(&["of gehe", "im, no\n"]).await;
        assert_eq!((events, tail), masked("of geheim, no"));
    }
}
