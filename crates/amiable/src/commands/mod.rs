//! One command, one file: arguments, and what is done with them.

pub(crate) mod adopt;
mod bakes;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod doctor;
mod finish;
pub(crate) mod iam_policy;
pub(crate) mod info;
pub(crate) mod init;
pub(crate) mod jenkins;
pub(crate) mod list;
pub(crate) mod packer;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod roll;
pub(crate) mod rollback;
pub(crate) mod shell;
mod support;
pub(crate) mod sweep;
pub(crate) mod validate;
pub(crate) mod verify;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::console::Console;
use crate::failure::Outcome;
use crate::local;

/// Runs the command that was requested.
pub(crate) async fn run(cli: Cli, console: &Console) -> Outcome {
    let global = &cli.global;
    match cli.command {
        Command::Create(args) => create::create(args, global, console).await,
        Command::Update(args) => create::update(args, global, console).await,
        Command::Plan(args) => plan::plan(args, global, console).await,
        Command::List(args) => list::list(args, global, console).await,
        Command::Delete(args) => delete::delete(args, global, console).await,
        Command::Verify(args) => verify::verify(args, global, console).await,
        Command::Info(args) => info::info(args, global, console).await,
        Command::Rollback(args) => rollback::rollback(args, global, console).await,
        Command::Roll(args) => roll::roll(args, global, console).await,
        Command::Prune(args) => prune::prune(args, global, console).await,
        Command::Report(args) => report::report(args, global, console).await,
        Command::Restore(args) => restore::restore(args, global, console).await,
        Command::Sweep(args) => sweep::sweep(args, global, console).await,
        Command::Doctor(args) => doctor::doctor(args, global, console).await,
        Command::IamPolicy(args) => iam_policy::iam_policy(args, global, console),
        Command::Init(args) => init::init(args, global, console).await,
        Command::Validate(args) => validate::validate(args, global, console).await,
        Command::Completions(args) => shell::completions(&args, console),
        Command::Man(args) => shell::man(&args, Cli::command(), console),
        Command::Schema(args) => shell::schema(&args, console),
        Command::Adopt(args) => adopt::adopt(args, global, console).await,
        Command::Jenkins(command) => jenkins::run(command, global, console).await,
        Command::Packer(command) => packer::packer(command, console),
        Command::Local(command) => local::run(command, console).await,
    }
}
