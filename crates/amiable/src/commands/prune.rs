//! `amiable prune`.

use std::collections::BTreeSet;

use ami_lifecycle::{
    Cloud, Deletion, Event, Fate, LeftKind, Leftover, PrunePlan, PruneRequest, plan_prune,
};
use clap::Args;
use jiff::Timestamp;

use super::delete::tell;
use super::sweep::{as_json, line, remove};
use super::{Outcome, chosen, confirm, json, load_config_for};
use crate::cli::{Global, Output};
use crate::config::{Config, Need, parse_days};
use crate::connect::Place;
use crate::console::Console;
use crate::failure::{Failure, Status};
use crate::render::table;
use crate::{connect, surroundings};

/// Delete the AMIs that nothing speaks for, and what dead bakes have left
///
/// Kept are the current AMI of each template, `keep` before it, whatever is younger than
/// `keep_younger`, and all that anything uses, names or protects. The rest is shown, and goes
/// after a question. Where the users of an AMI could not be determined, nothing is deleted.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Only AMIs of these templates [default: all]
    #[arg(value_name = "TEMPLATE")]
    templates: Vec<String>,
    /// Keep so many before the current one, whatever the configuration says
    #[arg(long, value_name = "N")]
    keep: Option<u64>,
    /// Keep what is younger, such as 30d, whatever the configuration says
    #[arg(long, value_name = "AGE")]
    younger: Option<String>,
    /// Delete no more than so many AMIs
    #[arg(long, value_name = "N", default_value_t = 25)]
    limit: usize,
    /// Tell of every AMI why it is kept or goes, and delete nothing
    #[arg(long)]
    explain: bool,
    /// Do not ask
    #[arg(long, short, conflicts_with = "explain")]
    yes: bool,
    /// Show what would go, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn prune(args: PruneArgs, global: &Global, console: &Console) -> Outcome {
    let mut config = load_config_for(global, Need::Look)?;
    let only: Vec<String> =
        chosen(&args.templates, &config)?.into_iter().map(|it| it.name.clone()).collect();
    override_rules(&args, &mut config)?;
    let cloud = connect::cloud(&config, console).await?;
    let plans = look(&config, &cloud, &only, args.limit).await?;
    show(&args, &plans, console);
    for planned in &plans {
        for text in &planned.plan.dangling {
            console.complain(&format!("warning: {}{text}", planned.place.prefix()));
        }
    }
    refuse_unknown(&plans, console)?;
    if args.explain || args.dry_run {
        return Ok(());
    }
    if plans.iter().all(|it| it.plan.deletions.is_empty() && it.left.is_empty()) {
        console.message("nothing goes");
        return Ok(());
    }
    confirm(console, args.yes, "Delete them?", "nothing was deleted")?;
    // Whoever was asked may have taken their time: what goes must still go.
    let now = look(&config, &cloud, &only, usize::MAX).await?;
    refuse_unknown(&now, console)?;
    let mut well = true;
    for (mut planned, now) in plans.into_iter().zip(now) {
        let (deletions, left) = (&mut planned.plan.deletions, &mut planned.left);
        deletions.retain(|deletion| {
            let still = now.plan.deletions.iter().any(|it| it.ami == deletion.ami);
            if !still {
                let ami = &deletion.ami;
                console.complain(&format!("{ami} stays: it has come into use meanwhile"));
            }
            still
        });
        left.retain(|it| now.left.iter().any(|now| now.id == it.id));
        well &= carry_out(deletions, &planned.place, console).await;
        well &= remove(left, &planned.place.cloud, console).await;
    }
    if well { Ok(()) } else { Err(Failure::told(Status::Failed)) }
}

/// What is to be done in a region.
struct Planned {
    place: Place,
    plan: PrunePlan,
    left: Vec<Leftover>,
}

/// What goes, and what dead bakes have left, in each region.
async fn look(
    config: &Config,
    cloud: &Cloud,
    only: &[String],
    limit: usize,
) -> Result<Vec<Planned>, Failure> {
    let fleet = cloud.fleet(&config.namespace).await?;
    let jenkins = connect::jenkins(config);
    let holders = connect::consumers(config, jenkins.as_ref()).holders(cloud, &fleet).await;
    let now = Timestamp::now();
    let (mut plans, mut limit) = (Vec::new(), limit);
    for place in connect::places(config, cloud) {
        let (fleet, templates) = match &place.region {
            None => (fleet.clone(), config.templates.clone()),
            Some(region) => {
                let fleet = place.cloud.fleet(&config.namespace).await;
                let there = config.templates.iter().filter_map(|it| it.in_region(region));
                (fleet.map_err(|error| place.failure(error))?, there.collect())
            }
        };
        let request = PruneRequest {
            fleet: &fleet,
            templates: &templates,
            only,
            is_gone: &surroundings::is_gone,
            now,
            limit,
        };
        let plan = plan_prune(&place.cloud, &holders, &request).await;
        limit = limit.saturating_sub(plan.deletions.len());
        let left = leftovers(&place.cloud, config, &plan, only, now).await;
        let left = left.map_err(|failure| place.failure(failure))?;
        plans.push(Planned { place, plan, left });
    }
    Ok(plans)
}

