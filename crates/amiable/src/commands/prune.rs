//! `amiable prune`.

use std::collections::BTreeSet;

use ami_lifecycle::{
    Cloud, Deletion, Event, Fate, LeftKind, Leftover, PrunePlan, PruneRequest, plan_prune,
};
use clap::Args;
use jiff::Timestamp;

use super::delete::tell;
use super::sweep::{line, remove};
use super::{Outcome, chosen, confirm, json, load_config_for};
use crate::cli::{Global, Output};
use crate::config::{Config, Need, parse_days};
use crate::console::Console;
use crate::failure::{Failure, Status};
use crate::render::table;
use crate::{connect, surroundings};

/// Delete the AMIs that nothing speaks for, and what dead bakes have left
///
/// Kept are the current AMI of each template, `keep` before it, whatever is younger than
/// `keep_younger`, and all that anything uses, names or protects. The rest is shown, and goes
/// after a question. When it cannot be told who uses an AMI, nothing goes.
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
    let cloud = connect::cloud(&config.cloud, console).await?;
    let (plan, left) = look(&config, &cloud, &only, args.limit).await?;
    show(&args, &plan, &left, console);
    refuse_unknown(&plan, console)?;
    if args.explain || args.dry_run {
        return Ok(());
    }
    if plan.deletions.is_empty() && left.is_empty() {
        console.message("nothing goes");
        return Ok(());
    }
    confirm(console, args.yes, "Delete them?", "nothing was deleted")?;
    // Whoever was asked may have taken their time: what goes must still go.
    let (now, left_now) = look(&config, &cloud, &only, usize::MAX).await?;
    refuse_unknown(&now, console)?;
    let mut going = Vec::new();
    for deletion in plan.deletions {
        match now.deletions.iter().any(|it| it.ami == deletion.ami) {
            true => going.push(deletion),
            false => {
                console
                    .complain(&format!("{} stays: it has come into use meanwhile", deletion.ami));
            }
        }
    }
    let left: Vec<Leftover> =
        left.into_iter().filter(|it| left_now.iter().any(|now| now.id == it.id)).collect();
    let well = carry_out(&going, &cloud, console).await;
    let swept = remove(&left, &cloud, console).await;
    if well && swept { Ok(()) } else { Err(Failure::told(Status::Failed)) }
}

/// What goes, and what dead bakes have left.
async fn look(
    config: &Config,
    cloud: &Cloud,
    only: &[String],
    limit: usize,
) -> Result<(PrunePlan, Vec<Leftover>), Failure> {
    let fleet = cloud.fleet(&config.namespace).await?;
    let jenkins = connect::jenkins(config);
    let holders = connect::consumers(config, jenkins.as_ref()).holders(cloud, &fleet).await;
    let now = Timestamp::now();
    let request = PruneRequest {
        fleet: &fleet,
        templates: &config.templates,
        only,
        is_gone: &surroundings::is_gone,
        now,
        limit,
    };
    let plan = plan_prune(cloud, &holders, &request).await;
    let left = leftovers(cloud, config, &plan, only, now).await?;
    Ok((plan, left))
}

/// What cannot be looked up may use any of them.
fn refuse_unknown(plan: &PrunePlan, console: &Console) -> Outcome {
    for (what, why) in &plan.unknown {
        console.complain(&format!("error: it cannot be told whether {what} use an AMI: {why}"));
    }
    match plan.unknown.is_empty() {
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

fn show(args: &PruneArgs, plan: &PrunePlan, left: &[Leftover], console: &Console) {
    if args.output == Output::Json {
        let value = serde_json::json!({ "amis": plan.fates, "leftovers": left });
        return console.result(&json(&value));
    }
    let shown = plan.fates.iter().filter(|it| args.explain || it.is_going());
    let rows: Vec<Vec<String>> = shown.map(row).collect();
    if !rows.is_empty() {
        let titles = ["AMI", "TEMPLATE", "GEN", "STATUS", "CREATED (UTC)", "VERDICT", "WHY"];
        console.result(&table(&titles, &rows));
    }
    left.iter().for_each(|it| console.result(&line(it)));
    let going = plan.fates.iter().filter(|it| it.is_going()).count();
    let all = plan.fates.len();
    console.message(&format!("of {all} AMIs {going} go; {} left by dead bakes", left.len()));
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
async fn carry_out(deletions: &[Deletion], cloud: &Cloud, console: &Console) -> bool {
    let mut well = true;
    let observer = |event: Event| {
        if let Event::Note(text) = event {
            console.message(&text);
        }
    };
    for deletion in deletions {
        match ami_lifecycle::delete(cloud, deletion, &observer).await {
            Ok(deleted) => well &= tell(&deletion.ami, deleted, console),
            Err(error) => {
                well = false;
                let mut failure = Failure::from(error);
                failure.message = format!("{} is left: {}", deletion.ami, failure.message);
                console.complain(&failure.text());
            }
        }
    }
    well
}
