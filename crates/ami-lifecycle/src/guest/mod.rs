//! A machine of amiable's, as seen through SSH: the builder, and the one that proves an AMI.

pub(crate) mod about;
mod account;
mod console;
mod detached;
pub(crate) mod error;
pub(crate) mod kept_login;
mod keys;
mod lines;
mod login;
mod quiet;
mod remote;
pub(crate) mod script_env;
mod seal;
mod session;
mod shell;
pub(crate) mod site;
mod ssh;
mod ssh_error;
mod tunnel;
mod user_data;

use std::net::IpAddr;
use std::time::Duration;

use russh::keys::PublicKey;
use tokio::io::AsyncSeekExt;
use tokio::time::Instant;

pub use account::AccountFault;
pub(crate) use keys::GuestKeys;
pub(crate) use remote::WORKDIR;
#[cfg(test)]
pub(crate) use remote::tests::{check_out_command, found, write_program};
pub(crate) use seal::{Expected, FAILED_LINE};
pub use user_data::check as check_user_data;

use self::about::About;
use self::account::Account;
use self::keys::{fingerprint, line_of, private_text};
use self::login::Awaited;
use self::seal::{BOOT_LINE, IDENTITY_LINE, WARNING_LINE};
use self::session::Limits;
use crate::ec2::wait;
use crate::guest::error::GuestError;
use crate::guest::kept_login::KeptLogin;
use crate::guest::session::Session;
use crate::guest::site::Site;
use crate::guest::ssh::{Ended, Login};
use crate::guest::tunnel::Route;
use crate::model::event::Event;
use crate::model::reach::Target;
use crate::model::script::Script;
use crate::model::template::{HostKey, Repository, Template};
use crate::source::{self, Checkout};

/// How long a new connection is tried for where the last command may have kept it from ever coming.
const DOOR_LIMIT: Duration = Duration::from_secs(60);

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
    session: Session,
    login_key: String,
    login_label: String,
}

impl Guest {
    /// Waits for a login. `bake` names the folder to work in; scripts learn what is told `about` it.
    pub(crate) async fn reach(
        site: Site<'_>,
        found: &Found<'_>,
        keys: GuestKeys,
        (bake, about): (&str, &About),
    ) -> Result<(Guest, KeptLogin), GuestError> {
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
                "{instance} at {address} is trusted without proof, with the host key {}, because \
                 of host_key = \"first-contact\"",
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
        let session = Session {
            cloud: site.cloud.clone(),
            instance: instance.to_owned(),
            login,
            ssh,
            template: template.clone(),
            work: remote::work_dir(template.workdir.as_deref(), bake),
            about: about.clone(),
            observer: site.observer.clone(),
        };
        let login_key = keys.login_public();
        let guest = Guest { session, login_key, login_label: keys.label };
        Ok((guest, kept))
    }

    /// The host key that the machine has shown.
    pub(crate) fn host_key(&self) -> &PublicKey {
        &self.session.ssh.host_key
    }

    /// The comment of this machine's own login key.
    pub(crate) fn login_label(&self) -> &str {
        &self.login_label
    }

    pub(crate) async fn wait_for_cloud_init(&mut self) -> Result<(), GuestError> {
        let limit = self.session.template.timeouts.boot;
        let command = remote::wait_for_cloud_init(self.session.template.timeouts.whole());
        let collected = tokio::time::timeout(limit, self.session.collect(&command)).await;
        let (ended, lines) =
            collected.map_err(|_| GuestError::TimedOut { what: "cloud-init", limit })??;
        match ended {
            Ended::Status(0 | 2) => {}
            // There is a login, so what amiable needs of cloud-init was done.
            Ended::Status(_) | Ended::Signal => {
                let detail = lines.join("; ");
                let text = format!("cloud-init reports errors on the instance: {detail}");
                self.session.observer.event(Event::Warning(text));
            }
        }
        Ok(())
    }

    /// Waits until the machine's own package work is over, and lets none begin in this boot.
    pub(crate) async fn quiet(&mut self) -> Result<(), GuestError> {
        self.session.quiet().await
    }

