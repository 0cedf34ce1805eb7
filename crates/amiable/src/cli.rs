//! The command line.

use clap::{Parser, Subcommand};

use crate::args::Global;
use crate::commands::{
    create, delete, doctor, iam_policy, info, init, jenkins, list, plan, prune, report, restore,
    roll, rollback, shell, sweep, validate, verify,
};
use crate::local;

/// Bakes and keeps the AMIs that CI build agents boot from
///
/// Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 changes are pending
/// (`plan --exit-code`), 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "amiable", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::CreateArgs),
    Update(create::UpdateArgs),
    Plan(plan::PlanArgs),
    List(list::ListArgs),
    Delete(delete::DeleteArgs),
    Info(info::InfoArgs),
    Verify(verify::VerifyArgs),
    Rollback(rollback::RollbackArgs),
    Roll(roll::RollArgs),
    Prune(prune::PruneArgs),
    Restore(restore::RestoreArgs),
    Report(report::ReportArgs),
    Sweep(sweep::SweepArgs),
    Doctor(doctor::DoctorArgs),
    IamPolicy(iam_policy::IamPolicyArgs),
    Init(init::InitArgs),
    Validate(validate::ValidateArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
    Schema(shell::SchemaArgs),
    #[command(subcommand)]
    Jenkins(jenkins::JenkinsCommand),
    /// The EC2-compatible endpoint of this machine
    #[command(subcommand)]
    Local(local::LocalCommand),
}
