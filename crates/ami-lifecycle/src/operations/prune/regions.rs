//! Pruning in all regions of a configuration: what goes is looked at again when that was decided.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::judge::FleetRequest;
use super::plan_fleet;
use crate::consumer::Consumers;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::event::Observer;
use crate::model::id::AmiId;
use crate::model::lease::IsGone;
use crate::model::leftover::{LeftKind, Leftover};
use crate::model::retirement::{RetireStep, RetiredStage};
use crate::operations::claim::{Actor, NotDeleted};
use crate::operations::delete::{Deleted, Deletion, delete};
use crate::operations::place::{InRegion, Place, places};
use crate::operations::prune::decision::{Decision, KeepReason};
use crate::operations::retire::{retire, take_back};
use crate::operations::sweep::{Found, find_leftovers, remove_leftover};
use crate::{RegionPrune, Retirement};

/// What a plan for pruning is made from.
#[derive(Clone, Copy)]
pub struct PruneRequest<'a> {
    /// The account in the first region.
    pub cloud: &'a Cloud,
    /// The templates, which say what is kept, with their consumers, which may name an AMI.
    pub consumers: Consumers<'a>,
    /// Only AMIs of these templates go; of all, if there are none here.
    pub only: &'a [String],
    /// Tells whether the process of an owner has ended for certain.
    pub is_gone: IsGone<'a>,
    /// So many AMIs go at most.
    pub limit: usize,
}

