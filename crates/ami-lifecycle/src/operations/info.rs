//! Everything known of one AMI, back to the base that the first was baked from.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde::Serialize;

use crate::consumer::{ConsumerState, Consumers};
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::ami::{Ami, SourceRecord, Status};
use crate::model::fleet::Fleet;
use crate::model::id::AmiId;
use crate::operations::agents::{OlderAgent, older_agents};
use crate::operations::usage::{self, OtherAccounts, User};

/// An AMI that another was baked from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ancestor {
    /// Its id.
    pub ami: String,
    /// Its name; `None` when it does not exist any more.
    pub name: Option<String>,
    /// The account that owns it.
    pub owner: Option<String>,
    /// The template it was baked for, when it is of this namespace.
    pub template: Option<String>,
    /// Its generation, when it is of this namespace.
    pub generation: Option<u64>,
    /// Where its script came from, when it is of this namespace.
    pub source: Option<SourceRecord>,
}

/// All that is known of an AMI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Info {
    /// The AMI itself.
    #[serde(flatten)]
    pub ami: Ami,
    /// What made it what it is to its template, and when.
    pub because: String,
    /// What it was baked from, the nearest first.
    pub lineage: Vec<Ancestor>,
    /// Who uses it.
    pub users: Vec<User>,
    /// Who may use it, as that could not be determined: what, and why not.
    pub unknown_users: Vec<(String, String)>,
    /// What is to be told of users that name what is not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dangling: Vec<String>,
    /// Who else may launch it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<String>,
    /// Its copies in the other regions of its template.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<RegionalCopy>,
    /// The consumers of its template, and what they name now.
    pub consumers: Vec<ConsumerState>,
    /// If it is its template's current one: instances that run others of the template.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub older_agents: Vec<OlderAgent>,
}

/// An AMI's copy in another region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegionalCopy {
    /// The region.
    pub region: String,
    /// The copy; `None` where there is none.
    pub ami: Option<AmiId>,
    /// What it is there.
    pub status: Option<Status>,
    /// Why that could not be determined, if so.
    pub unknown: Option<String>,
}

/// An AMI or a template that is to be told about.
pub struct InfoRequest<'a> {
    /// The account in the first region, and what there is.
    pub first: (&'a Cloud, &'a Fleet),
    /// The account in the region where the AMI is looked for, and what there is.
    pub at: (&'a Cloud, &'a Fleet),
    /// The consumers of all templates.
    pub consumers: Consumers<'a>,
    /// An AMI's id, or a template's name.
    pub subject: &'a str,
}

/// No chain of bases is this long; it ends a circle of wrong tags.
const LONGEST_LINEAGE: usize = 100;

/// Finds an AMI by its id, or a template's current one by the template's name.
///
/// # Errors
/// When a call fails.
pub async fn info(request: &InfoRequest<'_>) -> Result<Option<Info>, CloudError> {
    let InfoRequest { first, at: (cloud, fleet), consumers, subject } = *request;
    let Some(ami) = fleet.get(subject).or_else(|| fleet.current(subject)) else { return Ok(None) };
    let mut lineage = Vec::new();
    let mut next = ami.base_ami.clone();
    while !next.is_empty() && lineage.len() < LONGEST_LINEAGE {
        let ancestor = ancestor(cloud, fleet, &next).await?;
        next = fleet.get(&next).map(|ami| ami.base_ami.clone()).unwrap_or_default();
        lineage.push(ancestor);
    }
    let id = std::slice::from_ref(&ami.ami);
    let mut usage = usage::of(cloud, id).await;
    let shared_with = cloud.shared_with(&ami.ami).await.unwrap_or_else(|error| {
        usage.unknown.push(("accounts that may launch it".into(), error.to_string()));
        BTreeSet::new()
    });
    match usage::other_accounts(cloud, (&ami.ami, ami.was_shared()), false).await {
        Ok(OtherAccounts::NotAsked) => {}
        Ok(OtherAccounts::Users(users)) => {
            usage.users.extend(users.into_iter().map(|user| (ami.ami.clone(), user)));
        }
        Ok(OtherAccounts::NotYet(report)) => {
            let why = match report {
                Some(report) => format!("EC2 is preparing the usage report {report}"),
                None => format!(
                    "there is no usage report; `amiable delete {} --dry-run` requests one",
                    ami.ami
                ),
            };
            usage.unknown.push(("other accounts".into(), why));
        }
        Err(error) => usage.unknown.push(("other accounts".into(), error.to_string())),
    }
    let mut states = consumers.states(first.0, first.1).await;
    usage.add_holders(&consumers.holders_of(&states), id);
    states.retain(|state| state.template == ami.template);
    let older_agents = match ami.status {
        Status::Current => older_agents(cloud, fleet, &ami.template, &ami.ami).await?,
        _ => Vec::new(),
    };
    Ok(Some(Info {
        ami: ami.clone(),
        because: because(fleet, ami),
        lineage,
        users: usage.users.into_iter().map(|(_, user)| user).collect(),
        unknown_users: usage.unknown,
        dangling: usage.dangling,
        shared_with: shared_with.iter().map(ToString::to_string).collect(),
        copies: copies(request, ami).await,
        consumers: states,
        older_agents,
    }))
}

