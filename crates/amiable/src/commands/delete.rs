//! `amiable delete`.

use std::collections::BTreeSet;
use std::sync::Arc;

use ami_lifecycle::{Cloud, Deleted, Deletion, Event, Fleet, Objection};
use clap::Args;

use super::{Outcome, confirm, json, load_config_for};
use crate::cli::{Global, Output};
use crate::config::{Config, Need};
use crate::connect::Place;
use crate::console::Console;
use crate::failure::{Failure, Status};
use crate::{connect, surroundings};

/// Deregister AMIs and delete their snapshots
///
/// Refused without --force: the current AMI of a template; AMIs outside the namespace, or
/// that a bake under way makes; what consumers name, or instances, launch templates, auto
/// scaling groups or anything else that EC2 knows of use, or may; what is protected from
/// deregistration. A snapshot that another AMI uses stays. The copies of an AMI in the other
/// regions of its template go with it.
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
    let cloud = connect::cloud(&config, console).await?;
    let fleet = cloud.fleet(&config.namespace).await?;
    let mut groups = look(&args.amis, &config, &cloud, &fleet).await?;
    let jenkins = connect::jenkins(&config);
    let consumers = connect::consumers(&config, jenkins.as_ref());
    let holders = consumers.holders(&cloud, &fleet).await;
    for group in &mut groups {
        let cloud = &group.place.cloud;
        for text in ami_lifecycle::add_users(cloud, &holders, &mut group.deletions).await {
            console.complain(&format!("warning: {}{text}", group.place.prefix()));
        }
    }
    if args.dry_run {
        show_plan(&groups, &args, console);
        return Ok(());
    }
    let all = || groups.iter().flat_map(|it| it.deletions.iter().map(move |each| (it, each)));
    // All are looked at before any is deleted.
    if !args.force {
        all().try_for_each(|(group, deletion)| refuse(group, deletion))?;
    }
    for (group, deletion) in all() {
        console.message(&plan_text(group, deletion));
        for objection in &deletion.objections {
            console.message(&format!("  although {objection}"));
        }
    }
    confirm(console, args.yes, "Delete?", "nothing was deleted")?;
    if carry_out(&groups, console).await { Ok(()) } else { Err(Failure::told(Status::Failed)) }
}

/// What is to be deleted in a region.
struct Group {
    place: Place,
    /// What there is; `None` where that could not be looked at.
    fleet: Option<Arc<Fleet>>,
    deletions: Vec<Deletion>,
}

/// Looks for the AMIs in all regions of the configuration. The copies of one go with it, and
/// before it: while it is there, a repeat finds them.
async fn look(
    ids: &[String],
    config: &Config,
    cloud: &Cloud,
    first: &Arc<Fleet>,
) -> Result<Vec<Group>, Failure> {
    let mut groups = Vec::new();
    let mut unknown: Vec<Objection> = Vec::new();
    for place in connect::places(config, cloud) {
        let fleet = match &place.region {
            None => Some(first.clone()),
            Some(region) => match place.cloud.fleet(&config.namespace).await {
                Ok(fleet) => Some(fleet),
                Err(error) => {
                    let (region, error) = (region.clone(), error.to_string());
                    unknown.push(Objection::Copies { region, error });
                    None
                }
            },
        };
        groups.push(Group { place, fleet, deletions: Vec::new() });
    }
    for id in ids {
        let missing = || Failure::failed(format!("there is no {id} in {}", cloud.region()));
        let mut found = find(id, &mut groups).await?;
        if first.get(id).is_some() {
            found.objections.extend(unknown.iter().cloned());
        }
        let place = found.place.ok_or_else(missing)?;
        let deletions = &mut groups[place].deletions;
        if let Some(mut deletion) = found.deletion {
            deletion.objections.extend(found.objections.clone());
            if !deletions.iter().any(|it| it.ami == deletion.ami) {
                deletions.push(deletion);
            }
        }
    }
    Ok(groups)
}

/// Where an AMI was found.
#[derive(Default)]
struct Found {
    place: Option<usize>,
    deletion: Option<Deletion>,
    objections: Vec<Objection>,
}

