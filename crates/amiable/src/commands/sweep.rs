//! `amiable sweep`.

use ami_lifecycle::{AmiId, LeftBecause, LeftKind, Leftover, NotDeleted, Place, SweepRequest};
use clap::Args;

use super::delete::complain_left;
use crate::args::{Global, Output};
use crate::ask::confirm;
use crate::commands::support::load_config_for;
use crate::config::settings::Need;
use crate::connect::{self, mark};
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};
use crate::render::json::json;
use crate::surroundings;

/// Remove the leftovers of dead bakes and interrupted deletions
///
/// Every instance, image and snapshot of a bake is tagged with its process and the end of its
/// lease. When the process or the lease has ended, the resource is a leftover: builders that
/// still run, images that never became current, snapshots without an image. Only the machine
/// that a process runs on knows whether it is alive, so resources of a bake elsewhere are never
/// touched before their lease has ended.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Show what would be removed; remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn sweep(args: SweepArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config_for(global, Need::Look)?;
    let cloud = connect::cloud(&config, console).await?;
    let jenkins = connect::jenkins(&config);
    let request = SweepRequest {
        cloud: &cloud,
        consumers: connect::consumers(&config, jenkins.as_ref()),
        is_gone: &surroundings::is_gone,
    };
    let mut plan = ami_lifecycle::plan_sweep(&request).await?;
    let mut well = plan.failed.is_empty();
    for error in plan.failed.drain(..) {
        let failure = Failure::from(error);
        // The other regions can be swept all the same.
        if config.is_distributed() {
            console.complain(&failure.text())
        } else {
            return Err(failure);
        }
    }
    for (id, why) in &plan.held {
        console.complain(&format!("{id} is kept: {why}"));
    }
    let found = &plan.regions;
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
            console
                .message(&format!("there are no leftovers in namespace {namespace} in {regions}"));
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
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    let actor = surroundings::actor(&operator, &owner);
    let told = |place: &Place, leftover: &Leftover, done| {
        well &= tell_leftover(place, leftover, done, console);
    };
    ami_lifecycle::carry_out_sweep(&request, &plan, actor, told).await?;
    ended(well)
}

pub(super) fn as_json((place, left): (&Place, &Leftover)) -> serde_json::Value {
    mark(place, serde_json::to_value(left).expect("results have string keys only"))
}

/// Tells what became of what was left; returns whether it is gone.
pub(super) fn tell_leftover(
    place: &Place,
    leftover: &Leftover,
    done: Result<Vec<AmiId>, NotDeleted>,
    console: &Console,
) -> bool {
    let id = &leftover.id;
    match done {
        Ok(users) if users.is_empty() => {
            console.message(&format!("{} {id}", past(leftover.kind)));
        }
        Ok(users) => {
            let users = users.join(", ");
            console.complain(&format!("{id}: a snapshot is kept, because {users} uses it"));
        }
        Err(error) => {
            complain_left(place, id, error, console);
            return false;
        }
    }
    true
}

/// What was left, and why it is nobody's.
pub(super) fn line(place: &Place, leftover: &Leftover) -> String {
    let Leftover { id, state, template, bake, operator, .. } = leftover;
    let lease = leftover.lease.as_deref().unwrap_or("unknown");
    let why = match leftover.because {
        LeftBecause::LeaseEnded => format!("lease until {lease}"),
        LeftBecause::ProcessEnded => "whose process has ended".into(),
        LeftBecause::ImageDeleted => "its AMI is deleted".into(),
        LeftBecause::Unused => "nothing is baked in its namespace any longer".into(),
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

fn past(kind: LeftKind) -> &'static str {
    match kind {
        LeftKind::Instance => "terminated",
        LeftKind::Image => "deregistered",
        LeftKind::Snapshot | LeftKind::Volume | LeftKind::KeyPair | LeftKind::SecurityGroup => {
            "deleted"
        }
        LeftKind::SecurityGroupRule => "revoked",
    }
}
