//! A machine of amiable's, as seen through SSH: the builder, and the one that proves an AMI.

mod console;
mod detached;
mod keys;
mod login;
mod remote;
mod seal;
mod user_data;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PublicKey;
use tokio::io::{AsyncRead, AsyncSeekExt};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use keys::GuestKeys;
pub(crate) use remote::quote;
pub(crate) use seal::{Expected, FAILED_LINE};
pub use user_data::check as check_user_data;

use self::detached::{Detached, OnReboot};
use self::keys::{fingerprint, line_of, private_text};
use self::login::Awaited;
use self::seal::{IDENTITY_LINE, WARNING_LINE};
use crate::bake::{BakeError, KeptLogin};
use crate::cloud::{Cloud, filter};
use crate::event::{Event, Observer, Stream};
use crate::reach::Target;
use crate::source::{self, Checkout};
use crate::ssh::{Ended, Lines, Login, Ssh, SshError};
use crate::template::{HostKey, Repository, Template};
use crate::tunnel::Route;
use crate::wait;

/// The pause between two attempts to connect again.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);
/// When EC2 is asked first, and then how often, whether a machine that does not let in any more
/// still lives.
const FIRST_LOOK: Duration = Duration::from_secs(10);
const LOOKS: Duration = Duration::from_secs(30);

/// How long a new connection is tried for where the last command may have kept it from ever coming.
const DOOR_LIMIT: Duration = Duration::from_secs(60);

/// How many of a command's last lines are kept for the error.
const TAIL: usize = 20;

/// Where a machine is brought up, and who is told about it.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) template: &'a Template,
    pub(crate) observer: &'a Arc<dyn Observer>,
    pub(crate) cancel: &'a CancellationToken,
}

impl Site<'_> {
    /// Drops what is under way when it is cancelled.
    pub(crate) async fn or_cancel<T>(&self, work: impl Future<Output = T>) -> Result<T, BakeError> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(BakeError::Cancelled),
            result = work => Ok(result),
        }
    }

    fn warn(&self, text: String) {
        self.observer.event(Event::Warning(text));
    }
}

/// A machine that has an address.
pub(crate) struct Found<'a> {
    pub(crate) instance: &'a str,
    pub(crate) address: IpAddr,
    /// It is the public one.
    pub(crate) is_public: bool,
    /// Its security groups, by name or id.
    pub(crate) groups: &'a [String],
}

/// A machine that is logged in to.
pub(crate) struct Guest {
    cloud: Cloud,
    instance: String,
    /// How to get in again, with the host key that was shown.
    login: Login,
    ssh: Ssh,
    template: Template,
    work: String,
    login_key: String,
    login_label: String,
    observer: Arc<dyn Observer>,
}

impl Guest {
    /// Waits for a login. `bake` names the folder to work in.
    pub(crate) async fn reach(
        site: Site<'_>,
        found: &Found<'_>,
        keys: GuestKeys,
        bake: &str,
    ) -> Result<(Guest, KeptLogin), BakeError> {
        let Found { instance, address, is_public, groups } = *found;
        let template = site.template;
        let deadline = Instant::now() + template.timeouts.boot;
        let host_keys = match template.host_key {
            HostKey::Injected => Some(vec![keys.host.public_key().clone()]),
            HostKey::Console => Some(host_keys_on_console(site, instance).await?),
            HostKey::FirstContact => None,
        };
        let route = route(site, found);
        let proxy_command = route.as_ref().map(Route::proxy_command);
        let login = Login {
            address,
            route,
            port: template.ssh_port,
            user: template.ssh_user.clone(),
            key: keys.login.clone(),
            host_keys,
        };
        let awaited = Awaited { site, instance, is_public, groups, login: &login, deadline };
        let ssh = site.or_cancel(login::log_in(&awaited)).await??;
        if template.host_key == HostKey::FirstContact {
            site.warn(format!(
                "{instance} at {address} is believed to be what it says, with the host key {}: \
                 host_key = \"first-contact\" asks for no proof",
                fingerprint(&ssh.host_key)
            ));
        }
        let kept = KeptLogin {
            address,
            port: login.port,
            user: login.user.clone(),
            private_key: private_text(&keys.login),
            host_key: line_of(&ssh.host_key),
            proxy_command,
        };
        let login = Login { host_keys: Some(vec![ssh.host_key.clone()]), ..login };
        let guest = Guest {
            cloud: site.cloud.clone(),
            instance: instance.to_owned(),
            login,
            ssh,
            template: template.clone(),
            work: remote::work_dir(bake),
            login_key: keys.login_public(),
            login_label: keys.label,
            observer: site.observer.clone(),
        };
        Ok((guest, kept))
    }

    /// The host key that the machine has shown.
    pub(crate) fn host_key(&self) -> &PublicKey {
        &self.ssh.host_key
    }

