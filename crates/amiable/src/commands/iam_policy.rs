//! `amiable iam-policy`.

use ami_lifecycle::{Operation, PolicyRequest};
use clap::{Args, ValueEnum};

use crate::args::Global;
use crate::commands::support::load_config;
use crate::console::Console;
use crate::failure::Outcome;
use crate::render::json::json;

/// Print the smallest IAM policy that the given commands need
///
/// The policy is JSON and covers the templates of the configuration. No AWS call is made.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable iam-policy > policy.json\n  amiable iam-policy update doctor"
)]
pub(crate) struct IamPolicyArgs {
    /// Commands to allow [default: all]
    #[arg(value_enum, value_name = "COMMAND")]
    commands: Vec<Permitted>,
    /// Allow changes only to resources that are tagged with the configuration's namespace
    ///
    /// `amiable doctor` cannot check such permissions, because it asks about resources that do
    /// not exist; and `delete --force` then works inside the namespace only.
    #[arg(long)]
    by_tag: bool,
}

/// A command that needs permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Permitted {
    Create,
    Update,
    Plan,
    List,
    Info,
    Roll,
    Delete,
    Prune,
    Report,
    Restore,
    Adopt,
    Verify,
    Rollback,
    Sweep,
    Doctor,
}

impl Permitted {
    fn operation(self) -> Operation {
        match self {
            Permitted::Create | Permitted::Update => Operation::Bake,
            Permitted::Plan => Operation::Plan,
            Permitted::List => Operation::Look,
            Permitted::Info => Operation::Info,
            Permitted::Roll => Operation::Roll,
            Permitted::Delete => Operation::Delete,
            Permitted::Prune => Operation::Prune,
            Permitted::Report => Operation::Report,
            Permitted::Restore => Operation::Restore,
            Permitted::Adopt => Operation::Adopt,
            Permitted::Verify => Operation::Verify,
            Permitted::Rollback => Operation::Rollback,
            Permitted::Sweep => Operation::Sweep,
            Permitted::Doctor => Operation::Doctor,
        }
    }
}

/// The operations of these commands; all, if there are none.
pub(super) fn operations(commands: &[Permitted]) -> Vec<Operation> {
    if commands.is_empty() {
        return Operation::ALL.to_vec();
    }
    commands.iter().map(|command| command.operation()).collect()
}

pub(crate) fn iam_policy(args: IamPolicyArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config(global)?;
    let operations = operations(&args.commands);
    let policy = ami_lifecycle::policy(&PolicyRequest {
        operations: &operations,
        templates: &config.templates,
        pattern: &config.pattern,
        only: args.by_tag.then_some(&config.namespace),
        region: config.cloud.region.as_deref().unwrap_or_default(),
    });
    console.result(&json(&policy));
    Ok(())
}
