//! The command line.

use clap::{Parser, Subcommand};

use crate::args::Global;
use crate::commands::{
    adopt, create, delete, doctor, iam_policy, info, init, jenkins, list, packer, plan, prune,
    report, restore, roll, rollback, shell, sweep, validate, verify,
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
    Adopt(adopt::AdoptArgs),
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
    #[command(subcommand)]
    Packer(packer::PackerCommand),
    /// The EC2-compatible endpoint of this machine
    #[command(subcommand)]
    Local(local::LocalCommand),
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;

    use super::*;

    /// docs/reference/commands.md is written by this test.
    #[test]
    fn the_reference_is_what_the_command_line_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/commands.md");
        let text = reference();
        if std::env::var_os("AMIABLE_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, text, "docs/reference/commands.md is to be written anew");
    }

    /// The help of each command.
    fn reference() -> String {
        let mut program = Cli::command().term_width(90);
        program.build();
        let mut text = String::from(
            "# Commands\n\nThe tests write this page from the program: each part is what `--help` \
             prints.\n",
        );
        add(&mut program, &mut text);
        text
    }

    fn add(command: &mut clap::Command, text: &mut String) {
        let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
        let help = command.render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        *text += &format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
        for below in command.get_subcommands_mut() {
            if below.get_name() != "help" && !below.is_hide_set() {
                add(below, text);
            }
        }
    }
}
