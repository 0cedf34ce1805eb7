//! `amiable prune`.

use std::time::Duration;

use ami_lifecycle::{
    Ami, Decision, Deletion, InRegion, KeepReason, NotDeleted, NotPruned, Objection, Place,
    PruneRequest, Pruned, RegionPrune, RetireStep, Retirement,
};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::delete::{complain_left, tell};
use super::sweep::{as_json, line, tell_leftover};
use crate::args::{Global, Output};
use crate::ask::confirm;
use crate::commands::support::{chosen, load_config_for};
use crate::complete;
use crate::config::parse_days;
use crate::config::settings::{Config, Need};
use crate::connect::{self, mark};
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};
use crate::render::json::json;
use crate::render::table;
use crate::surroundings;

/// Delete the AMIs that no rule keeps, and the leftovers of dead bakes
///
/// Keeps the current AMI of each template, the `keep` AMIs before it, AMIs younger than
/// `keep_younger`, and AMIs that anything uses, names or protects. The rest is shown, and deleted
/// after confirmation. If the users of an AMI could not be determined, nothing is deleted.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable prune --explain\n  amiable prune --keep 5 --younger 30d --yes"
)]
pub(crate) struct PruneArgs {
    /// Only AMIs of these templates [default: all]
    #[arg(value_name = "TEMPLATE", add = ArgValueCompleter::new(complete::templates))]
    templates: Vec<String>,
    /// How many AMIs to keep before the current one; overrides the configuration
    #[arg(long, value_name = "N")]
    keep: Option<u64>,
    /// Keep AMIs younger than this, such as 30d; overrides the configuration
    #[arg(long, value_name = "AGE")]
    younger: Option<String>,
    /// Delete at most this many AMIs
    #[arg(long, value_name = "N", default_value_t = 25)]
    limit: usize,
    /// Show for every AMI why it is kept or deleted; delete nothing
    #[arg(long)]
    explain: bool,
    /// Do not ask for confirmation
    #[arg(long, short, conflicts_with = "explain")]
    yes: bool,
    /// Show what would be deleted; delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn prune(args: PruneArgs, global: &Global, console: &Console) -> Outcome {
    let mut config = load_config_for(global, Need::Look)?;
    let only: Vec<String> =
        chosen(&args.templates, &config)?.into_iter().map(|it| it.name.clone()).collect();
    override_rules(&args, &mut config)?;
    let cloud = connect::cloud(&config, console).await?;
    let jenkins = connect::jenkins(&config);
    let request = PruneRequest {
        cloud: &cloud,
        consumers: connect::consumers(&config, jenkins.as_ref()),
        only: &only,
        is_gone: &surroundings::is_gone,
        limit: args.limit,
    };
    let plans = ami_lifecycle::plan_prune(&request).await?;
    show(&args, &plans, console);
    for RegionPrune { place, dangling, .. } in &plans {
        dangling
            .iter()
            .for_each(|text| console.complain(&format!("warning: {}{text}", place.prefix())));
    }
    let mut well = tell_of_accounts(&plans, console);
    let refused = |error| not_pruned(error, console);
    ami_lifecycle::check_prune(&plans).map_err(refused)?;
    let ended = |well: bool| if well { Ok(()) } else { Err(Failure::told(Status::Failed)) };
    if args.explain || args.dry_run {
        return ended(well);
    }
    let is_empty = |it: &RegionPrune| {
        it.deletions.is_empty() && it.retirements.is_empty() && it.left.is_empty()
    };
    if plans.iter().all(is_empty) {
        console.message("nothing to delete");
        return ended(well);
    }
    let deletes = plans.iter().any(|it| !it.deletions.is_empty() || !it.left.is_empty());
    if deletes {
        confirm(console, args.yes, "Delete them?", "nothing was deleted")?
    } else {
        confirm(console, args.yes, "Retire them?", "nothing was changed")?
    }
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    let actor = surroundings::actor(&operator, &owner);
    let told = |place: &Place, pruned: Pruned<'_>| well &= tell_of(place, pruned, console);
    let carried_out = ami_lifecycle::carry_out_prune(&request, &plans, actor, console, told).await;
    carried_out.map_err(refused)?;
    ended(well)
}

/// Tells what became of a part; `false` where it failed.
fn tell_of(place: &Place, pruned: Pruned<'_>, console: &Console) -> bool {
    match pruned {
        // That is what the second look is for.
        Pruned::Ami(Deletion { ami, .. }, Err(NotDeleted::InUse)) => {
            console.complain(&format!("{ami} is kept: it has come into use meanwhile"));
            true
        }
        Pruned::Ami(Deletion { ami, .. }, Err(NotDeleted::Objected(Objection::Used(user))))
        | Pruned::Retired(
            Retirement { ami: Ami { ami, .. }, .. },
            Err(NotDeleted::Objected(Objection::Used(user))),
        ) => {
            console.complain(&format!("{ami} is unchanged: {user}"));
            true
        }
        Pruned::Retired(Retirement { ami, .. }, Err(NotDeleted::InUse)) => {
            console.complain(&format!("{} is unchanged: it has come into use meanwhile", ami.ami));
            true
        }
        Pruned::Retired(retirement, done) => tell_of_retirement(place, retirement, done, console),
        Pruned::Ami(deletion, done) => tell(place, &deletion.ami, done, console),
        Pruned::Leftover(leftover, done) => tell_leftover(place, leftover, done, console),
    }
}

