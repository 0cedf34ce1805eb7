//! What a plan is made from, observed in few calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::consumer::change::{RollRequest, RollTarget, Rolled};
use crate::consumer::{Files, plan_roll};
use crate::ec2::client::Cloud;
use crate::ec2::error::{CloudError, chain};
use crate::model::event::Event;
use crate::model::fleet::Fleet;
use crate::model::template::{Namespace, Source, Template};
use crate::operations::bake::name::names_taken;
use crate::operations::base::NewestBases;
use crate::operations::plan::request::PlanRequest;
use crate::source;

/// As many repositories are asked at once.
const AT_ONCE: usize = 16;

/// The fleets of regions by their names, or why they could not be looked at.
pub(super) type Fleets = BTreeMap<String, Result<Arc<Fleet>, String>>;

/// All that a plan is made from.
pub(super) struct Facts {
    pub(super) fleet: Arc<Fleet>,
    pub(super) bases: NewestBases,
    /// By template.
    pub(super) revisions: BTreeMap<String, Result<Option<String>, String>>,
    /// By template; in all of its regions.
    pub(super) consumers: BTreeMap<String, Vec<Rolled>>,
    /// What there is in the regions that AMIs are copied to.
    pub(super) elsewhere: Fleets,
    /// Who has the name of each template's next AMI, as far as somebody has it.
    pub(super) names: BTreeMap<String, String>,
    pub(super) now: Timestamp,
}

impl Facts {
    /// Looks at everything that may be out of date.
    pub(super) async fn observe(request: &PlanRequest<'_>) -> Result<Facts, CloudError> {
        let PlanRequest { cloud, namespace, pattern, templates, now, .. } = *request;
        let sources = templates.iter().map(|it| (it.name.clone(), it.source.clone())).collect();
        let (fleet, bases, revisions, elsewhere) = tokio::join!(
            async {
                match request.fleet {
                    Some(fleet) => Ok(fleet.clone()),
                    None => cloud.fleet(namespace).await,
                }
            },
            NewestBases::look_up(cloud, templates),
            revisions(sources),
            fleets_elsewhere(cloud, namespace, templates)
        );
        let fleet = fleet?;
        let consumers = if request.with_consumers {
            moves(request, &fleet, &elsewhere).await
        } else {
            BTreeMap::new()
        };
        let names = names_taken(cloud, &fleet, namespace, pattern, templates).await?;
        let names = names.into_iter().map(|(template, taken)| {
            let hint = taken.hint();
            (template, format!("{taken}; {hint}"))
        });
        let names = names.collect();
        Ok(Facts { names, fleet, bases, revisions, consumers, elsewhere, now })
    }
}

/// What there is in each region that a template's AMIs are copied to.
async fn fleets_elsewhere(cloud: &Cloud, namespace: &Namespace, templates: &[&Template]) -> Fleets {
    let destinations = templates.iter().flat_map(|it| &it.distribution.destinations);
    let regions: BTreeSet<&str> = destinations.map(|it| it.region.as_str()).collect();
    let look = |region: &str| {
        let (region, cloud) = (region.to_owned(), cloud.in_region(region));
        async move {
            let fleet = cloud.fleet(namespace).await;
            (region, fleet.map_err(|error| chain(&error)))
        }
    };
    join_all(regions.into_iter().map(look)).await.into_iter().collect()
}

/// The revision of each template's source. What several have in common is asked once.
async fn revisions(
    sources: BTreeMap<String, Source>,
) -> BTreeMap<String, Result<Option<String>, String>> {
    let mut distinct: Vec<Source> = Vec::new();
    for source in sources.values() {
        if !distinct.iter().any(|it| it.repository == source.repository) {
            distinct.push(source.clone());
        }
    }
    let limit = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    for source in distinct {
        let limit = limit.clone();
        asking.spawn(async move {
            let _permit = limit.acquire().await;
            let revision = source::current_revision(&source).await;
            (source.repository, revision.map_err(|error| chain(&error)))
        });
    }
    let found = asking.join_all().await;
    let of = |source: &Source| {
        let found = found.iter().find(|(repository, _)| *repository == source.repository);
        found.map_or(Ok(None), |(_, revision)| revision.clone())
    };
    sources.iter().map(|(name, source)| (name.clone(), of(source))).collect()
}

/// What rolling would change in all regions, by template.
async fn moves(
    request: &PlanRequest<'_>,
    fleet: &Fleet,
    elsewhere: &Fleets,
) -> BTreeMap<String, Vec<Rolled>> {
    let mut files = Files::default();
    let mut moves: BTreeMap<String, Vec<Rolled>> = BTreeMap::new();
    for template in request.templates {
        let here = moves_in(request, request.cloud, fleet, template, &mut files).await;
        let all = moves.entry(template.name.clone()).or_default();
        all.extend(here);
        for destination in &template.distribution.destinations {
            let region = &destination.region;
            let Some(Ok(fleet)) = elsewhere.get(region) else { continue };
            let Some(template) = template.in_region(region) else { continue };
            let cloud = request.cloud.in_region(region);
            for mut rolled in moves_in(request, &cloud, fleet, &template, &mut files).await {
                rolled.consumer = format!("{region}: {}", rolled.consumer);
                all.push(rolled);
            }
        }
    }
    moves
}

/// The same in one region.
async fn moves_in(
    request: &PlanRequest<'_>,
    cloud: &Cloud,
    fleet: &Fleet,
    template: &Template,
    files: &mut Files,
) -> Vec<Rolled> {
    let Some(current) = fleet.current(&template.name) else { return Vec::new() };
    let request = RollRequest {
        cloud,
        fleet,
        template,
        target: RollTarget::of(current),
        jenkins: request.jenkins,
        force: false,
        wait: false,
        at_once: false,
        written: None,
        observer: &|_: Event| {},
        cancel: &CancellationToken::new(),
    };
    plan_roll(&request, files).await
}
