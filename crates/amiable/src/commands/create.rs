//! `amiable create` and `amiable update`.

use std::sync::Arc;

use ami_lifecycle::{Event, Goal, Holdings, Mode, NotUpdated, OnFailure, Selection, UpdateRequest};
use clap::{ArgGroup, Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use crate::args::{Global, Output};
use crate::commands::bakes::Telling;
use crate::commands::support::{chosen, load_config};
use crate::complete;
use crate::console::Console;
use crate::failure::{self, Failure, Outcome, Status};
use crate::{connect, interrupt, surroundings};

/// Bake the first AMI of a template
///
/// Starts an instance from the base AMI, checks out the source, runs the init script, seals
/// and stops the machine, and makes an AMI of it, which is verified and becomes current. The
/// new AMI's id is printed on standard output. A bake that was killed is resumed where
/// possible.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable create agent\n  amiable create agent --on-failure keep\n  amiable create agent --no-ami"
)]
pub(crate) struct CreateArgs {
    /// Templates of the configuration
    #[arg(required = true, value_name = "TEMPLATE", add = ArgValueCompleter::new(complete::templates))]
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
#[command(
    after_long_help = "Examples:\n  amiable update agent\n  amiable update --all --jobs 8\n  amiable update --all --output json > summary.json"
)]
#[command(group(ArgGroup::new("which").required(true).args(["templates", "all"])))]
pub(crate) struct UpdateArgs {
    /// Templates of the configuration
    #[arg(value_name = "TEMPLATE", add = ArgValueCompleter::new(complete::templates))]
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
    /// Terminate the sealed machine and make no AMI: to try scripts, as for a pull request
    #[arg(long, conflicts_with_all = ["no_verify", "take_over"])]
    no_ami: bool,
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

impl From<OnFailureArg> for OnFailure {
    fn from(arg: OnFailureArg) -> OnFailure {
        match arg {
            OnFailureArg::Terminate => OnFailure::Terminate,
            OnFailureArg::Keep => OnFailure::Keep,
        }
    }
}

pub(crate) async fn create(args: CreateArgs, global: &Global, console: &Console) -> Outcome {
    let which = (Selection::Named, args.templates);
    bake_all(args.bake, which, Mode::Create, global, console).await
}

pub(crate) async fn update(args: UpdateArgs, global: &Global, console: &Console) -> Outcome {
    let selection = match (args.all, args.force) {
        (false, _) => Selection::Named,
        (true, false) => Selection::OutOfDate,
        (true, true) => Selection::All,
    };
    bake_all(args.bake, (selection, args.templates), Mode::Update, global, console).await
}

/// Which templates are baked: some of these names, or of all.
async fn bake_all(
    args: BakeArgs,
    (selection, names): (Selection, Vec<String>),
    mode: Mode,
    global: &Global,
    console: &Console,
) -> Outcome {
    let config = load_config(global)?;
    let templates = match selection {
        Selection::Named => chosen(&names, &config)?,
        Selection::OutOfDate | Selection::All => config.templates.iter().collect(),
    };
    let jenkins = connect::jenkins(&config);
    let holdings = Holdings::default();
    let cancel = interrupt::cancel_on_signals(console, &holdings);
    let cloud = tokio::select! {
        () = cancel.cancelled() => return Err(Failure::told(Status::Interrupted)),
        cloud = connect::cloud(&config, console) => cloud?,
    };
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    let actor = surroundings::actor(&operator, &owner);
    let unheard = Arc::new(|_: Event| {});
    let request = UpdateRequest {
        context: connect::context(&config, &cloud, actor, unheard, (&holdings, &cancel)),
        pattern: &config.pattern,
        templates: &templates,
        selection,
        consumers: connect::consumers(&config, jenkins.as_ref()),
        mode,
        on_failure: args.on_failure.into(),
        goal: match (args.no_ami, args.no_verify) {
            (true, _) => Goal::Trial,
            (false, true) => Goal::Pending,
            (false, false) => Goal::Current,
        },
        rolls: !args.no_roll && !args.no_ami,
        take_over: args.take_over,
        jobs: args.jobs.into(),
    };
    let telling = Telling::new(&templates, cloud.region(), &cancel, args.output, console);
    ami_lifecycle::update(&request, &telling).await.map_err(not_updated)?;
    telling.end()
}

fn not_updated(error: NotUpdated) -> Failure {
    let text = failure::chain(&error);
    match error {
        NotUpdated::Cancelled => Failure::new(Status::Interrupted, text),
        NotUpdated::Cloud(error) => error.into(),
        NotUpdated::NotRollable { error, .. } => {
            let hint = error.hint().unwrap_or_else(|| "--no-roll bakes anyway".into());
            Failure::usage(text).hint(hint)
        }
    }
}