/// The copies of an AMI in the other regions that its template names.
async fn copies(request: &InfoRequest<'_>, ami: &Ami) -> Vec<RegionalCopy> {
    let InfoRequest { first: (cloud, _), consumers, .. } = request;
    let template = consumers.templates.iter().find(|template| template.name == ami.template);
    let destinations = template.filter(|_| ami.region == cloud.region());
    let destinations = destinations.into_iter().flat_map(|it| &it.distribution.destinations);
    let copy = async |region: &str| {
        let there = cloud.in_region(region).fleet(consumers.namespace).await;
        let unknown = there.as_ref().err().map(ToString::to_string);
        let found = there.ok().and_then(|there| {
            let mut copies = there.copies_of(&ami.ami);
            copies.next().map(|copy| (copy.ami.clone(), copy.status))
        });
        let (id, status) = found.unzip();
        RegionalCopy { region: region.to_owned(), ami: id, status, unknown }
    };
    join_all(destinations.map(|it| copy(&it.region))).await
}

/// Why an AMI has its status: its own reason, or what has taken its place since.
fn because(fleet: &Fleet, ami: &Ami) -> String {
    let own = ami.reason.clone().unwrap_or_default();
    let current = fleet.current(&ami.template);
    match ami.status {
        Status::Previous => {
            let Some(current) = current else { return format!("it is {}", ami.state) };
            let since = current.promoted.as_deref().unwrap_or_default();
            let reason = current.reason.as_deref().unwrap_or_default();
            let (id, generation) = (&current.ami, current.generation);
            format!("generation {generation} ({id}) is current since {since}: {reason}")
        }
        Status::Failed => ami.state_reason.clone().unwrap_or(own),
        Status::Pending if own.is_empty() => {
            format!("its bake by {} is in progress, or was cut off", ami.operator)
        }
        Status::Foreign | Status::Unreadable => {
            ami.tampering().map_or(own, |how| format!("{how}: {}", how.hint(&ami.ami)))
        }
        Status::Current | Status::Pending | Status::Quarantined => own,
    }
}

async fn ancestor(cloud: &Cloud, fleet: &Fleet, id: &str) -> Result<Ancestor, CloudError> {
    if let Some(ami) = fleet.get(id) {
        return Ok(Ancestor {
            ami: ami.ami.clone().into(),
            name: Some(ami.name.clone()),
            owner: None,
            template: Some(ami.template.clone()),
            generation: Some(ami.generation),
            source: Some(ami.source.clone()),
        });
    }
    let image = cloud.image(id).await?;
    Ok(Ancestor {
        ami: id.to_owned(),
        name: image.as_ref().map(|image| image.name.clone()),
        owner: image.map(|image| image.owner),
        template: None,
        generation: None,
        source: None,
    })
}