    /// The comment of this machine's own login key.
    pub(crate) fn login_label(&self) -> &str {
        &self.login_label
    }

    pub(crate) async fn wait_for_cloud_init(&mut self) -> Result<(), BakeError> {
        let limit = self.template.timeouts.boot;
        let command = remote::wait_for_cloud_init(self.template.timeouts.whole());
        let collected = tokio::time::timeout(limit, self.collect(&command)).await;
        let (ended, lines) =
            collected.map_err(|_| BakeError::TimedOut { what: "cloud-init", limit })??;
        match ended {
            Ended::Status(0 | 2) => {}
            // There is a login, so what amiable needs of cloud-init was done.
            Ended::Status(_) | Ended::Signal => {
                let detail = lines.join("; ");
                let text = format!("cloud-init reports errors on the instance: {detail}");
                self.observer.event(Event::Warning(text));
            }
        }
        Ok(())
    }

    /// Sends a checkout that was made here.
    pub(crate) async fn send(&mut self, checkout: &Checkout) -> Result<(), BakeError> {
        let root = checkout.root().to_owned();
        let packed = tokio::task::spawn_blocking(move || source::pack(&root)).await;
        let packed =
            packed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let mut packed = tokio::fs::File::from_std(packed);
        let doing = "unpack the checkout";
        let limits = self.limits(doing);
        loop {
            packed.rewind().await.map_err(|error| BakeError::Connection(error.to_string()))?;
            let command = remote::unpack(&self.work);
            match self.own(doing, &command, Some(&mut packed)).await? {
                Ok(_) => return Ok(()),
                Err(lost) => self.reconnect(&limits, &lost).await?,
            }
        }
    }

    /// Checks out on the instance and returns the exact revision.
    pub(crate) async fn check_out(&mut self) -> Result<String, BakeError> {
        let Repository::Vcs { kind, url, revision } = &self.template.source.repository else {
            // The configuration refuses this; a folder here cannot be checked out there.
            return Err(BakeError::Connection(
                "a folder cannot be checked out on the instance".into(),
            ));
        };
        let command = remote::check_out(&self.work, *kind, url, revision.as_deref());
        let lines = self.own_again("check out the source", &command).await?;
        Ok(lines.last().cloned().unwrap_or_default())
    }

    /// Runs the init script; its output becomes events.
    pub(crate) async fn run_init(&mut self) -> Result<(), BakeError> {
        let (script, limit) = (self.template.script.clone(), self.template.timeouts.script);
        self.run_script("the init script", &script, limit).await
    }

    /// Leaves what Jenkins looks for, runs the template's seal script, and removes what no
    /// AMI should have. Returns the identity that its instances must not have.
    pub(crate) async fn seal(&mut self) -> Result<String, BakeError> {
        let Template { seal, agent, timeouts, boot_script, .. } = self.template.clone();
        // With the mark of a base that was an agent itself, no boot script would run.
        let mark = agent.as_ref().map(|agent| agent.init_has_run);
        if let Some(has_run) = mark.or(boot_script.as_ref().map(|_| false)) {
            self.own_again("set the mark of Jenkins", &seal::init_mark(has_run)).await?;
        }
        if let Some(script) = &seal.script {
            self.run_script("the seal script", script, timeouts.script).await?;
        }
        let command = seal::seal(&self.work, &self.login_key, &seal);
        let lines = self.own_again("seal the machine", &command).await?;
        let command = seal::close_the_door(&self.login_key, &seal);
        let limits = Limits::new("seal the machine", DOOR_LIMIT);
        let rest = self.own_within(&limits, &command).await?;
        for warning in rest.iter().filter_map(|line| line.strip_prefix(WARNING_LINE)) {
            self.observer.event(Event::Warning(warning.to_owned()));
        }
        let identity = lines.iter().find_map(|line| line.strip_prefix(IDENTITY_LINE));
        Ok(identity.unwrap_or_default().trim().to_owned())
    }

    /// Looks for what the bake should not have left, and for what Jenkins needs. Returns
    /// what is wrong.
    pub(crate) async fn check(
        &mut self,
        expected: &Expected<'_>,
    ) -> Result<Vec<String>, BakeError> {
        let (ended, lines) = self.collect(&seal::checks(expected)).await?;
        let failed = lines.iter().filter_map(|line| line.strip_prefix(FAILED_LINE));
        let failed: Vec<String> = failed.map(String::from).collect();
        match ended {
            Ended::Status(0) => Ok(failed),
            Ended::Status(status) if failed.is_empty() => {
                let last = lines.last().map(|line| format!(": {line}")).unwrap_or_default();
                Ok(vec![format!("the checks ended with exit status {status}{last}")])
            }
            Ended::Status(_) => Ok(failed),
            Ended::Signal => Err(BakeError::Connection("a signal ended the checks".into())),
        }
    }

