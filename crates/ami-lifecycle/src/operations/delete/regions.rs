//! Deleting AMIs in all regions of a configuration: all are looked at before any is deleted, and again
//! when that was decided; copies go before their original, and with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Deleted, Deletion, add_users, delete, examine};
use crate::consumer::Consumers;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::event::Observer;
use crate::model::fleet::Fleet;
use crate::model::id::AmiId;
use crate::model::lease::IsGone;
use crate::operations::claim::{Actor, NotDeleted};
use crate::operations::objection::Objection;
use crate::operations::place::{InRegion, Place, places};

/// AMIs that are to be deleted.
#[derive(Clone, Copy)]
pub struct DeleteRequest<'a> {
    /// The account in the first region.
    pub cloud: &'a Cloud,
    /// The templates with their consumers, which may name one.
    pub consumers: Consumers<'a>,
    /// The AMIs, by id, in any region of the templates.
    pub amis: &'a [AmiId],
    /// Tells whether the process of an owner has ended for certain.
    pub is_gone: IsGone<'a>,
}

/// What is to be deleted in a region.
#[derive(Debug)]
pub struct RegionDeletions {
    /// The region.
    pub place: Place,
    /// What goes there.
    pub deletions: Vec<Deletion>,
    /// What is to be told of users that name what is not there.
    pub dangling: Vec<String>,
    /// What there is; `None` where that could not be looked at.
    fleet: Option<Arc<Fleet>>,
}

/// What is to be deleted.
#[derive(Debug)]
pub struct DeletePlan {
    /// In each region, in the order in which it is done.
    pub regions: Vec<RegionDeletions>,
    /// The AMIs that are not there: gone already, or never there.
    pub missing: Vec<AmiId>,
}

/// Why nothing can be deleted.
#[derive(Debug)]
pub enum NoDeletePlan {
    /// None of the AMIs is there, in no region.
    Missing(Vec<AmiId>),
    /// A call failed.
    Cloud(InRegion<CloudError>),
}

impl From<CloudError> for NoDeletePlan {
    fn from(error: CloudError) -> NoDeletePlan {
        NoDeletePlan::Cloud(InRegion { region: None, error })
    }
}

/// Looks at AMIs that are to be deleted, and at their copies: what speaks against it is with each.
/// A repeat of what broke off finds what is left.
///
/// # Errors
/// When none of them is there, or a call fails.
pub async fn plan_delete(request: &DeleteRequest<'_>) -> Result<DeletePlan, NoDeletePlan> {
    let plan = look(request).await?;
    if plan.missing.len() == request.amis.len() {
        Err(NoDeletePlan::Missing(plan.missing))
    } else {
        Ok(plan)
    }
}

/// Deletes what was planned, in the plan's order. It is looked at again first: an AMI against which
/// something speaks that did not speak against it then stays, and one against which something
/// spoke already stays unless `force`; one whose tags could not be read stays in any case. An AMI of which a copy is left stays, too. What becomes of each is
/// handed to `told`.
///
/// # Errors
/// When it could not be looked at again: nothing is deleted then.
pub async fn carry_out_delete(
    request: &DeleteRequest<'_>,
    plan: &DeletePlan,
    force: bool,
    actor: Actor<'_>,
    observer: &dyn Observer,
    mut told: impl FnMut(&Place, &Deletion, Result<Deleted, NotDeleted>),
) -> Result<(), NoDeletePlan> {
    let now = look(request).await?;
    let now: Vec<&Deletion> = now.regions.iter().flat_map(|region| &region.deletions).collect();
    let mut left: BTreeSet<&str> = BTreeSet::new();
    for RegionDeletions { place, fleet, deletions, .. } in &plan.regions {
        for deletion in deletions {
            let found = now.iter().find(|it| it.ami == deletion.ami);
            let why = if left.contains(deletion.ami.as_str()) {
                Some(NotDeleted::CopiesLeft)
            } else {
                speaks_against(deletion, found.copied(), force).map(NotDeleted::Objected)
            };
            let done = match why {
                Some(why) => Err(why),
                None => delete(&place.cloud, deletion, actor, observer).await,
            };
            if done.is_err() {
                let known = fleet.as_ref().and_then(|fleet| fleet.get(&deletion.ami));
                left.extend(known.and_then(|known| known.copy_of.as_deref()));
            }
            told(place, deletion, done);
        }
    }
    Ok(())
}

/// What keeps an AMI from being deleted, given what is found now. What is gone by now is no
/// reason: its snapshots may be left. Pure.
fn speaks_against(planned: &Deletion, now: Option<&Deletion>, force: bool) -> Option<Objection> {
    let new = now.into_iter().flat_map(|now| &now.objections);
    let mut new = new.filter(|it| !planned.objections.iter().any(|known| known.is_same(it)));
    planned.refusals(force).next().or_else(|| new.next()).cloned()
}

