//! `amiable create` and `amiable update`.

use std::sync::Arc;

use ami_lifecycle::{
    Holdings, JenkinsServer, Mode, OnFailure, PlanRequest, Planned, Template, Todo, Unknown,
};
use clap::{ArgGroup, Args, ValueEnum};
use jiff::Timestamp;

use super::bakes;
use super::plan::why;
use crate::args::{Global, Output};
use crate::commands::bakes::job::Job;
use crate::commands::support::{chosen, load_config};
use crate::console::Console;
use crate::failure::{self, Failure, Outcome, Status};
use crate::{connect, interrupt};

/// Bake the first AMI of a template
///
/// Starts an instance from the base AMI, checks out the source, runs the init script, seals
/// and stops the machine, and makes an AMI of it, which is verified and becomes current. The
/// new AMI's id is printed on standard output. A bake that was killed is resumed where
/// possible.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Templates of the configuration
    #[arg(required = true, value_name = "TEMPLATE")]
    templates: Vec<String>,
    #[command(flatten)]
    bake: BakeArgs,
}

/// Bake the next AMI of a template; the current one is kept as a backup
///
/// If anything fails, the current AMI stays current. A template without one gets its first.
/// Templates are baked in parallel, base templates first; one that fails stops only the
/// templates based on it. With --all, only the templates that `amiable plan` shows as out of
/// date are baked.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["templates", "all"])))]
pub(crate) struct UpdateArgs {
    /// Templates of the configuration
    #[arg(value_name = "TEMPLATE")]
    templates: Vec<String>,
    /// All templates that `amiable plan` finds out of date
    #[arg(long)]
    all: bool,
    /// With --all: also bake templates that are up to date
    #[arg(long, requires = "all", conflicts_with = "templates")]
    force: bool,
    #[command(flatten)]
    bake: BakeArgs,
}

#[derive(Debug, Args)]
struct BakeArgs {
    /// How many templates to bake at the same time
    #[arg(long, short, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Leave the new AMI pending: `amiable verify` verifies it later and makes it current
    #[arg(long)]
    no_verify: bool,
    /// Do not roll: consumers keep the AMI that they name now
    #[arg(long)]
    no_roll: bool,
    /// Continue even though another bake of the template seems to be running: it is dead
    #[arg(long)]
    take_over: bool,
    /// What happens to the instance when the bake fails
    #[arg(long, value_enum, default_value = "terminate")]
    on_failure: OnFailureArg,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnFailureArg {
    /// Terminate it
    Terminate,
    /// Keep it, and print how to log in
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
                let text = "interrupted during planning: nothing was started";
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
            "{}: no new AMI is baked while a region cannot be reached; `amiable update --all --force` \
             bakes all templates anyway",
            it.template
        ));
    }
    for it in plan.iter().filter(|it| it.todo == Todo::Distribute) {
        let why = why(it).join("; ");
        console
            .message(&format!("{}: no new AMI is needed; only this remains: {why}", it.template));
    }
    Ok(Some(plan))
}

/// Refuses to bake what could not be rolled in the end.
fn check_consumers(template: &Template, jenkins: Option<&JenkinsServer>) -> Outcome {
    let failed = ami_lifecycle::examine_consumers(template, jenkins);
    let Some((consumer, error)) = failed.first() else { return Ok(()) };
    let text = format!("{}: {consumer}: {}", template.name, failure::chain(error));
    let hint = error.hint().unwrap_or_else(|| "--no-roll bakes anyway".into());
    Err(Failure::usage(text).hint(hint))
}