    /// Runs the template's verify script.
    pub(crate) async fn run_verify(&mut self, script: &str) -> Result<(), BakeError> {
        self.run_script("the verify script", script, self.template.timeouts.verify).await
    }

    /// Runs a script of the checkout; its output becomes events. The script does not depend on
    /// the connection: a lost one is made again, and the output goes on where it was left.
    async fn run_script(
        &mut self,
        what: &'static str,
        script: &str,
        limit: Duration,
    ) -> Result<(), BakeError> {
        let limits = Limits::new(what, limit);
        let command = remote::run_script(&self.work, script, self.template.run_as.as_deref());
        let name = what.replace(' ', "-");
        let on_reboot = if self.template.may_reboot {
            OnReboot::Again(self.template.timeouts.whole())
        } else {
            OnReboot::Fail
        };
        let work = self.work.clone();
        let detached = Detached { work: &work, name: &name, command: &command, on_reboot };
        let (mut lines, mut tail) = (Lines::default(), Tail::default());
        let observer = self.observer.clone();
        let mut output = |stream, line: String| {
            tail.push(&line);
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
        match status {
            0 => Ok(()),
            status => {
                let script = script.to_owned();
                Err(BakeError::Script { what, script, status, tail: tail.into_lines() })
            }
        }
    }

    /// Logs in again, for as long as the work may take and the machine lives.
    async fn reconnect(&mut self, limits: &Limits, lost: &SshError) -> Result<(), BakeError> {
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
                    let for_good = matches!(error, SshError::NotStarted { .. });
                    if for_good || Instant::now() > limits.deadline {
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

    fn limits(&self, what: &'static str) -> Limits {
        Limits::new(what, self.template.timeouts.script)
    }

    pub(crate) async fn log_out(self) {
        self.ssh.close().await;
    }

    /// Stays logged in, and gives a sign when the machine hangs up.
    pub(crate) fn until_it_hangs_up(self) -> watch::Receiver<bool> {
        let (send, sign) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                () = self.ssh.until_closed() => drop(send.send_replace(true)),
                // Nobody waits for it any more.
                () = send.closed() => {}
            }
        });
        sign
    }

    /// Runs a command of amiable's own that may be run again where the connection was lost.
    async fn own_again(
        &mut self,
        doing: &'static str,
        command: &str,
    ) -> Result<Vec<String>, BakeError> {
        let limits = self.limits(doing);
        self.own_within(&limits, command).await
    }

    async fn own_within(
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
    async fn own(
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

    /// The output of a command that may be run again where the connection was lost.
    async fn collect(&mut self, command: &str) -> Result<(Ended, Vec<String>), BakeError> {
        let limits = self.limits("a command on the instance");
        loop {
            let mut lines = Vec::new();
            match self.ssh.run(command, None, |_, line| lines.push(line)).await {
                Ok(ended) => return Ok((ended, lines)),
                Err(lost) => self.reconnect(&limits, &lost).await?,
            }
        }
    }
}

/// The program by which a machine is reached, where there is one.
fn route(site: Site<'_>, found: &Found<'_>) -> Option<Route> {
    let connect = site.template.reach.connect.as_ref()?;
    let programs = site.cloud.programs();
    let target = Target {
        instance: found.instance,
        address: found.address,
        port: site.template.ssh_port,
        region: site.cloud.region(),
        profile: programs.profile.as_deref(),
    };
    let words = connect.words(&target);
    Some(Route { words, programs: programs.clone(), observer: site.observer.clone() })
}

/// How long a piece of work may take.
struct Limits {
    what: &'static str,
    limit: Duration,
    deadline: Instant,
}

impl Limits {
    fn new(what: &'static str, limit: Duration) -> Limits {
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

/// Waits until a machine has written its host keys to the console. EC2 may be minutes late
/// with it.
async fn host_keys_on_console(site: Site<'_>, instance: &str) -> Result<Vec<PublicKey>, BakeError> {
    let look = async || {
        let keys = console::host_keys(&site.cloud.console(instance).await?);
        Ok::<_, BakeError>((!keys.is_empty()).then_some(keys))
    };
    let waited = wait::until(site.template.timeouts.boot, site.cancel, look).await;
    waited.map_err(|error| BakeError::waiting("the host keys on the console", error))
}

/// Whether a machine has written this host key to its console.
pub(crate) async fn is_on_console(
    site: Site<'_>,
    instance: &str,
    key: &PublicKey,
) -> Result<bool, BakeError> {
    match host_keys_on_console(site, instance).await {
        Ok(keys) => Ok(keys.iter().any(|shown| shown.key_data() == key.key_data())),
        Err(BakeError::TimedOut { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// An instance that ends while it should boot will not come back.
pub(crate) fn ended(instance: &str, state: &str, reason: Option<String>) -> Result<(), BakeError> {
    match state {
        "pending" | "running" => Ok(()),
        _ => Err(BakeError::InstanceEnded { instance: instance.to_owned(), reason }),
    }
}
