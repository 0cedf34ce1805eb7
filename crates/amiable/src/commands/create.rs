//! `amiable create` and `amiable update`.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ami_lifecycle::{
    BakeError, BakeRequest, Baked, CancellationToken, Cloud, FailedIn, Fleet, Holdings,
    JenkinsServer, KeptInstance, Mode, OnFailure, PlanRequest, Planned, RollTarget, Template, Todo,
    Unknown,
};
use clap::{ArgGroup, Args, ValueEnum};
use jiff::Timestamp;

use super::distribute::{Finish, Finished};
use super::plan::why;
use super::{Outcome, bakes, chosen, load_config};
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
    /// Templates of the configuration
    #[arg(required = true, value_name = "TEMPLATE")]
    templates: Vec<String>,
    #[command(flatten)]
    bake: BakeArgs,
}

/// Bake the next AMI of a template; the current one stays as backup
///
/// Whatever fails, the current AMI stays current. A template without one gets its first.
/// Templates are baked side by side, base templates first; one that fails stops
/// only the templates based on it. With --all only what is out of date is baked, as
/// `amiable plan` tells.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["templates", "all"])))]
pub(crate) struct UpdateArgs {
    /// Templates of the configuration
    #[arg(value_name = "TEMPLATE")]
    templates: Vec<String>,
    /// All templates that `amiable plan` finds out of date
    #[arg(long)]
    all: bool,
    /// With --all: bake what is up to date, too
    #[arg(long, requires = "all", conflicts_with = "templates")]
    force: bool,
    #[command(flatten)]
    bake: BakeArgs,
}

#[derive(Debug, Args)]
struct BakeArgs {
    /// How many are baked at the same time
    #[arg(long, short, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
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
    let which = Which::Named(args.templates);
    bake_all(args.bake, which, Mode::Create, global, console).await
}

pub(crate) async fn update(args: UpdateArgs, global: &Global, console: &Console) -> Outcome {
    let which = match (args.all, args.force) {
        (false, _) => Which::Named(args.templates),
        (true, false) => Which::OutOfDate,
        (true, true) => Which::All,
    };
    bake_all(args.bake, which, Mode::Update, global, console).await
}

/// Which templates are baked.
#[derive(Debug)]
enum Which {
    /// These.
    Named(Vec<String>),
    /// Those of which a plan says so.
    OutOfDate,
    /// Every one.
    All,
}

async fn bake_all(
    args: BakeArgs,
    which: Which,
    mode: Mode,
    global: &Global,
    console: &Console,
) -> Outcome {
    let config = load_config(global)?;
    let templates = match &which {
        Which::Named(names) => chosen(names, &config)?,
        Which::OutOfDate | Which::All => config.templates.iter().collect(),
    };
    let jenkins = connect::jenkins(&config);
    let holdings = Holdings::default();
    let cancel = interrupt::cancel_on_signals(console, &holdings);
    let interrupted = || Failure::told(Status::Interrupted);
    let cloud = tokio::select! {
        () = cancel.cancelled() => return Err(interrupted()),
        cloud = connect::cloud(&config, console) => cloud?,
    };
    let request = PlanRequest {
        cloud: &cloud,
        namespace: &config.namespace,
        pattern: &config.pattern,
        templates: &templates,
        jenkins: jenkins.as_ref(),
        with_consumers: !args.no_roll,
        now: Timestamp::now(),
    };
    let planned = async |request: &PlanRequest<'_>| {
        tokio::select! {
            () = cancel.cancelled() => {
                let text = "interrupted while it was planned: nothing was begun";
                Err(Failure::new(Status::Interrupted, text))
            }
            plan = ami_lifecycle::plan(request) => Ok(plan?),
        }
    };
    let plan = match (which, mode) {
        (Which::OutOfDate, _) => Some(planned(&request).await?),
        (Which::Named(_), Mode::Update) => unfinished(&request, planned, console).await?,
        (Which::Named(_), Mode::Create) | (Which::All, _) => None,
    };
    let BakeArgs { no_verify, no_roll, take_over, output, jobs, .. } = args;
    if !no_roll {
        let has_work = |template: &&&Template| {
            let planned = plan.as_ref().map(|plan| plan.iter());
            let planned = planned.and_then(|mut all| all.find(|it| it.template == template.name));
            planned.is_none_or(|it| matches!(it.todo, Todo::Bake | Todo::Distribute | Todo::Roll))
        };
        let mut concerned = templates.iter().filter(has_work);
        concerned.try_for_each(|template| check_consumers(template, jenkins.as_ref()))?;
    }
    let job = Job {
        config: &config,
        cloud: &cloud,
        mode,
        on_failure: match args.on_failure {
            OnFailureArg::Terminate => OnFailure::Terminate,
            OnFailureArg::Keep => OnFailure::Keep,
        },
        verify: !no_verify,
        rolls: !no_roll,
        take_over,
        jenkins: jenkins.as_ref(),
        holdings,
        cancel,
        console,
        one_roll: Arc::default(),
    };
    bakes::run(&job, &templates, plan.as_deref(), jobs.into(), output).await
}

