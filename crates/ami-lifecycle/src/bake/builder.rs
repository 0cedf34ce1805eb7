//! The instance that is being provisioned, as seen through SSH.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::error::KeptLogin;
use super::keys::{BakeKeys, private_text, public_line};
use super::{BakeError, BakeRequest, remote};
use crate::cloud::Cloud;
use crate::event::{Event, Observer, Stream};
use crate::source::{self, Checkout};
use crate::ssh::{Ended, Login, Ssh, SshError};
use crate::template::{Repository, Template};
use crate::wait;

/// How many of a command's last lines are kept for the error.
const TAIL: usize = 20;

/// The pause between two attempts to log in: an attempt is refused at once while
/// there is no sshd, and costs the network little.
const LOGIN_PAUSE: Duration = Duration::from_millis(500);

/// How often EC2 is asked whether the instance still lives while there is no login.
const LIVENESS_PAUSE: Duration = Duration::from_secs(15);

/// A builder that is logged in to.
pub(super) struct Builder {
    ssh: Ssh,
    template: Template,
    work: String,
    login_key: String,
    observer: Arc<dyn Observer>,
}

impl Builder {
    /// Waits for the instance's address, then for a login.
    pub(super) async fn reach(
        request: &BakeRequest<'_>,
        instance: &str,
        keys: BakeKeys,
        bake: &str,
    ) -> Result<(Builder, KeptLogin), BakeError> {
        let template = request.template;
        let deadline = Instant::now() + template.timeouts.boot;
        let address = wait_for_address(request, instance).await?;
        let login = Login {
            address,
            port: template.ssh_port,
            user: template.ssh_user.clone(),
            key: keys.login.clone(),
            host_key: keys.host.public_key().clone(),
        };
        let work = log_in(request, instance, &login, deadline);
        let ssh = tokio::select! {
            () = request.cancel.cancelled() => return Err(BakeError::Cancelled),
            ssh = work => ssh?,
        };
        let builder = Builder {
            ssh,
            template: template.clone(),
            work: remote::work_dir(bake),
            login_key: keys.login_public(),
            observer: request.observer.clone(),
        };
        let kept = KeptLogin {
            address,
            port: login.port,
            user: login.user,
            private_key: private_text(&keys.login),
            host_key: public_line(&keys.host),
        };
        Ok((builder, kept))
    }