async fn look(request: &DeleteRequest<'_>) -> Result<DeletePlan, NoDeletePlan> {
    let DeleteRequest { cloud, consumers, amis, .. } = *request;
    let first = cloud.fleet(consumers.namespace).await?;
    let (mut regions, unknown) = empty(request, &first).await;
    let mut missing = Vec::new();
    for id in amis {
        let known = if first.get(id).is_some() { unknown.as_slice() } else { &[] };
        if !find(request, id, &mut regions, known).await.map_err(NoDeletePlan::Cloud)? {
            missing.push(id.clone());
        }
    }
    let holders = consumers.holders(cloud, &first).await;
    for region in &mut regions {
        region.dangling = add_users(&region.place.cloud, &holders, &mut region.deletions).await;
    }
    Ok(DeletePlan { regions, missing })
}

/// The regions, and why copies in some of them cannot be looked at.
async fn empty(
    request: &DeleteRequest<'_>,
    first: &Arc<Fleet>,
) -> (Vec<RegionDeletions>, Vec<Objection>) {
    let Consumers { namespace, templates, .. } = request.consumers;
    let (mut regions, mut unknown) = (Vec::new(), Vec::new());
    for place in places(templates, request.cloud) {
        let fleet = match &place.region {
            None => Some(first.clone()),
            Some(region) => match place.cloud.fleet(namespace).await {
                Ok(fleet) => Some(fleet),
                Err(error) => {
                    let (region, error) = (region.clone(), error.to_string());
                    unknown.push(Objection::Copies { region, error });
                    None
                }
            },
        };
        let (deletions, dangling) = Default::default();
        regions.push(RegionDeletions { place, deletions, dangling, fleet });
    }
    (regions, unknown)
}

/// Finds an AMI, and adds it to what is deleted, after its copies: while it is there, a repeat finds them.
/// `false`: it is nowhere.
async fn find(
    request: &DeleteRequest<'_>,
    id: &str,
    regions: &mut [RegionDeletions],
    unknown: &[Objection],
) -> Result<bool, InRegion<CloudError>> {
    let is_gone = request.is_gone;
    let is_original = regions.iter().any(|it| it.place.region.is_none() && it.has(id));
    for region in regions.iter_mut().filter(|_| is_original) {
        let Some(fleet) = region.fleet.clone() else { continue };
        for copy in fleet.copies_of(id) {
            let deletion = examine(&region.place.cloud, &fleet, &copy.ami, is_gone).await;
            region.add(deletion.map_err(|error| region.place.failed(error))?);
        }
    }
    // Where it is known by the namespace; else in the first, where it may be another's.
    let owns = regions.iter().position(|region| region.has(id));
    let order = owns.map_or_else(|| (0..regions.len()).rev().collect(), |owner| vec![owner]);
    for index in order {
        let region = &mut regions[index];
        let Some(fleet) = region.fleet.clone() else { continue };
        let deletion = examine(&region.place.cloud, &fleet, id, is_gone).await;
        let deletion = deletion.map_err(|error| region.place.failed(error))?;
        if let Some(mut deletion) = deletion {
            deletion.objections.extend(unknown.iter().cloned());
            region.add(Some(deletion));
            return Ok(true);
        }
    }
    Ok(false)
}

impl RegionDeletions {
    fn has(&self, id: &str) -> bool {
        self.fleet.as_ref().is_some_and(|fleet| fleet.get(id).is_some())
    }

    /// Each once.
    fn add(&mut self, deletion: Option<Deletion>) {
        let is_new = |it: &Deletion| self.deletions.iter().all(|old| old.ami != it.ami);
        let new = deletion.filter(is_new);
        self.deletions.extend(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::standing::Standing;
    use crate::operations::usage::User;

    #[test]
    fn what_was_not_told_keeps_an_ami_even_by_force() {
        let used = || Objection::Used(User::Instance { id: "i-1".into(), state: "running".into() });
        let deletion = |objections: Vec<Objection>| Deletion {
            ami: "ami-1".into(),
            name: "agent".into(),
            snapshots: Vec::new(),
            deregistered: false,
            objections,
            was_shared: false,
            standing: Standing::default(),
        };
        let known = || Objection::OutsideNamespace;
        let unknown = |id: &str| Objection::Unknown {
            what: "instances".into(),
            error: format!("UnauthorizedOperation (request id {id})"),
        };
        let against = |planned: Vec<Objection>, now: Option<Vec<Objection>>, force: bool| {
            speaks_against(&deletion(planned), now.map(deletion).as_ref(), force)
        };
        assert_eq!(against(vec![], Some(vec![]), false), None);
        assert_eq!(against(vec![], None, false), None);
        assert_eq!(against(vec![], Some(vec![used()]), true), Some(used()));
        assert_eq!(against(vec![known()], Some(vec![known()]), false), Some(known()));
        assert_eq!(against(vec![known()], Some(vec![known()]), true), None);
        assert_eq!(against(vec![known()], Some(vec![known(), used()]), true), Some(used()));
        // What errors say of the same, and who is told of late, is no news.
        assert_eq!(against(vec![unknown("1")], Some(vec![unknown("2")]), true), None);
        let account = Objection::Used(User::Account {
            account: "123456789012".into(),
            kind: "ec2:Instance".into(),
            count: 3,
        });
        let pending = Objection::NotReported("amiur-1".into());
        assert_eq!(against(vec![pending], Some(vec![account]), true), None);
    }
}