/// Of templates that are distributed: those that are not baked, as only that was not finished.
async fn unfinished(
    request: &PlanRequest<'_>,
    planned: impl AsyncFn(&PlanRequest<'_>) -> Result<Vec<Planned>, Failure>,
    console: &Console,
) -> Result<Option<Vec<Planned>>, Failure> {
    let mut distributed = request.templates.to_vec();
    distributed.retain(|template| template.distribution.is_something());
    if distributed.is_empty() {
        return Ok(None);
    }
    let request = PlanRequest { templates: &distributed, with_consumers: false, ..*request };
    let mut plan = planned(&request).await?;
    // A region that cannot be asked is no reason to bake: it would be one at each repeat.
    let is_unknown = |it: &Planned| {
        let of_region = |unknown: &Unknown| matches!(unknown, Unknown::Region { .. });
        it.todo == Todo::Unknown && it.unknown.iter().all(of_region)
    };
    plan.retain(|it| it.todo == Todo::Distribute || is_unknown(it));
    for it in plan.iter().filter(|it| is_unknown(it)) {
        console.message(&format!(
            "{}: no new AMI is baked while a region cannot be asked; `amiable update --all --force` \
             bakes all templates all the same",
            it.template
        ));
    }
    for it in plan.iter().filter(|it| it.todo == Todo::Distribute) {
        let why = why(it).join("; ");
        console.message(&format!(
            "{}: no new AMI is baked, as only this is left to do: {why}",
            it.template
        ));
    }
    Ok(Some(plan))
}

/// Refuses to bake what could not be rolled in the end.
fn check_consumers(template: &Template, jenkins: Option<&JenkinsServer>) -> Outcome {
    let failed = ami_lifecycle::examine_consumers(template, jenkins);
    let Some((consumer, error)) = failed.first() else { return Ok(()) };
    let text = format!("{}: {consumer}: {}", template.name, failure::chain(error));
    let hint = error.hint().unwrap_or_else(|| "--no-roll bakes all the same".into());
    Err(Failure::usage(text).hint(hint))
}

/// What is common to all bakes of a call.
pub(super) struct Job<'a> {
    config: &'a Config,
    cloud: &'a Cloud,
    mode: Mode,
    on_failure: OnFailure,
    verify: bool,
    /// Whether consumers are rolled.
    rolls: bool,
    take_over: bool,
    jenkins: Option<&'a JenkinsServer>,
    holdings: Holdings,
    pub(super) cancel: CancellationToken,
    pub(super) console: &'a Console,
    /// Held while consumers are rolled: several templates may be in one file.
    one_roll: Arc<tokio::sync::Mutex<()>>,
}

impl Job<'_> {
    /// `below` is the new AMI of the template that it is based on.
    pub(super) async fn bake(
        &self,
        template: &Template,
        below: Option<String>,
    ) -> Result<Baked, Failure> {
        let (log, log_path) = open_log(&template.name)?;
        let view = Arc::new(BakeView::new(&template.name, self.console, log));
        let is_gone = |owner: &str| self.take_over || surroundings::is_gone(owner);
        let outcome = ami_lifecycle::bake(BakeRequest {
            cloud: self.cloud,
            namespace: &self.config.namespace,
            pattern: &self.config.pattern,
            template,
            consumers: connect::consumers(self.config, self.jenkins),
            below,
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
        let outcome = outcome.map_err(|failed| self.failed(template, &failed, &log_path));
        view.finish();
        match &outcome {
            Ok(baked) => self.console.message(&done_text(&template.name, baked)),
            Err(failure) => view.log_failure(failure),
        }
        outcome
    }

    /// What there is now.
    pub(super) async fn fleet(&self) -> Result<Arc<Fleet>, Failure> {
        Ok(self.cloud.fleet(&self.config.namespace).await?)
    }

    /// Does what comes when an AMI has become current. `fleet` is what there is, where that
    /// is known.
    pub(super) async fn finish(
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
            let text = "stays pending: the same command goes on with it, `amiable delete` has it baked anew";
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

/// What consumers are to name. EC2 may not show it as it is yet.
pub(super) fn target_of(template: &Template, baked: &Baked) -> RollTarget {
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
    let opened = std::fs::create_dir_all(&folder).and_then(|()| {
        // A script may print what others should not read.
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)
    });
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
                "log in: ssh -i {} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={}{} -p {} {}@{}",
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
         amiable-deadline.timer` on it; after that time `amiable sweep` removes it",
        kept.until.strftime("%Y-%m-%d %H:%M UTC")
    ));
    lines.push(format!("and end it: aws ec2 terminate-instances --instance-ids {}", kept.instance));
    lines
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