fn tell_of_retirement(
    place: &Place,
    Retirement { ami, step }: &Retirement,
    done: Result<(), NotDeleted>,
    console: &Console,
) -> bool {
    let id = &ami.ami;
    match done {
        Ok(()) => {
            console.message(&match step {
                RetireStep::Deprecate => format!("deprecated {id} ({})", ami.name),
                RetireStep::Disable => format!("disabled {id} ({})", ami.name),
                RetireStep::TakeBack => {
                    format!("restored {id} ({}) from retirement: it is needed", ami.name)
                }
                RetireStep::Delete => format!("deleted {id} ({})", ami.name),
            });
            true
        }
        Err(error) => {
            complain_left(place, id, error, console);
            false
        }
    }
}

/// Tells which AMIs only stay as it is not known which other accounts use them; `false` where that could not
/// be looked up.
fn tell_of_accounts(plans: &[RegionPrune], console: &Console) -> bool {
    let mut well = true;
    for plan in plans {
        for fate in &plan.fates {
            for kept in &fate.kept {
                let text = format!("{}{} is kept: {kept}", plan.place.prefix(), fate.ami);
                match kept {
                    KeepReason::Objected(Objection::NotReported(_)) => console.message(&text),
                    KeepReason::Objected(Objection::OtherAccounts(_)) => {
                        well = false;
                        console.complain(&format!("error: {text}"));
                    }
                    _ => {}
                }
            }
        }
    }
    well
}

fn not_pruned(error: NotPruned, console: &Console) -> Failure {
    let unknown = match error {
        NotPruned::Cloud(error) => return error.into(),
        NotPruned::Unknown(unknown) => unknown,
    };
    for InRegion { region, error } in unknown {
        let region = region.map(|region| format!("{region}: ")).unwrap_or_default();
        console.complain(&format!("error: {region}{error}"));
    }
    Failure::failed("nothing is deleted").hint(
        "what cannot be looked up may use any of them; `amiable delete --force` deletes an AMI \
         anyway",
    )
}

fn override_rules(args: &PruneArgs, config: &mut Config) -> Outcome {
    let younger = match &args.younger {
        None => None,
        Some(text) if matches!(text.as_str(), "0" | "0s" | "0m" | "0h" | "0d" | "0w") => {
            Some(Duration::ZERO)
        }
        Some(text) => Some(parse_days(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is not an age")).hint("write 30d, 6w or 36h")
        })?),
    };
    for template in &mut config.templates {
        template.keep.before = args.keep.unwrap_or(template.keep.before);
        template.keep.younger = younger.unwrap_or(template.keep.younger);
    }
    Ok(())
}

fn show(args: &PruneArgs, plans: &[RegionPrune], console: &Console) {
    let fates = || plans.iter().flat_map(|it| it.fates.iter().map(move |fate| (it, fate)));
    let left = || plans.iter().flat_map(|it| it.left.iter().map(|left| (&it.place, left)));
    if args.output == Output::Json {
        let marked = |(plan, fate): (&RegionPrune, &Decision)| {
            let value = serde_json::to_value(fate).expect("results have string keys only");
            mark(&plan.place, value)
        };
        let amis: Vec<serde_json::Value> = fates().map(marked).collect();
        let left: Vec<serde_json::Value> = left().map(as_json).collect();
        return console.result(&json(&serde_json::json!({ "amis": amis, "leftovers": left })));
    }
    let shown = fates()
        .filter(|(_, it)| args.explain || it.is_going() || it.step == Some(RetireStep::TakeBack));
    let with_region = plans.len() > 1;
    let rows = shown.map(|(plan, fate)| {
        let mut row = row(fate);
        if with_region {
            row.insert(1, plan.place.cloud.region().to_owned());
        }
        row
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        let mut titles =
            vec!["AMI", "TEMPLATE", "GEN", "STATUS", "CREATED (UTC)", "VERDICT", "WHY"];
        if with_region {
            titles.insert(1, "REGION");
        }
        console.result(&table(&titles, &rows));
    }
    left().for_each(|(place, it)| console.result(&line(place, it)));
    let going = fates().filter(|(_, it)| it.is_deleted()).count();
    let retired = fates().filter(|(_, it)| it.is_going()).count() - going;
    let retired = if retired > 0 { format!(", {retired} to retire first") } else { String::new() };
    let (all, left) = (fates().count(), left().count());
    console.message(&format!(
        "{going} of {all} AMIs to delete{retired}; {left} leftovers of dead bakes"
    ));
}

fn row(fate: &Decision) -> Vec<String> {
    let why = if fate.is_going() {
        fate.goes.as_ref().map(ToString::to_string).unwrap_or_default()
    } else {
        fate.kept.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    vec![
        fate.ami.clone().into(),
        fate.template.clone(),
        fate.generation.to_string(),
        fate.status.as_str().into(),
        fate.created.get(..16).unwrap_or(&fate.created).replace('T', " "),
        match (fate.is_going(), fate.step) {
            (true, Some(RetireStep::Deprecate)) => "is deprecated".into(),
            (true, Some(RetireStep::Disable)) => "is disabled".into(),
            (true, _) => "goes".into(),
            (false, Some(RetireStep::TakeBack)) => "is restored".into(),
            (false, _) => "kept".into(),
        },
        why,
    ]
}
