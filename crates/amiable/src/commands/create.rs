//! `amiable create` and `amiable update`.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ami_lifecycle::{
    BakeError, BakeRequest, Baked, CancellationToken, Cloud, FailedIn, Holdings, JenkinsServer,
    KeptInstance, Mode, OnFailure, RollTarget, Template,
};
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::roll::After;
use super::{Outcome, json, load_config, no_template};
use crate::cli::{Global, Output};
use crate::config::Config;
use crate::console::Console;
use crate::failure::{self, Failure, Status};
use crate::render::BakeView;
use crate::{connect, interrupt, surroundings};

/// Bake the first AMI of a template
///
/// An instance starts from the base AMI, the source is checked out, the init script
/// runs, the machine is sealed and stops, and becomes an AMI, which is verified and made
/// current. The new AMI's id is printed on standard output. A bake that was killed is gone
/// on with where that is possible.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    bake: BakeArgs,
}

/// Bake the next AMI of a template; the current one stays as backup
///
/// Whatever fails, the current AMI stays current. A template without one gets its first.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    bake: BakeArgs,
}

#[derive(Debug, Args)]
struct BakeArgs {
    /// Templates of the configuration
    #[arg(required = true, value_name = "TEMPLATE")]
    templates: Vec<String>,
    /// Leave the new AMI pending: `amiable verify` proves it and makes it current
    #[arg(long)]
    no_verify: bool,
    /// Do not roll: consumers go on naming what they name
    #[arg(long)]
    no_roll: bool,
    /// Go on although another bake of the template seems to be under way: it is dead
    #[arg(long)]
    take_over: bool,
    /// What becomes of the instance when the bake fails
    #[arg(long, value_enum, default_value = "terminate")]
    on_failure: OnFailureArg,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnFailureArg {
    /// It is terminated
    Terminate,
    /// It stays, and the way to log in is told
    Keep,
}

pub(crate) async fn create(args: CreateArgs, global: &Global, console: &Console) -> Outcome {
    bake_all(args.bake, Mode::Create, global, console).await
}

pub(crate) async fn update(args: UpdateArgs, global: &Global, console: &Console) -> Outcome {
    bake_all(args.bake, Mode::Update, global, console).await
}

async fn bake_all(args: BakeArgs, mode: Mode, global: &Global, console: &Console) -> Outcome {
    let config = load_config(global)?;
    let mut templates: Vec<&Template> = Vec::new();
    for name in &args.templates {
        let template = config.template(name).map_err(|meant| no_template(&config, name, meant))?;
        if !templates.contains(&template) {
            templates.push(template);
        }
    }
    if !args.no_roll {
        let jenkins = connect::jenkins(&config);
        templates.iter().try_for_each(|template| check_consumers(template, jenkins.as_ref()))?;
    }
    let holdings = Holdings::default();
    let cancel = interrupt::cancel_on_signals(console, &holdings);
    let cloud = tokio::select! {
        () = cancel.cancelled() => return Err(Failure::told(Status::Interrupted)),
        cloud = connect::cloud(&config.cloud, console) => cloud?,
    };
    let on_failure = match args.on_failure {
        OnFailureArg::Terminate => OnFailure::Terminate,
        OnFailureArg::Keep => OnFailure::Keep,
    };
    let BakeArgs { no_verify, no_roll, take_over, .. } = args;
    let jenkins = connect::jenkins(&config);
    let verify = !no_verify;
    let job = Job {
        config: &config,
        cloud: &cloud,
        mode,
        on_failure,
        verify,
        take_over,
        jenkins: jenkins.as_ref(),
        holdings,
        cancel,
        console,
    };
    let (mut results, mut worst) = (Vec::new(), None);
    for template in templates {
        match job.bake(template).await {
            Ok(baked) => {
                if args.output == Output::Text {
                    console.result(&baked.ami);
                }
                let (rolled, outcome) = match baked.promoted && !no_roll {
                    true => job.roll(template, &baked).await,
                    false => (Vec::new(), Ok(())),
                };
                results.push(result(template, &baked, rolled));
                if let Err(failure) = outcome {
                    console.complain(&failure.text());
                    let interrupted = failure.status == Status::Interrupted;
                    worst = Some(failure.status);
                    if interrupted {
                        break;
                    }
                }
            }
            Err(failure) => {
                console.complain(&failure.text());
                let interrupted = failure.status == Status::Interrupted;
                worst = Some(failure.status);
                if interrupted {
                    break;
                }
            }
        }
    }
    if args.output == Output::Json {
        console.result(&json(&results));
    }
    worst.map_or(Ok(()), |status| Err(Failure::told(status)))
}

fn result(
    template: &Template,
    baked: &Baked,
    consumers: Vec<serde_json::Value>,
) -> serde_json::Value {
    serde_json::json!({
        "template": template.name,
        "ami": baked.ami,
        "name": baked.name,
        "generation": baked.generation,
        "current": baked.promoted,
        "previous": baked.previous,
        "consumers": consumers,
    })
}

/// Refuses to bake what could not be rolled in the end.
fn check_consumers(template: &Template, jenkins: Option<&JenkinsServer>) -> super::Outcome {
    let failed = ami_lifecycle::examine_consumers(template, jenkins);
    let Some((consumer, error)) = failed.first() else { return Ok(()) };
    let text = format!("{}: {consumer}: {}", template.name, failure::chain(error));
    let hint = error.hint().unwrap_or_else(|| "--no-roll bakes all the same".into());
    Err(Failure::usage(text).hint(hint))
}

/// What is common to all bakes of a call.
struct Job<'a> {
    config: &'a Config,
    cloud: &'a Cloud,
    mode: Mode,
    on_failure: OnFailure,
    verify: bool,
    take_over: bool,
    jenkins: Option<&'a JenkinsServer>,
    holdings: Holdings,
    cancel: CancellationToken,
    console: &'a Console,
}