/// What becomes of something that was to go.
pub enum Pruned<'a> {
    /// An AMI.
    Ami(&'a Deletion, Result<Deleted, NotDeleted>),
    /// An AMI that is retired, or taken back.
    Retired(&'a Retirement, Result<(), NotDeleted>),
    /// What a dead bake has left; the images that use its snapshots.
    Leftover(&'a Leftover, Result<Vec<AmiId>, NotDeleted>),
}

/// Why nothing is pruned.
#[derive(Debug)]
pub enum NotPruned {
    /// Who uses what could not be looked up: a sentence for each.
    Unknown(Vec<InRegion<String>>),
    /// A call failed.
    Cloud(InRegion<CloudError>),
}

/// Decides what goes, in each region.
///
/// # Errors
/// When a call fails.
pub async fn plan_prune(
    request: &PruneRequest<'_>,
) -> Result<Vec<RegionPrune>, InRegion<CloudError>> {
    plan_among(request, None).await
}

/// The same, where no others go than some.
async fn plan_among(
    request: &PruneRequest<'_>,
    among: Option<&BTreeSet<&str>>,
) -> Result<Vec<RegionPrune>, InRegion<CloudError>> {
    let PruneRequest { cloud, consumers, only, is_gone, mut limit } = *request;
    let Consumers { namespace, templates, .. } = consumers;
    let at_home = |error| InRegion { region: None, error };
    let now = Timestamp::now();
    let first = find_leftovers(cloud, namespace, is_gone, now).await.map_err(at_home)?;
    let holders = consumers.holders(cloud, &first.fleet).await;
    let (mut first, mut plans) = (Some(first), Vec::new());
    for place in places(templates, cloud) {
        let (found, there) = match (&place.region, first.take_if(|_| place.region.is_none())) {
            (Some(region), _) => {
                let found = find_leftovers(&place.cloud, namespace, is_gone, now).await;
                let there = templates.iter().filter_map(|it| it.in_region(region));
                (found.map_err(|error| place.failed(error))?, there.collect())
            }
            (None, Some(first)) => (first, templates.to_vec()),
            (None, None) => continue,
        };
        let Found { fleet, left, .. } = found;
        let of_fleet =
            FleetRequest { fleet: &fleet, templates: &there, only, is_gone, now, limit, among };
        let mut plan = plan_fleet(&place, &holders, &of_fleet).await;
        limit = limit.saturating_sub(plan.fates.iter().filter(|it| it.is_going()).count());
        plan.left = left;
        // AMIs have fates of their own.
        let going: BTreeSet<&str> = plan.deletions.iter().map(|it| it.ami.as_str()).collect();
        plan.left.retain(|it| {
            it.kind != LeftKind::Image
                && !going.contains(it.id.as_str())
                && (only.is_empty() || only.contains(&it.template))
        });
        plans.push(plan);
    }
    Ok(plans)
}

/// Whether anything may be deleted by these plans: what cannot be looked up may use any AMI.
///
/// # Errors
/// With what could not be looked up.
pub fn check_prune(plans: &[RegionPrune]) -> Result<(), NotPruned> {
    let unknown = plans.iter().flat_map(|plan| {
        let text = |(what, why): &(String, String)| {
            format!("whether AMIs are used by {what} could not be determined: {why}")
        };
        plan.unknown.iter().map(move |it| plan.place.failed(text(it)))
    });
    let unknown: Vec<InRegion<String>> = unknown.collect();
    if unknown.is_empty() { Ok(()) } else { Err(NotPruned::Unknown(unknown)) }
}

/// Deletes what was planned and still goes: whoever was asked may have taken their time. What becomes of
/// each is handed to `told`.
///
/// # Errors
/// When it could not be looked at again, or it is unknown who uses what: nothing is deleted then.
pub async fn carry_out_prune(
    request: &PruneRequest<'_>,
    plans: &[RegionPrune],
    actor: Actor<'_>,
    observer: &dyn Observer,
    mut told: impl FnMut(&Place, Pruned<'_>),
) -> Result<(), NotPruned> {
    check_prune(plans)?;
    let is_planned = |it: &&Decision| it.is_going() || it.step == Some(RetireStep::TakeBack);
    let planned = plans.iter().flat_map(|plan| plan.fates.iter().filter(is_planned));
    let planned: BTreeSet<&str> = planned.map(|fate| fate.ami.as_str()).collect();
    let again = PruneRequest { limit: planned.len(), ..*request };
    let now = plan_among(&again, Some(&planned)).await.map_err(NotPruned::Cloud)?;
    check_prune(&now)?;
    for (plan, now) in plans.iter().zip(now) {
        let RegionPrune { place, deletions, retirements, left, .. } = plan;
        let same = |it: &Retirement| {
            now.retirements.iter().any(|now| now.ami.ami == it.ami.ami && now.step == it.step)
        };
        for retirement in retirements {
            let done = if same(retirement) {
                carry_out(&request.consumers, place, retirement, actor).await
            } else {
                Err(why_it_stays(&now, &retirement.ami.ami))
            };
            told(place, Pruned::Retired(retirement, done));
        }
        for deletion in deletions {
            let still = now.deletions.iter().any(|it| it.ami == deletion.ami);
            let done = if still {
                delete(&place.cloud, deletion, actor, observer).await
            } else {
                Err(why_it_stays(&now, &deletion.ami))
            };
            told(place, Pruned::Ami(deletion, done));
        }
        for leftover in left.iter().filter(|it| now.left.iter().any(|now| now.id == it.id)) {
            let done = remove_leftover(&place.cloud, leftover, actor).await;
            told(place, Pruned::Leftover(leftover, done));
        }
    }
    Ok(())
}

/// What keeps an AMI that was to go, as it is found right before.
fn why_it_stays(now: &RegionPrune, ami: &str) -> NotDeleted {
    let fate = now.fates.iter().find(|fate| fate.ami == ami);
    let mut kept = fate.into_iter().flat_map(|fate| &fate.kept);
    let objection = kept.find_map(|kept| match kept {
        KeepReason::Objected(objection) => Some(objection.clone()),
        _ => None,
    });
    objection.map_or(NotDeleted::InUse, NotDeleted::Objected)
}

async fn carry_out(
    consumers: &Consumers<'_>,
    place: &Place,
    Retirement { ami, step }: &Retirement,
    actor: Actor<'_>,
) -> Result<(), NotDeleted> {
    let target = (ami.ami.as_str(), &ami.standing);
    match step {
        RetireStep::Deprecate => {
            retire(&place.cloud, target, RetiredStage::Deprecated, actor).await
        }
        RetireStep::Disable => retire(&place.cloud, target, RetiredStage::Disabled, actor).await,
        RetireStep::TakeBack => {
            let mut templates = consumers.templates.iter();
            let template = templates.find(|template| template.name == ami.template);
            Ok(take_back(&place.cloud, &ami.ami, template.map(|it| &it.distribution)).await?)
        }
        RetireStep::Delete => Ok(()),
    }
}
