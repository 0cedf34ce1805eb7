//! One bake of a call, and what is told of it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use ami_lifecycle::{
    Actor, AmiId, BakeError, BakeRequest, Baked, CancellationToken, Cloud, Context, FailedIn,
    Fleet, Holdings, JenkinsServer, KeptInstance, Mode, OnFailure, RollTarget, Template,
};

use crate::commands::finish::{Finish, Finished};
use crate::config::settings::Config;
use crate::console::Console;
use crate::failure::{self, Failure};
use crate::render::BakeView;
use crate::render::log::open_log;
use crate::{connect, surroundings};

/// What is common to all bakes of a call.
pub(crate) struct Job<'a> {
    pub(crate) config: &'a Config,
    pub(crate) cloud: &'a Cloud,
    pub(crate) mode: Mode,
    pub(crate) on_failure: OnFailure,
    pub(crate) verify: bool,
    /// Whether consumers are rolled.
    pub(crate) rolls: bool,
    pub(crate) take_over: bool,
    pub(crate) jenkins: Option<&'a JenkinsServer>,
    pub(crate) holdings: Holdings,
    pub(crate) cancel: CancellationToken,
    pub(crate) console: &'a Console,
    /// Held while consumers are rolled: several templates may be in one file.
    pub(crate) one_roll: Arc<tokio::sync::Mutex<()>>,
}

impl Job<'_> {
    /// `below` is the new AMI of the template that it is based on.
    pub(crate) async fn bake(
        &self,
        template: &Template,
        below: Option<AmiId>,
    ) -> Result<Baked, Failure> {
        let (log, log_path) = open_log(&template.name)?;
        let view = Arc::new(BakeView::new(&template.name, self.console, log));
        let is_gone = |owner: &str| self.take_over || surroundings::is_gone(owner);
        let outcome = ami_lifecycle::bake(BakeRequest {
            context: Context {
                cloud: self.cloud,
                namespace: &self.config.namespace,
                actor: Actor {
                    operator: &surroundings::operator(),
                    owner: &surroundings::owner(),
                    is_gone: &is_gone,
                },
                version: env!("CARGO_PKG_VERSION"),
                observer: view.clone(),
                holdings: self.holdings.clone(),
                cancel: self.cancel.clone(),
            },
            pattern: &self.config.pattern,
            template,
            consumers: connect::consumers(self.config, self.jenkins),
            below,
            mode: self.mode,
            on_failure: self.on_failure,
            verify: self.verify,
        })
        .await;
        let outcome = outcome.map_err(|failed| self.failed(template, &failed, &log_path));
        view.finish();
        match &outcome {
            Ok(baked) => self.console.message(&done_text(&template.name, baked)),
            Err(failure) => view.log_failure(failure),
        }
        outcome
    }

    /// What there is now.
    pub(crate) async fn fleet(&self) -> Result<Arc<Fleet>, Failure> {
        Ok(self.cloud.fleet(&self.config.namespace).await?)
    }

    /// Does what comes when an AMI has become current. `fleet` is what there is, where that
    /// is known.
    pub(crate) async fn finish(
        &self,
        template: &Template,
        target: &RollTarget,
        fleet: Option<&Fleet>,
    ) -> Finished {
        let Job { config, cloud, cancel, console, holdings, rolls, one_roll, .. } = self;
        let (rolls, one_roll) = (*rolls, one_roll.clone());
        let finish = Finish { config, cloud, cancel, console, holdings, rolls, one_roll };
        let again = format!("amiable update {}", template.name);
        finish.run(template, target, fleet, &again).await
    }

    fn failed(&self, template: &Template, failed: &FailedIn, log: &Path) -> Failure {
        let mut failure = failure::of_bake(&template.name, failed, &log.display().to_string());
        if let Some(kept) = &failed.kept {
            failure.details.extend(kept_text(kept, log));
        }
        if let Some(pending) = &failed.pending {
            let text = "stays pending: the same command resumes from it; delete it with `amiable \
                        delete` to bake from scratch";
            failure.details.push(format!("{pending} {text}"));
        }
        if let Some(current) = &failed.current
            && !matches!(failed.error, BakeError::Refused(_) | BakeError::Busy(_))
        {
            failure
                .details
                .push(format!("{current} is still the current AMI of {}", template.name));
        }
        failure
    }
}

/// What consumers are to name. EC2 may not show it as it is yet.
pub(crate) fn target_of(template: &Template, baked: &Baked) -> RollTarget {
    RollTarget {
        ami: baked.ami.clone(),
        name: baked.name.clone(),
        generation: Some(baked.generation),
        template: Some(template.name.clone()),
        boot_script: baked.boot_script.clone(),
    }
}

fn done_text(template: &str, baked: &Baked) -> String {
    if !baked.promoted {
        return format!(
            "{template}: {} (generation {}) is pending; `amiable verify {template}` verifies it \
             and makes it current",
            baked.ami, baked.generation
        );
    }
    let text = format!("{template}: {} is current (generation {})", baked.ami, baked.generation);
    match &baked.previous {
        Some(previous) => format!("{text}; {previous} is kept as backup"),
        None => text,
    }
}

/// How to look at an instance that was kept. The bake's key is written beside the log,
/// and the host key too, so that this login is as strict as the bake's own.
fn kept_text(kept: &KeptInstance, log: &Path) -> Vec<String> {
    let mut lines = vec![format!("kept as requested: {}", kept.instance)];
    if let Some(login) = &kept.login {
        let (key, known) = (log.with_extension("key"), log.with_extension("known_hosts"));
        let host = match login.port {
            22 => format!("{} {}\n", login.address, login.host_key),
            port => format!("[{}]:{port} {}\n", login.address, login.host_key),
        };
        let written =
            write_private(&key, &login.private_key).and_then(|()| write_private(&known, &host));
        lines.push(match written {
            Ok(()) => format!(
                "log in: ssh -i {} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o \
                 UserKnownHostsFile={}{} -p {} {}@{}",
                key.display(),
                known.display(),
                login.proxy_option(),
                login.port,
                login.user,
                login.address
            ),
            Err(error) => format!("its key could not be written to {}: {error}", key.display()),
        });
    }
    lines.push(format!(
        "it shuts down by itself at {}. To keep it longer, run `sudo systemctl stop \
         amiable-deadline.timer` on it; after that, `amiable sweep` removes it",
        kept.until.strftime("%Y-%m-%d %H:%M UTC")
    ));
    lines.push(format!(
        "to terminate it: aws ec2 terminate-instances --instance-ids {}",
        kept.instance
    ));
    lines
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
