//! `amiable sweep`.

use ami_lifecycle::{Cloud, LeftBecause, LeftKind, Leftover};
use clap::Args;
use jiff::Timestamp;

use super::{Outcome, confirm, json, load_config_for};
use crate::cli::{Global, Output};
use crate::config::{Config, Need};
use crate::connect::Place;
use crate::console::Console;
use crate::failure::{Failure, Status};
use crate::{connect, surroundings};

/// Remove what dead bakes and interrupted deletions have left
///
/// Every instance, image and snapshot of a bake carries the process that bakes and the end
/// of its lease. What has outlived one of them belongs to nobody: builders that still run,
/// images that were never made current, snapshots without an image. Whether a process
/// lives is known on the machine where it runs, so what a bake elsewhere owns is never
/// touched before its lease has ended.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn sweep(args: SweepArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config_for(global, Need::Look)?;
    let cloud = connect::cloud(&config, console).await?;
    let (is_gone, now) = (&surroundings::is_gone, Timestamp::now());
    let (mut found, mut well) = (Vec::new(), true);
    for place in connect::places(&config, &cloud) {
        let namespace = &config.namespace;
        match ami_lifecycle::find_leftovers(&place.cloud, namespace, is_gone, now).await {
            Ok(left) => found.push((place, left)),
            // The other regions can be swept all the same.
            Err(error) if config.is_distributed() => {
                well = false;
                console.complain(&place.failure(error).text());
            }
            Err(error) => return Err(error.into()),
        }
    }
    let found = without_named(found, &config, &cloud, console).await?;
    let all = || found.iter().flat_map(|(place, left)| left.iter().map(move |it| (place, it)));
    if args.output == Output::Json {
        console.result(&json(&all().map(as_json).collect::<Vec<_>>()));
    }
    let ended = |well: bool| if well { Ok(()) } else { Err(Failure::told(Status::Failed)) };
    if all().next().is_none() {
        let regions = found.iter().map(|(place, _)| place.cloud.region());
        let regions = regions.collect::<Vec<&str>>().join(", ");
        if !regions.is_empty() {
            let namespace = &config.namespace;
            console.message(&format!("nothing is left in namespace {namespace} in {regions}"));
        }
        return ended(well);
    }
    if args.output == Output::Text {
        all().for_each(|(place, it)| console.result(&line(place, it)));
    }
    if args.dry_run {
        return ended(well);
    }
    confirm(console, args.yes, "Remove them?", "nothing was removed")?;
    for (place, left) in &found {
        well &= remove(left, &place.cloud, console).await;
    }
    ended(well)
}

pub(super) fn as_json((place, left): (&Place, &Leftover)) -> serde_json::Value {
    place.mark(serde_json::to_value(left).expect("results have string keys only"))
}

/// Removes what was left; returns whether all of it is gone.
pub(super) async fn remove(left: &[Leftover], cloud: &Cloud, console: &Console) -> bool {
    let mut well = true;
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    for leftover in left {
        match ami_lifecycle::remove_leftover(
            cloud,
            leftover,
            surroundings::actor(&operator, &owner),
        )
        .await
        {
            Ok(users) if users.is_empty() => {
                console.message(&format!("{} {}", done(leftover.kind), leftover.id));
            }
            Ok(users) => {
                let users = users.join(", ");
                console.complain(&format!("{}: a snapshot stays, as {users} uses it", leftover.id));
            }
            Err(error) => {
                well = false;
                let mut failure = Failure::from(error);
                failure.message = format!("{} is left: {}", leftover.id, failure.message);
                console.complain(&failure.text());
            }
        }
    }
    well
}

/// Without the images that a consumer names, or may name.
async fn without_named(
    mut found: Vec<(Place, Vec<Leftover>)>,
    config: &Config,
    cloud: &Cloud,
    console: &Console,
) -> Result<Vec<(Place, Vec<Leftover>)>, Failure> {
    let consumed = config.templates.iter().any(|it| it.all_consumers().next().is_some());
    let mut left = found.iter().flat_map(|(_, left)| left);
    if !consumed || !left.any(|leftover| leftover.kind == LeftKind::Image) {
        return Ok(found);
    }
    let fleet = cloud.fleet(&config.namespace).await?;
    let jenkins = connect::jenkins(config);
    let holders = connect::consumers(config, jenkins.as_ref()).holders(cloud, &fleet).await;
    for (_, left) in &mut found {
        left.retain(|leftover| {
            let why = leftover.named_by(&holders);
            if let Some(why) = &why {
                console.complain(&format!("{} stays: {why}", leftover.id));
            }
            why.is_none()
        });
    }
    Ok(found)
}

/// What was left, and why it is nobody's.
pub(super) fn line(place: &Place, leftover: &Leftover) -> String {
    let Leftover { id, state, template, bake, operator, .. } = leftover;
    let lease = leftover.lease.as_deref().unwrap_or("unknown");
    let why = match leftover.because {
        LeftBecause::LeaseEnded => format!("lease until {lease}"),
        LeftBecause::ProcessEnded => "whose process has ended".into(),
        LeftBecause::ImageDeleted => "its AMI is deleted".into(),
        LeftBecause::Unused => "nothing is baked in its namespace any more".into(),
    };
    let kind = kind(leftover.kind);
    let place = place.prefix();
    if leftover.because == LeftBecause::Unused {
        return format!("{place}{kind} {id}: {why}");
    }
    format!("{place}{kind} {id} {state}: template {template}, bake {bake} by {operator}, {why}")
}

fn kind(kind: LeftKind) -> &'static str {
    match kind {
        LeftKind::Instance => "instance",
        LeftKind::Image => "image",
        LeftKind::Snapshot => "snapshot",
        LeftKind::Volume => "volume",
        LeftKind::KeyPair => "key pair",
        LeftKind::SecurityGroupRule => "rule",
        LeftKind::SecurityGroup => "group",
    }
}

fn done(kind: LeftKind) -> &'static str {
    match kind {
        LeftKind::Instance => "terminated",
        LeftKind::Image => "deregistered",
        LeftKind::Snapshot | LeftKind::Volume | LeftKind::KeyPair | LeftKind::SecurityGroup => {
            "deleted"
        }
        LeftKind::SecurityGroupRule => "revoked",
    }
}