impl Job<'_> {
    async fn bake(&self, template: &Template) -> Result<Baked, Failure> {
        let (log, log_path) = open_log(&template.name)?;
        let view = Arc::new(BakeView::new(&template.name, self.console, log));
        let is_gone = |owner: &str| self.take_over || surroundings::is_gone(owner);
        let outcome = ami_lifecycle::bake(BakeRequest {
            cloud: self.cloud,
            namespace: &self.config.namespace,
            pattern: &self.config.pattern,
            template,
            consumers: connect::consumers(self.config, self.jenkins),
            mode: self.mode,
            on_failure: self.on_failure,
            verify: self.verify,
            operator: &surroundings::operator(),
            owner: &surroundings::owner(),
            is_gone: &is_gone,
            version: env!("CARGO_PKG_VERSION"),
            observer: view.clone(),
            holdings: self.holdings.clone(),
            cancel: self.cancel.clone(),
        })
        .await;
        view.finish();
        match outcome {
            Ok(baked) => {
                self.console.message(&done_text(&template.name, &baked));
                Ok(baked)
            }
            Err(failed) => Err(self.failed(template, &failed, &log_path)),
        }
    }

    /// Rolls the template's consumers to the AMI that has become current.
    async fn roll(
        &self,
        template: &Template,
        baked: &Baked,
    ) -> (Vec<serde_json::Value>, super::Outcome) {
        if template.consumers.is_empty() {
            return (Vec::new(), Ok(()));
        }
        let fleet = match self.cloud.fleet(&self.config.namespace).await {
            Ok(fleet) => fleet,
            Err(error) => {
                let failure = Failure::from(error);
                let text =
                    format!("{}: consumers are not rolled: {}", template.name, failure.message);
                return (Vec::new(), Err(Failure { message: text, ..failure }));
            }
        };
        // EC2 may not show it as it is yet.
        let target = RollTarget {
            ami: baked.ami.clone(),
            name: baked.name.clone(),
            generation: Some(baked.generation),
            template: Some(template.name.clone()),
            boot_script: baked.boot_script.clone(),
        };
        let Job { config, cloud, cancel, console, .. } = self;
        let after = After { config, cloud, cancel, console };
        after.roll(template, &target, &fleet).await
    }

    fn failed(&self, template: &Template, failed: &FailedIn, log: &Path) -> Failure {
        let mut failure = failure::of_bake(&template.name, failed, &log.display().to_string());
        if let Some(kept) = &failed.kept {
            failure.details.extend(kept_text(kept, log));
        }
        if let Some(pending) = &failed.pending {
            let text = "stays pending: the same command goes on with it";
            failure.details.push(format!("{pending} {text}"));
        }
        if let Some(current) = &failed.current
            && !matches!(failed.error, BakeError::Refused(_) | BakeError::Busy(_))
        {
            failure.details.push(format!("{current} stays the current AMI of {}", template.name));
        }
        failure
    }
}

fn done_text(template: &str, baked: &Baked) -> String {
    if !baked.promoted {
        return format!(
            "{template}: {} (generation {}) is pending; `amiable verify {template}` proves it \
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

/// A log file of its own for each bake.
pub(super) fn open_log(template: &str) -> Result<(File, PathBuf), Failure> {
    let folder = surroundings::log_folder()?;
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
    let path = folder.join(format!("{template}-{now}.log"));
    let opened = std::fs::create_dir_all(&folder).and_then(|()| File::create(&path));
    let file = opened
        .map_err(|error| Failure::failed(format!("failed to write {}: {error}", path.display())))?;
    Ok((file, path))
}

/// How to look at an instance that was kept. The bake's key is written beside the log,
/// and the host key too, so that this login is as strict as the bake's own.
fn kept_text(kept: &KeptInstance, log: &Path) -> Vec<String> {
    let mut lines = vec![format!("kept as asked for: {}", kept.instance)];
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
                "log in: ssh -i {} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={} -p {} {}@{}",
                key.display(),
                known.display(),
                login.port,
                login.user,
                login.address
            ),
            Err(error) => format!("its key could not be written to {}: {error}", key.display()),
        });
    }
    lines.push(format!("and end it: aws ec2 terminate-instances --instance-ids {}", kept.instance));
    lines
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
