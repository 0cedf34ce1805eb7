//! `amiable doctor`.

use std::collections::{BTreeMap, BTreeSet};

use ami_lifecycle::{Check, Connect, ConsumerState, Sight, Template, Variable, Verdict};
use clap::Args;

use crate::args::{Global, Output};
use crate::commands::iam_policy::{Permitted, operations};
use crate::commands::support::load_config;
use crate::config::settings::Config;
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};
use crate::render::json::json;
use crate::{connect, surroundings};

/// Check credentials, region, network, bases, quotas and permissions; change nothing
///
/// Checks each EC2 permission that the commands need with EC2's DryRun. The exit status is 1
/// when something needs attention.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable doctor\n  amiable doctor update    # with the permissions of `amiable iam-policy update doctor`"
)]
pub(crate) struct DoctorArgs {
    /// Check the permissions for these commands only [default: all]
    #[arg(value_enum, value_name = "COMMAND")]
    pub(super) commands: Vec<Permitted>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    pub(super) output: Output,
}

pub(crate) async fn doctor(args: DoctorArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config(global)?;
    let cloud = connect::cloud(&config, console).await?;
    let Config { namespace, pattern, templates, .. } = &config;
    let operations = operations(&args.commands);
    let naming = (namespace, pattern);
    let mut checks = ami_lifecycle::examine_readiness(&cloud, naming, templates, &operations).await;
    checks.extend(programs(templates));
    checks.extend(variables(templates));
    if let Ok(fleet) = cloud.fleet(namespace).await {
        let jenkins = connect::jenkins(&config);
        let consumers = connect::consumers(&config, jenkins.as_ref());
        checks.extend(consumers.states(&cloud, &fleet).await.iter().map(check));
    }
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

/// The programs that connect to machines must be on this machine.
fn programs(templates: &[Template]) -> Vec<Check> {
    let ways = templates.iter().filter_map(|template| template.reach.connect.as_ref());
    let programs: BTreeSet<&str> = ways.flat_map(Connect::programs).collect();
    let look = |program: &str| {
        let found = surroundings::program(program);
        let verdict = if found.is_some() { Verdict::Ok } else { Verdict::Failed };
        let missing = || format!("{program} is not on this machine");
        let detail = found.map_or_else(missing, |path| path.display().to_string());
        Check { name: format!("program: {program}"), verdict, detail, hint: None }
    };
    programs.into_iter().map(look).collect()
}

/// Variables that scripts are given from the environment must be there. Programs that print others are
/// not run for that.
fn variables(templates: &[Template]) -> Vec<Check> {
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for template in templates {
        for variable in template.env.values() {
            if let Variable::FromEnv(name) = variable {
                wanted.entry(name).or_default().insert(&template.name);
            }
        }
    }
    let look = |(name, templates): (&str, BTreeSet<&str>)| {
        let is_there = surroundings::variable(name).is_some();
        let verdict = if is_there { Verdict::Ok } else { Verdict::Failed };
        let by = templates.into_iter().collect::<Vec<&str>>().join(", ");
        let detail = match is_there {
            true => "is set".to_owned(),
            false => format!("is not set, or empty; needed by `env` of {by}"),
        };
        Check { name: format!("variable: {name}"), verdict, detail, hint: None }
    };
    wanted.into_iter().map(look).collect()
}

/// A consumer must be readable.
fn check(state: &ConsumerState) -> Check {
    let (verdict, detail) = match &state.sight {
        Sight::Names(namings) => {
            let mut amis: Vec<&str> = namings.iter().map(|naming| naming.ami.as_str()).collect();
            amis.dedup();
            (Verdict::Ok, if amis.is_empty() { "nothing yet".into() } else { amis.join(", ") })
        }
        Sight::Silent => (Verdict::Ok, "is notified, and cannot be queried".into()),
        Sight::Unreadable(error) => (Verdict::Failed, error.clone()),
    };
    let name = format!("{}: {}", state.template, state.consumer);
    Check { name, verdict, detail, hint: None }
}

fn text(check: &Check) -> String {
    let verdict = match check.verdict {
        Verdict::Ok => "ok",
        Verdict::Failed => "FAILED",
        Verdict::Unknown => "unknown",
    };
    let name = format!("{:<42}  ", check.name);
    let text = format!("{verdict:<8}{name}{}", check.detail);
    match &check.hint {
        Some(hint) => format!("{text}\n        hint: {hint}"),
        None => text,
    }
}