    /// Looks whether the scripts can be started as the users that they are meant for, before anything is
    /// run.
    pub(crate) async fn check_account(&mut self) -> Result<(), GuestError> {
        let Template { ssh_user, run_as, .. } = self.session.template.clone();
        let command = account::examine(&self.session.work, run_as.as_deref());
        let lines = self.session.own_again("look at the login user", &command).await?;
        let told = Account::read(&lines, &ssh_user, run_as.as_deref().unwrap_or("root"));
        if told.is_noexec {
            let folder = self.session.template.workdir.as_deref().unwrap_or(remote::WORKDIR);
            self.session.observer.event(Event::Warning(format!(
                "nothing in {folder} can be executed on the instance (mounted noexec): programs \
                 that the script runs from there will fail; set `workdir` to another folder"
            )));
        }
        told.fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Sends a checkout that was made here.
    pub(crate) async fn send(&mut self, checkout: &Checkout) -> Result<(), GuestError> {
        let packed = checkout.pack().await?;
        let mut packed = tokio::fs::File::from_std(packed);
        let doing = "unpack the checkout";
        let limits = self.session.limits(doing);
        loop {
            packed.rewind().await.map_err(|error| GuestError::Connection(error.to_string()))?;
            let command = remote::unpack(&self.session.work);
            match self.session.own(doing, &command, Some(&mut packed)).await? {
                Ok(_) => return Ok(()),
                Err(lost) => self.session.reconnect(&limits, &lost).await?,
            }
        }
    }

    /// Checks out on the instance and returns the exact revision.
    pub(crate) async fn check_out(&mut self) -> Result<String, GuestError> {
        let Repository::Vcs { kind, url, revision } = &self.session.template.source.repository
        else {
            // The configuration refuses this; a folder here cannot be checked out there.
            return Err(GuestError::Connection(
                "a folder cannot be checked out on the instance".into(),
            ));
        };
        let command = remote::check_out(&self.session.work, *kind, url, revision.as_deref());
        let url = url.clone();
        let lines = self.session.own_again("check out the source", &command).await;
        let lines = lines.map_err(|error| match error {
            GuestError::Command { doing, status, tail } => {
                let tail = tail.iter().map(|line| source::redact(line, &url)).collect();
                GuestError::Command { doing, status, tail }
            }
            other => other,
        })?;
        Ok(lines.last().cloned().unwrap_or_default())
    }

    /// Runs the init scripts; their output becomes events.
    pub(crate) async fn run_init(&mut self) -> Result<(), GuestError> {
        let scripts = self.session.template.scripts.clone();
        let limits = Limits::new("the init script", self.session.template.timeouts.script);
        let count = scripts.len();
        for (script, number) in scripts.iter().zip(1..) {
            if count > 1 {
                self.session.note(format!("script {number} of {count}: {script}"));
            }
            let word = if number == 1 { "init".to_owned() } else { format!("init-{number}") };
            let began = Instant::now();
            self.session.run_script(&limits, &word, script).await?;
            if count > 1 {
                let took = began.elapsed().as_secs_f64();
                self.session.note(format!("script {number} of {count} took {took:.1} s"));
            }
        }
        Ok(())
    }

    /// Leaves what Jenkins looks for, runs the template's seal script, and removes what no
    /// AMI should have. Returns the identity that its instances must not have.
    pub(crate) async fn seal(&mut self) -> Result<String, GuestError> {
        let Template { seal, agent, timeouts, boot_script, .. } = self.session.template.clone();
        // With the mark of a base that was an agent itself, no boot script would run.
        let mark = agent.as_ref().map(|agent| agent.init_has_run);
        if let Some(has_run) = mark.or(boot_script.as_ref().map(|_| false)) {
            self.session.own_again("set the mark of Jenkins", &seal::init_mark(has_run)).await?;
        }
        if let Some(script) = &seal.script {
            let limits = Limits::new("the seal script", timeouts.script);
            self.session.run_script(&limits, "seal", &Script::plain(script)).await?;
        }
        let command = seal::seal(&self.session.work, &self.login_key, &seal);
        let lines = self.session.own_again("seal the machine", &command).await?;
        let boot = lines.iter().find_map(|line| line.strip_prefix(BOOT_LINE)).unwrap_or_default();
        let command = seal::close_the_door(&self.login_key, &seal, boot);
        let limits = Limits::new("seal the machine", DOOR_LIMIT);
        let rest = self.session.own_within(&limits, &command).await?;
        for warning in rest.iter().filter_map(|line| line.strip_prefix(WARNING_LINE)) {
            self.session.observer.event(Event::Warning(warning.to_owned()));
        }
        let identity = lines.iter().find_map(|line| line.strip_prefix(IDENTITY_LINE));
        Ok(identity.unwrap_or_default().trim().to_owned())
    }

    /// Looks for what the bake should not have left, and for what Jenkins needs. Returns
    /// what is wrong.
    pub(crate) async fn check(
        &mut self,
        expected: &Expected<'_>,
    ) -> Result<Vec<String>, GuestError> {
        let limit = self.session.template.timeouts.verify;
        let checks = seal::checks(expected);
        let collected = tokio::time::timeout(limit, self.session.collect(&checks)).await;
        let (ended, lines) = collected
            .map_err(|_| GuestError::TimedOut { what: "the checks of verification", limit })??;
        for warning in lines.iter().filter_map(|line| line.strip_prefix(WARNING_LINE)) {
            self.session.observer.event(Event::Warning(warning.to_owned()));
        }
        let failed = lines.iter().filter_map(|line| line.strip_prefix(FAILED_LINE));
        let failed: Vec<String> = failed.map(String::from).collect();
        match ended {
            Ended::Status(0) => Ok(failed),
            Ended::Status(status) if failed.is_empty() => {
                let last = lines.last().map(|line| format!(": {line}")).unwrap_or_default();
                Ok(vec![format!("the checks ended with exit status {status}{last}")])
            }
            Ended::Status(_) => Ok(failed),
            Ended::Signal => Err(GuestError::Connection("a signal ended the checks".into())),
        }
    }

    /// Runs the template's verify script.
    pub(crate) async fn run_verify(&mut self, script: &str) -> Result<(), GuestError> {
        let limits = Limits::new("the verify script", self.session.template.timeouts.verify);
        self.session.run_script(&limits, "verify", &Script::plain(script)).await
    }

    pub(crate) async fn log_out(self) {
        self.session.ssh.close().await;
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

/// Waits until a machine has written its host keys to the console. EC2 may be minutes late
/// with it.
async fn host_keys_on_console(
    site: Site<'_>,
    instance: &str,
) -> Result<Vec<PublicKey>, GuestError> {
    let look = async || {
        let keys = console::host_keys(&site.cloud.console(instance).await?);
        Ok::<_, GuestError>((!keys.is_empty()).then_some(keys))
    };
    let waited = wait::until(site.template.timeouts.boot, site.cancel, look).await;
    waited.map_err(|error| GuestError::waiting("the host keys on the console", error))
}

/// Whether a machine has written this host key to its console.
pub(crate) async fn is_on_console(
    site: Site<'_>,
    instance: &str,
    key: &PublicKey,
) -> Result<bool, GuestError> {
    match host_keys_on_console(site, instance).await {
        Ok(keys) => Ok(keys.iter().any(|shown| shown.key_data() == key.key_data())),
        Err(GuestError::TimedOut { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
