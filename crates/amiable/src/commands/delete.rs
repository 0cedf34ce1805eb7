//! `amiable delete`.

use ami_lifecycle::{Deleted, Deletion, Event};
use clap::Args;

use super::{Outcome, confirm, json, load_config_for};
use crate::cli::{Global, Output};
use crate::config::Need;
use crate::console::Console;
use crate::failure::{Failure, Status};
use crate::{connect, surroundings};

/// Deregister AMIs and delete their snapshots
///
/// Refused without --force: the current AMI of a template; AMIs outside the namespace, or
/// that a bake under way makes; what consumers name, or instances, launch templates, auto
/// scaling groups or anything else that EC2 knows of use, or may; what is protected from
/// deregistration. A snapshot that another AMI
/// uses stays.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// AMIs, by id
    #[arg(required = true, value_name = "AMI")]
    amis: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Delete what should not be deleted, too
    #[arg(long)]
    force: bool,
    /// Show what would be deleted and what speaks against it, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// How the plan of --dry-run is printed
    #[arg(long, value_enum, default_value = "text", requires = "dry_run")]
    output: Output,
}

pub(crate) async fn delete(args: DeleteArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config_for(global, Need::Look)?;
    for id in &args.amis {
        check_id(id)?;
    }
    let cloud = connect::cloud(&config.cloud, console).await?;
    let fleet = cloud.fleet(&config.namespace).await?;
    let mut deletions = Vec::new();
    for id in &args.amis {
        let deletion = ami_lifecycle::examine(&cloud, &fleet, id, &surroundings::is_gone).await?;
        let missing = || Failure::failed(format!("there is no {id} in {}", cloud.region()));
        let deletion = deletion.ok_or_else(missing)?;
        if !deletions.contains(&deletion) {
            deletions.push(deletion);
        }
    }
    let jenkins = connect::jenkins(&config);
    let consumers = connect::consumers(&config, jenkins.as_ref());
    let holders = consumers.holders(&cloud, &fleet).await;
    ami_lifecycle::add_users(&cloud, &holders, &mut deletions).await;
    if args.dry_run {
        show_plan(&deletions, &args, console);
        return Ok(());
    }
    // All are looked at before any is deleted.
    if !args.force {
        deletions.iter().try_for_each(refuse)?;
    }
    for deletion in &deletions {
        console.message(&plan_text(deletion));
        for objection in &deletion.objections {
            console.message(&format!("  although {objection}"));
        }
    }
    confirm(console, args.yes, "Delete?", "nothing was deleted")?;
    let mut failed = false;
    for deletion in &deletions {
        let observer = |event: Event| {
            if let Event::Note(text) = event {
                console.message(&text);
            }
        };
        let deleted = ami_lifecycle::delete(&cloud, deletion, &observer).await?;
        failed |= !tell(&deletion.ami, deleted, console);
    }
    if failed { Err(Failure::told(Status::Failed)) } else { Ok(()) }
}

/// Tells which snapshots stay; returns whether all that was to go is gone.
pub(super) fn tell(ami: &str, deleted: Deleted, console: &Console) -> bool {
    let well = deleted.failed.is_empty();
    for (snapshot, error) in deleted.failed {
        console.complain(&format!("error: {snapshot} is left: {error}"));
        console.complain(&format!("hint: `amiable delete {ami}` tries it again"));
    }
    for (snapshot, users) in deleted.kept {
        let users = if users.is_empty() { "another image".into() } else { users.join(", ") };
        console.complain(&format!("{snapshot} stays: {users} uses it"));
    }
    well
}

fn check_id(id: &str) -> Result<(), Failure> {
    if id.starts_with("ami-") {
        return Ok(());
    }
    Err(Failure::usage(format!("`{id}` is no AMI id")).hint("`amiable list` shows them"))
}

fn refuse(deletion: &Deletion) -> Result<(), Failure> {
    if deletion.objections.is_empty() {
        return Ok(());
    }
    let failure = match deletion.objections.as_slice() {
        [only] => Failure::failed(format!("{} is not deleted: {only}", deletion.ami)),
        many => Failure::failed(format!("{} is not deleted:", deletion.ami))
            .details(many.iter().map(|objection| format!("  {objection}")).collect()),
    };
    Err(failure.hint("--force deletes it all the same"))
}

fn show_plan(deletions: &[Deletion], args: &DeleteArgs, console: &Console) {
    if args.output == Output::Json {
        let plan = deletions.iter().map(|deletion| {
            let mut plan = serde_json::to_value(deletion).expect("results have string keys only");
            plan["refused"] = (!args.force && !deletion.objections.is_empty()).into();
            plan
        });
        return console.result(&json(&plan.collect::<Vec<_>>()));
    }
    for deletion in deletions {
        console.result(&plan_text(deletion));
        for objection in &deletion.objections {
            console.result(&match args.force {
                true => format!("  although {objection}"),
                false => format!("  refused without --force: {objection}"),
            });
        }
    }
}

fn plan_text(deletion: &Deletion) -> String {
    let snapshots = if deletion.snapshots.is_empty() {
        "no snapshot".into()
    } else {
        deletion.snapshots.join(", ")
    };
    format!("{} ({}) with {snapshots}", deletion.ami, deletion.name)
}
