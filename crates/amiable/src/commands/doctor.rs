//! `amiable doctor`.

use ami_lifecycle::{Check, Verdict};
use clap::Args;

use super::{Outcome, json, load_config};
use crate::cli::{Global, Output};
use crate::config::Config;
use crate::connect;
use crate::console::Console;
use crate::failure::{Failure, Status};

/// Check credentials, region, network, bases, quotas and rights, without doing anything
///
/// Each right of EC2's that the commands need is asked for by its DryRun. Exit status 1 when something is to be done.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn doctor(args: DoctorArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config(global)?;
    let cloud = connect::cloud(&config.cloud, console).await?;
    let Config { namespace, pattern, templates, .. } = &config;
    let checks = ami_lifecycle::examine_readiness(&cloud, namespace, pattern, templates).await;
    match args.output {
        Output::Json => console.result(&json(&checks)),
        Output::Text => {
            for check in &checks {
                console.result(&text(check));
            }
        }
    }
    let failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
    if failed { Err(Failure::told(Status::Failed)) } else { Ok(()) }
}

fn text(check: &Check) -> String {
    let verdict = match check.verdict {
        Verdict::Ok => "ok",
        Verdict::Failed => "FAILED",
        Verdict::Unknown => "unknown",
    };
    let text = format!("{verdict:<8}{:<44}{}", check.name, check.detail);
    match check.hint {
        Some(hint) => format!("{text}\n        hint: {hint}"),
        None => text,
    }
}