/// Finds an AMI, and adds its copies to what is deleted.
async fn find(id: &str, groups: &mut [Group]) -> Result<Found, Failure> {
    let is_gone = &surroundings::is_gone;
    let is_original = groups.iter().any(|it| it.place.region.is_none() && it.has(id));
    for group in groups.iter_mut().filter(|_| is_original) {
        let Some(fleet) = group.fleet.clone() else { continue };
        for copy in fleet.copies_of(id) {
            let cloud = &group.place.cloud;
            let deletion = ami_lifecycle::examine(cloud, &fleet, &copy.ami, is_gone).await;
            let deletion = deletion.map_err(|error| group.place.failure(error))?;
            let is_new = |it: &Deletion| group.deletions.iter().all(|old| old.ami != it.ami);
            group.deletions.extend(deletion.filter(is_new));
        }
    }
    // Where it is known by the namespace; else in the first, where it may be another's.
    let owns = groups.iter().position(|group| group.has(id));
    let order = owns.map_or_else(|| (0..groups.len()).rev().collect(), |owner| vec![owner]);
    for index in order {
        let Group { place, fleet: Some(fleet), .. } = &groups[index] else { continue };
        let deletion = ami_lifecycle::examine(&place.cloud, fleet, id, is_gone).await;
        let deletion = deletion.map_err(|error| place.failure(error))?;
        if deletion.is_some() {
            return Ok(Found { place: Some(index), deletion, objections: Vec::new() });
        }
    }
    Ok(Found::default())
}

impl Group {
    fn has(&self, id: &str) -> bool {
        self.fleet.as_ref().is_some_and(|fleet| fleet.get(id).is_some())
    }
}

/// Deletes; returns whether all that was to go is gone. An AMI whose copies are not gone stays.
async fn carry_out(groups: &[Group], console: &Console) -> bool {
    let mut well = true;
    let mut waited_for: BTreeSet<String> = BTreeSet::new();
    let observer = |event: Event| {
        if let Event::Note(text) = event {
            console.message(&text);
        }
    };
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    let actor = surroundings::actor(&operator, &owner);
    for Group { place, fleet, deletions } in groups {
        for deletion in deletions {
            let ami = &deletion.ami;
            if waited_for.contains(ami) {
                console.complain(&format!("{ami} stays, as not all of its copies are gone"));
                continue;
            }
            let done = match ami_lifecycle::delete(&place.cloud, deletion, actor, &observer).await {
                Ok(deleted) => tell(ami, deleted, console),
                Err(error) => {
                    let mut failure = place.failure(error);
                    failure.message = format!("{ami} is left: {}", failure.message);
                    console.complain(&failure.text());
                    let known = fleet.as_ref().and_then(|fleet| fleet.get(ami));
                    waited_for.extend(known.and_then(|known| known.copy_of.clone()));
                    false
                }
            };
            well &= done;
        }
    }
    well
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

fn refuse(group: &Group, deletion: &Deletion) -> Result<(), Failure> {
    if deletion.objections.is_empty() {
        return Ok(());
    }
    let place = group.place.prefix();
    let failure = match deletion.objections.as_slice() {
        [only] => Failure::failed(format!("{place}{} is not deleted: {only}", deletion.ami)),
        many => Failure::failed(format!("{place}{} is not deleted:", deletion.ami))
            .details(many.iter().map(|objection| format!("  {objection}")).collect()),
    };
    Err(failure.hint("--force deletes it all the same"))
}

fn show_plan(groups: &[Group], args: &DeleteArgs, console: &Console) {
    let all = groups.iter().flat_map(|it| it.deletions.iter().map(move |each| (it, each)));
    if args.output == Output::Json {
        let plan = all.map(|(group, deletion)| {
            let mut plan = serde_json::to_value(deletion).expect("results have string keys only");
            plan["refused"] = (!args.force && !deletion.objections.is_empty()).into();
            group.place.mark(plan)
        });
        return console.result(&json(&plan.collect::<Vec<_>>()));
    }
    for (group, deletion) in all {
        console.result(&plan_text(group, deletion));
        for objection in &deletion.objections {
            console.result(&match args.force {
                true => format!("  although {objection}"),
                false => format!("  refused without --force: {objection}"),
            });
        }
    }
}

fn plan_text(group: &Group, deletion: &Deletion) -> String {
    let snapshots = if deletion.snapshots.is_empty() {
        "no snapshot".into()
    } else {
        deletion.snapshots.join(", ")
    };
    let place = group.place.prefix();
    format!("{place}{} ({}) with {snapshots}", deletion.ami, deletion.name)
}