    pub(super) async fn wait_for_cloud_init(&self) -> Result<(), BakeError> {
        let limit = self.template.timeouts.boot;
        let command = remote::wait_for_cloud_init();
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
    pub(super) async fn send(&self, checkout: &Checkout) -> Result<(), BakeError> {
        let root = checkout.root().to_owned();
        let packed = tokio::task::spawn_blocking(move || source::pack(&root)).await;
        let packed =
            packed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let mut packed = tokio::fs::File::from_std(packed);
        self.own("unpack the checkout", &remote::unpack(&self.work), Some(&mut packed))
            .await
            .map(drop)
    }

    /// Checks out on the instance and returns the exact revision.
    pub(super) async fn check_out(&self) -> Result<String, BakeError> {
        let Repository::Vcs { kind, url, revision } = &self.template.source.repository else {
            // The configuration refuses this; a folder here cannot be checked out there.
            return Err(BakeError::Connection(
                "a folder cannot be checked out on the instance".into(),
            ));
        };
        let command = remote::check_out(&self.work, *kind, url, revision.as_deref());
        let lines = self.own("check out the source", &command, None).await?;
        Ok(lines.last().cloned().unwrap_or_default())
    }

    /// Runs the init script; its output becomes events.
    pub(super) async fn run_script(&self) -> Result<(), BakeError> {
        let Template { script, run_as, timeouts, .. } = &self.template;
        let command = remote::run_script(&self.work, script, run_as.as_deref());
        let mut tail = Tail::default();
        let run = self.ssh.run(&command, None, |stream, line| {
            tail.push(&line);
            self.observer.event(Event::Output(stream, line));
        });
        let ended = tokio::time::timeout(timeouts.script, run).await;
        let ended = ended.map_err(|_| BakeError::TimedOut {
            what: "the init script",
            limit: timeouts.script,
        })??;
        match ended {
            Ended::Status(0) => Ok(()),
            Ended::Status(status) => {
                Err(BakeError::Script { script: script.clone(), status, tail: tail.into_lines() })
            }
            Ended::Signal => Err(BakeError::ScriptKilled { script: script.clone() }),
        }
    }

    /// Removes what the bake left in the guest.
    pub(super) async fn tidy(&self) -> Result<(), BakeError> {
        let command = remote::tidy(&self.work, &self.login_key);
        self.own("tidy up", &command, None).await.map(drop)
    }

    pub(super) async fn log_out(self) {
        self.ssh.close().await;
    }

    /// Runs a command of amiable's own, which must succeed; returns its standard output.
    async fn own(
        &self,
        doing: &'static str,
        command: &str,
        input: Option<&mut (dyn AsyncRead + Unpin + Send)>,
    ) -> Result<Vec<String>, BakeError> {
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
        match ended? {
            Ended::Status(0) => Ok(stdout),
            Ended::Status(status) => {
                Err(BakeError::Guest { doing, status, tail: tail.into_lines() })
            }
            Ended::Signal => {
                Err(BakeError::Connection(format!("a signal ended the command to {doing}")))
            }
        }
    }

    async fn collect(&self, command: &str) -> Result<(Ended, Vec<String>), BakeError> {
        let mut lines = Vec::new();
        let ended = self.ssh.run(command, None, |_, line| lines.push(line)).await?;
        Ok((ended, lines))
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

async fn wait_for_address(request: &BakeRequest<'_>, instance: &str) -> Result<IpAddr, BakeError> {
    let running = async || {
        let Some(facts) = request.cloud.instance(instance).await? else { return Ok(None) };
        ended(instance, &facts.state, facts.reason)?;
        Ok(facts.address.filter(|_| facts.state == "running"))
    };
    let waited = wait::until(request.template.timeouts.boot, &request.cancel, running).await;
    waited.map_err(|error| BakeError::waiting("the start of the instance", error))
}

/// An instance that ends while it should boot will not come back.
fn ended(instance: &str, state: &str, reason: Option<String>) -> Result<(), BakeError> {
    match state {
        "pending" | "running" => Ok(()),
        _ => Err(BakeError::InstanceEnded { instance: instance.to_owned(), reason }),
    }
}

/// Tries until there is a login. Until cloud-init has put the keys in place there may
/// be no sshd, another host key, or a refusal: none of them is trusted, and all may pass.
async fn log_in(
    request: &BakeRequest<'_>,
    instance: &str,
    login: &Login,
    deadline: Instant,
) -> Result<Ssh, BakeError> {
    let mut looked = Instant::now();
    loop {
        let last: SshError = match Ssh::connect(login).await {
            Ok(ssh) => return Ok(ssh),
            Err(error) => error,
        };
        tracing::debug!("no login at {}:{} yet: {last}", login.address, login.port);
        if Instant::now() > deadline {
            return Err(BakeError::NoLogin {
                user: login.user.clone(),
                address: login.address,
                port: login.port,
                limit: request.template.timeouts.boot,
                last: last.to_string(),
            });
        }
        if looked.elapsed() > LIVENESS_PAUSE {
            looked = Instant::now();
            still_alive(request.cloud, instance).await?;
        }
        tokio::time::sleep(LOGIN_PAUSE).await;
    }
}

async fn still_alive(cloud: &Cloud, instance: &str) -> Result<(), BakeError> {
    match cloud.instance(instance).await? {
        Some(facts) => ended(instance, &facts.state, facts.reason),
        None => Err(BakeError::InstanceEnded { instance: instance.to_owned(), reason: None }),
    }
}
