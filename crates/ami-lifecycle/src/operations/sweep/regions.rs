//! Sweeping all regions of a configuration: no image goes that a consumer names, or may name, also
//! when that is decided later.

use jiff::Timestamp;

use super::{Found, find_leftovers, remove_leftover};
use crate::consumer::{Consumers, Holders};
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::id::AmiId;
use crate::model::lease::IsGone;
use crate::model::leftover::{LeftKind, Leftover};
use crate::operations::claim::{Actor, NotDeleted};
use crate::operations::place::{InRegion, Place, places};

/// What is swept.
#[derive(Clone, Copy)]
pub struct SweepRequest<'a> {
    /// The account in the first region.
    pub cloud: &'a Cloud,
    /// The templates with their consumers, which may name an image.
    pub consumers: Consumers<'a>,
    /// Tells whether the process of an owner has ended for certain.
    pub is_gone: IsGone<'a>,
}

/// What is to be swept.
#[derive(Debug)]
pub struct SweepPlan {
    /// What nobody owns, in each region that could be looked at.
    pub regions: Vec<(Place, Vec<Leftover>)>,
    /// The ids of what may be nobody's and stays, and why.
    pub held: Vec<(String, String)>,
    /// The regions that could not be looked at: the others can be swept all the same.
    pub failed: Vec<InRegion<CloudError>>,
}

/// Looks for what dead bakes and interrupted deletions have left, in all regions.
///
/// # Errors
/// When the consumers cannot be asked.
pub async fn plan_sweep(request: &SweepRequest<'_>) -> Result<SweepPlan, CloudError> {
    let SweepRequest { cloud, consumers, is_gone } = *request;
    let (now, namespace) = (Timestamp::now(), consumers.namespace);
    let mut plan = SweepPlan { regions: Vec::new(), held: Vec::new(), failed: Vec::new() };
    for place in places(consumers.templates, cloud) {
        match find_leftovers(&place.cloud, namespace, is_gone, now).await {
            Ok(Found { left, unreadable, .. }) => {
                plan.regions.push((place, left));
                let why = |tag| format!("whether its bake lives could not be determined: {tag}");
                plan.held.extend(unreadable.into_iter().map(|(id, tag)| (id, why(tag))));
            }
            Err(error) => plan.failed.push(place.failed(error)),
        }
    }
    let all = plan.regions.iter().flat_map(|(_, left)| left);
    let holders = holders(request, all).await?;
    for (_, left) in &mut plan.regions {
        left.retain(|leftover| {
            let why = leftover.named_by(&holders);
            let stays = why.is_some();
            plan.held.extend(why.map(|why| (leftover.id.clone(), why)));
            !stays
        });
    }
    Ok(plan)
}

/// Removes what was planned, if it is nobody's still. What becomes of each is handed to `told`, with
/// the images that use its snapshots.
///
/// # Errors
/// When the consumers cannot be asked again: nothing is removed then.
pub async fn carry_out_sweep(
    request: &SweepRequest<'_>,
    plan: &SweepPlan,
    actor: Actor<'_>,
    mut told: impl FnMut(&Place, &Leftover, Result<Vec<AmiId>, NotDeleted>),
) -> Result<(), CloudError> {
    let all = plan.regions.iter().flat_map(|(_, left)| left);
    let holders = holders(request, all).await?;
    for (place, left) in &plan.regions {
        for leftover in left {
            let done = match leftover.named_by(&holders) {
                Some(_) => Err(NotDeleted::InUse),
                None => remove_leftover(&place.cloud, leftover, actor).await,
            };
            told(place, leftover, done);
        }
    }
    Ok(())
}

/// Who names AMIs; nobody is asked where no image is to go.
async fn holders(
    request: &SweepRequest<'_>,
    mut left: impl Iterator<Item = &Leftover>,
) -> Result<Holders, CloudError> {
    let SweepRequest { cloud, consumers, .. } = *request;
    let consumed = consumers.templates.iter().any(|it| it.all_consumers().next().is_some());
    if !consumed || !left.any(|leftover| leftover.kind == LeftKind::Image) {
        return Ok(Holders::default());
    }
    let fleet = cloud.fleet(consumers.namespace).await?;
    Ok(consumers.holders(cloud, &fleet).await)
}
