//! `amiable sweep`.

use ami_lifecycle::{Cloud, LeftBecause, LeftKind, Leftover};
use clap::Args;
use jiff::Timestamp;

use super::{Outcome, confirm, json, load_config_for};
use crate::cli::{Global, Output};
use crate::config::{Config, Need};
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
    let cloud = connect::cloud(&config.cloud, console).await?;
    let (is_gone, now) = (&surroundings::is_gone, Timestamp::now());
    let left = ami_lifecycle::find_leftovers(&cloud, &config.namespace, is_gone, now).await?;
    let left = without_named(left, &config, &cloud, console).await?;
    if args.output == Output::Json {
        console.result(&json(&left));
    }
    if left.is_empty() {
        let place = format!("namespace {} in {}", config.namespace, cloud.region());
        console.message(&format!("nothing is left in {place}"));
        return Ok(());
    }
    if args.output == Output::Text {
        for leftover in &left {
            console.result(&line(leftover));
        }
    }
    if args.dry_run {
        return Ok(());
    }
    confirm(console, args.yes, "Remove them?", "nothing was removed")?;
    if remove(&left, &cloud, console).await { Ok(()) } else { Err(Failure::told(Status::Failed)) }
}

/// Removes what was left; returns whether all of it is gone.
pub(super) async fn remove(left: &[Leftover], cloud: &Cloud, console: &Console) -> bool {
    let mut well = true;
    for leftover in left {
        match ami_lifecycle::remove_leftover(cloud, leftover).await {
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
    left: Vec<Leftover>,
    config: &Config,
    cloud: &Cloud,
    console: &Console,
) -> Result<Vec<Leftover>, Failure> {
    let consumed = config.templates.iter().any(|template| !template.consumers.is_empty());
    if !consumed || !left.iter().any(|leftover| leftover.kind == LeftKind::Image) {
        return Ok(left);
    }
    let fleet = cloud.fleet(&config.namespace).await?;
    let jenkins = connect::jenkins(config);
    let holders = connect::consumers(config, jenkins.as_ref()).holders(cloud, &fleet).await;
    let mut free = Vec::new();
    for leftover in left {
        match leftover.named_by(&holders) {
            Some(why) => console.complain(&format!("{} stays: {why}", leftover.id)),
            None => free.push(leftover),
        }
    }
    Ok(free)
}

/// What was left, and why it is nobody's.
pub(super) fn line(leftover: &Leftover) -> String {
    let Leftover { id, state, template, bake, operator, .. } = leftover;
    let lease = leftover.lease.as_deref().unwrap_or("unknown");
    let why = match leftover.because {
        LeftBecause::LeaseEnded => format!("lease until {lease}"),
        LeftBecause::ProcessEnded => "whose process has ended".into(),
        LeftBecause::ImageDeleted => "its AMI is deleted".into(),
    };
    let kind = kind(leftover.kind);
    format!("{kind} {id} {state}: template {template}, bake {bake} by {operator}, {why}")
}

fn kind(kind: LeftKind) -> &'static str {
    match kind {
        LeftKind::Instance => "instance",
        LeftKind::Image => "image",
        LeftKind::Snapshot => "snapshot",
        LeftKind::Volume => "volume",
        LeftKind::KeyPair => "key pair",
    }
}

fn done(kind: LeftKind) -> &'static str {
    match kind {
        LeftKind::Instance => "terminated",
        LeftKind::Image => "deregistered",
        LeftKind::Snapshot | LeftKind::Volume | LeftKind::KeyPair => "deleted",
    }
}