/// What cannot be looked up may use any of them.
fn refuse_unknown(plans: &[Planned], console: &Console) -> Outcome {
    for Planned { place, plan, .. } in plans {
        for (what, why) in &plan.unknown {
            let place = place.prefix();
            let text =
                format!("error: {place}whether {what} use an AMI could not be determined: {why}");
            console.complain(&text);
        }
    }
    match plans.iter().all(|it| it.plan.unknown.is_empty()) {
        true => Ok(()),
        false => Err(Failure::failed("nothing is deleted").hint(
            "what cannot be looked up may use any of them; `amiable delete --force` deletes one \
             all the same",
        )),
    }
}

fn override_rules(args: &PruneArgs, config: &mut Config) -> Outcome {
    let younger = match &args.younger {
        None => None,
        Some(text) => Some(parse_days(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is no age")).hint("write 30d, 6w or 36h")
        })?),
    };
    for template in &mut config.templates {
        template.keep.before = args.keep.unwrap_or(template.keep.before);
        template.keep.younger = younger.unwrap_or(template.keep.younger);
    }
    Ok(())
}

/// What dead bakes have left besides AMIs, which have fates of their own.
async fn leftovers(
    cloud: &Cloud,
    config: &Config,
    plan: &PrunePlan,
    only: &[String],
    now: Timestamp,
) -> Result<Vec<Leftover>, Failure> {
    let is_gone = &surroundings::is_gone;
    let mut left = ami_lifecycle::find_leftovers(cloud, &config.namespace, is_gone, now).await?;
    let going: BTreeSet<&str> = plan.deletions.iter().map(|it| it.ami.as_str()).collect();
    left.retain(|it| {
        it.kind != LeftKind::Image
            && !going.contains(it.id.as_str())
            && (only.is_empty() || only.contains(&it.template))
    });
    Ok(left)
}

fn show(args: &PruneArgs, plans: &[Planned], console: &Console) {
    let fates = || plans.iter().flat_map(|it| it.plan.fates.iter().map(move |fate| (it, fate)));
    let left = || plans.iter().flat_map(|it| it.left.iter().map(|left| (&it.place, left)));
    if args.output == Output::Json {
        let mark = |(planned, fate): (&Planned, &Fate)| {
            let value = serde_json::to_value(fate).expect("results have string keys only");
            planned.place.mark(value)
        };
        let amis: Vec<serde_json::Value> = fates().map(mark).collect();
        let left: Vec<serde_json::Value> = left().map(as_json).collect();
        return console.result(&json(&serde_json::json!({ "amis": amis, "leftovers": left })));
    }
    let shown = fates().filter(|(_, it)| args.explain || it.is_going());
    let with_region = plans.len() > 1;
    let rows = shown.map(|(planned, fate)| {
        let mut row = row(fate);
        if with_region {
            row.insert(1, planned.place.cloud.region().to_owned());
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
    let going = fates().filter(|(_, it)| it.is_going()).count();
    let (all, left) = (fates().count(), left().count());
    console.message(&format!("of {all} AMIs {going} go; {left} left by dead bakes"));
}

fn row(fate: &Fate) -> Vec<String> {
    let why = match fate.is_going() {
        true => fate.goes.as_ref().map(ToString::to_string).unwrap_or_default(),
        false => fate.kept.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    vec![
        fate.ami.clone(),
        fate.template.clone(),
        fate.generation.to_string(),
        fate.status.as_str().into(),
        fate.created.get(..16).unwrap_or(&fate.created).replace('T', " "),
        if fate.is_going() { "goes".into() } else { "kept".into() },
        why,
    ]
}

/// Deletes AMIs; returns whether all that was to go is gone.
async fn carry_out(deletions: &[Deletion], place: &Place, console: &Console) -> bool {
    let mut well = true;
    let observer = |event: Event| {
        if let Event::Note(text) = event {
            console.message(&text);
        }
    };
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    let actor = surroundings::actor(&operator, &owner);
    for deletion in deletions {
        match ami_lifecycle::delete(&place.cloud, deletion, actor, &observer).await {
            Ok(deleted) => well &= tell(&deletion.ami, deleted, console),
            Err(error) => {
                well = false;
                let mut failure = place.failure(error);
                failure.message = format!("{} is left: {}", deletion.ami, failure.message);
                console.complain(&failure.text());
            }
        }
    }
    well
}
