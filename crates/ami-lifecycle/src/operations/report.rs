//! All that a report of a fleet shows, looked up once. Nothing is changed.

use jiff::Timestamp;

use crate::consumer::{Consumers, Holders};
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::id::AmiId;
use crate::model::lease::IsGone;
use crate::model::naming::Pattern;
use crate::model::template::Template;
use crate::operations::objection::Objection;
use crate::operations::place::InRegion;
use crate::operations::plan::request::PlanRequest;
use crate::operations::plan::{Planned, plan};
use crate::operations::prune::decision::{Decision, KeepReason};
use crate::operations::prune::region_plan::RegionPrune;
use crate::operations::prune::{PruneRequest, plan_prune};
use crate::operations::usage::{self, User};

/// A report to be made.
#[derive(Clone, Copy)]
pub struct ReportRequest<'a> {
    /// The account in the first region.
    pub cloud: &'a Cloud,
    /// How AMIs are named.
    pub pattern: &'a Pattern,
    /// The templates with their consumers.
    pub consumers: Consumers<'a>,
    /// Tells whether the process of an owner has ended for certain.
    pub is_gone: IsGone<'a>,
    /// So many AMIs `prune` deletes at most.
    pub limit: usize,
}

/// A fleet as it is now.
#[derive(Debug)]
pub struct Report {
    /// When it was looked up.
    pub time: Timestamp,
    /// What is to be done for each template, and why.
    pub planned: Vec<Planned>,
    /// The regions of the configuration, the first one first.
    pub regions: Vec<RegionReport>,
}

/// What there is in a region.
#[derive(Debug)]
pub struct RegionReport {
    /// Its name.
    pub region: String,
    /// Its AMIs, and what `prune` would do.
    pub prune: RegionPrune,
    /// Who uses the AMIs.
    pub users: Vec<(AmiId, User)>,
    /// Who may, as that could not be looked up, and why.
    pub unknown: Vec<(String, String)>,
}

/// Looks up all of a fleet.
///
/// # Errors
/// When a call fails without which nothing can be told of a region.
pub async fn report(request: &ReportRequest<'_>) -> Result<Report, InRegion<CloudError>> {
    let ReportRequest { cloud, pattern, consumers, is_gone, limit } = *request;
    let Consumers { namespace, templates, jenkins, .. } = consumers;
    let at_home = |error| InRegion { region: None, error };
    let time = Timestamp::now();
    let all: Vec<&Template> = templates.iter().collect();
    let prunes = plan_prune(&PruneRequest { cloud, consumers, only: &[], is_gone, limit }).await?;
    let first = match prunes.iter().find(|it| it.place.region.is_none()) {
        Some(prune) => prune.fleet.clone(),
        None => cloud.fleet(namespace).await.map_err(at_home)?,
    };
    let request = PlanRequest {
        cloud,
        namespace,
        pattern,
        templates: &all,
        jenkins,
        fleet: Some(&first),
        with_consumers: true,
        now: time,
    };
    let (planned, holders) = tokio::join!(plan(&request), consumers.holders(cloud, &first));
    let planned = planned.map_err(at_home)?;
    let mut regions = Vec::new();
    for prune in prunes {
        let (users, unknown) = users(&prune, &holders).await;
        let region = prune.place.cloud.region().to_owned();
        regions.push(RegionReport { region, prune, users, unknown });
    }
    // The first region is the last that is pruned.
    regions.rotate_right(1);
    Ok(Report { time, planned, regions })
}

/// Whether it is current, or a rule keeps it to go back to.
fn is_way_back(kept: &KeepReason) -> bool {
    matches!(
        kept,
        KeepReason::Current
            | KeepReason::Before { .. }
            | KeepReason::WayBack
            | KeepReason::RolledBack
    )
}

/// Who uses the AMIs. What is current, or kept as a way back, is looked at closely; so is by `prune` what
/// is to go.
async fn users(
    plan: &RegionPrune,
    holders: &Holders,
) -> (Vec<(AmiId, User)>, Vec<(String, String)>) {
    let amis: Vec<AmiId> = plan.fleet.amis().iter().map(|it| it.ami.clone()).collect();
    let closely = plan.fates.iter().filter(|it| it.kept.iter().any(is_way_back));
    let closely: Vec<AmiId> = closely.map(|it| it.ami.clone()).collect();
    let mut usage = usage::of_fleet(&plan.place.cloud, &amis, &closely).await;
    usage.add_holders(holders, &amis);
    let (mut users, mut unknown) = (usage.users, usage.unknown);
    for Decision { ami, kept, .. } in &plan.fates {
        users.extend(kept.iter().filter_map(|kept| match kept {
            KeepReason::Objected(Objection::Used(user)) => Some((ami.clone(), user.clone())),
            _ => None,
        }));
    }
    unknown.extend(plan.unknown.iter().cloned());
    users.sort();
    users.dedup();
    unknown.sort();
    unknown.dedup();
    (users, unknown)
}
