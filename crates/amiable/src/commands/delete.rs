//! `amiable delete`.

use ami_lifecycle::{
    AmiId, DeleteRequest, Deleted, Deletion, NoDeletePlan, NotDeleted, Objection, Place,
    RegionDeletions,
};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::ami_id::parse_ami_ids;
use crate::args::{Global, Output};
use crate::ask::confirm;
use crate::commands::support::load_config_for;
use crate::complete;
use crate::config::settings::Need;
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};
use crate::render::json::json;
use crate::{connect, surroundings};

/// Deregister AMIs and delete their snapshots
///
/// Refused without --force: the current AMI of a template; AMIs outside the namespace; AMIs
/// that a running bake is making; AMIs that consumers name, or that instances, launch
/// templates, auto scaling groups or anything else that EC2 knows of use or may use; AMIs
/// that are protected from deregistration. A snapshot that another AMI uses is kept. The
/// copies of an AMI in the other regions of its template are deleted too.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Ids of AMIs
    #[arg(required = true, value_name = "AMI", add = ArgValueCompleter::new(complete::amis))]
    amis: Vec<String>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Delete even AMIs that should not be deleted
    #[arg(long)]
    force: bool,
    /// Show what would be deleted and any reason against it; delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format of --dry-run
    #[arg(long, value_enum, default_value = "text", requires = "dry_run")]
    output: Output,
}

pub(crate) async fn delete(args: DeleteArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config_for(global, Need::Look)?;
    let amis = parse_ami_ids(&args.amis, "run `amiable list` to see them")?;
    let cloud = connect::cloud(&config, console).await?;
    let jenkins = connect::jenkins(&config);
    let request = DeleteRequest {
        cloud: &cloud,
        consumers: connect::consumers(&config, jenkins.as_ref()),
        amis: &amis,
        is_gone: &surroundings::is_gone,
    };
    let no_plan = |error: NoDeletePlan| match error {
        NoDeletePlan::Missing(ids) => {
            let ids: Vec<&str> = ids.iter().map(AmiId::as_str).collect();
            Failure::failed(missing(&ids.join(", "), cloud.region()))
        }
        NoDeletePlan::Cloud(error) => error.into(),
    };
    let plan = ami_lifecycle::plan_delete(&request).await.map_err(no_plan)?;
    for id in &plan.missing {
        console.complain(&missing(id, cloud.region()));
    }
    for RegionDeletions { place, dangling, .. } in &plan.regions {
        dangling
            .iter()
            .for_each(|text| console.complain(&format!("warning: {}{text}", place.prefix())));
    }
    if args.dry_run {
        show_plan(&plan.regions, &args, console);
        return Ok(());
    }
    let all = || {
        plan.regions.iter().flat_map(|it| it.deletions.iter().map(move |each| (&it.place, each)))
    };
    // All are looked at before any is deleted.
    all().try_for_each(|(place, deletion)| refuse(place, deletion, args.force))?;
    for (place, deletion) in all() {
        console.message(&plan_text(place, deletion));
        for objection in &deletion.objections {
            console.message(&format!("  although {objection}"));
        }
    }
    confirm(console, args.yes, "Delete?", "nothing was deleted")?;
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    let actor = surroundings::actor(&operator, &owner);
    let mut well = true;
    let told = |place: &Place, deletion: &Deletion, done| {
        well &= tell(place, &deletion.ami, done, console);
    };
    ami_lifecycle::carry_out_delete(&request, &plan, args.force, actor, console, told)
        .await
        .map_err(no_plan)?;
    if well { Ok(()) } else { Err(Failure::told(Status::Failed)) }
}

fn missing(ids: &str, region: &str) -> String {
    format!("there is no {ids} in {region}")
}

/// Tells what became of a deletion; returns whether all that was to go is gone.
pub(super) fn tell(
    place: &Place,
    ami: &str,
    done: Result<Deleted, NotDeleted>,
    console: &Console,
) -> bool {
    match done {
        Ok(deleted) => tell_snapshots(ami, deleted, console),
        Err(error) => {
            complain_left(place, ami, error, console);
            false
        }
    }
}

/// Tells why something is left.
pub(super) fn complain_left(place: &Place, id: &str, error: NotDeleted, console: &Console) {
    let mut failure = connect::failure_in(place, error);
    failure.message = format!("{id} was not removed: {}", failure.message);
    console.complain(&failure.text());
}

/// Tells which snapshots stay; returns whether all that was to go is gone.
fn tell_snapshots(ami: &str, deleted: Deleted, console: &Console) -> bool {
    let well = deleted.failed.is_empty();
    for (snapshot, error) in deleted.failed {
        console.complain(&format!("error: {snapshot} was not deleted: {error}"));
        console.complain(&format!("hint: run `amiable delete {ami}` again"));
    }
    for (snapshot, users) in deleted.kept {
        let users = if users.is_empty() { "another image".into() } else { users.join(", ") };
        console.complain(&format!("{snapshot} is kept: {users} uses it"));
    }
    well
}

fn refuse(place: &Place, deletion: &Deletion, force: bool) -> Result<(), Failure> {
    let refusals: Vec<&Objection> = deletion.refusals(force).collect();
    let place = place.prefix();
    let failure = match refusals.as_slice() {
        [] => return Ok(()),
        [only] => Failure::failed(format!("{place}{} cannot be deleted: {only}", deletion.ami)),
        many => Failure::failed(format!("{place}{} cannot be deleted:", deletion.ami))
            .details(many.iter().map(|objection| format!("  {objection}")).collect()),
    };
    let unreadable = refusals.iter().find_map(|it| match it {
        Objection::Tampered(how) if !it.can_be_overridden() => Some(how.hint(&deletion.ami)),
        _ => None,
    });
    Err(failure.hint(unreadable.unwrap_or_else(|| "--force deletes it anyway".into())))
}

fn show_plan(plan: &[RegionDeletions], args: &DeleteArgs, console: &Console) {
    let all = plan.iter().flat_map(|it| it.deletions.iter().map(move |each| (&it.place, each)));
    if args.output == Output::Json {
        let plan = all.map(|(place, deletion)| {
            let mut plan = serde_json::to_value(deletion).expect("results have string keys only");
            plan["refused"] = deletion.refusals(args.force).next().is_some().into();
            connect::mark(place, plan)
        });
        return console.result(&json(&plan.collect::<Vec<_>>()));
    }
    for (place, deletion) in all {
        console.result(&plan_text(place, deletion));
        for objection in &deletion.objections {
            console.result(&match (args.force, objection.can_be_overridden()) {
                (_, false) => format!("  refused: {objection}"),
                (true, true) => format!("  although {objection}"),
                (false, true) => format!("  refused without --force: {objection}"),
            });
        }
    }
}

fn plan_text(place: &Place, deletion: &Deletion) -> String {
    let snapshots = if deletion.snapshots.is_empty() {
        "no snapshot".into()
    } else {
        deletion.snapshots.join(", ")
    };
    let place = place.prefix();
    format!("{place}{} ({}) with {snapshots}", deletion.ami, deletion.name)
}
