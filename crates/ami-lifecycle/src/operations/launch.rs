//! Starting a machine of amiable's and logging in: the builder, and the one that proves
//! an AMI.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::ec2::access::Asker;
use crate::ec2::action::Action;
use crate::ec2::client::filter;
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::ec2::instances::{BootImage, Launch};
use crate::ec2::recover::found_all_the_same;
use crate::ec2::wait;
use crate::guest::about::About;
use crate::guest::error::ended;
use crate::guest::kept_login::KeptLogin;
use crate::guest::site::Site;
use crate::guest::{Found, Guest, GuestKeys};
use crate::model::event::Event;
use crate::model::facts::InstanceFacts;
use crate::model::id::InstanceId;
use crate::model::launch_spec::{LaunchSpec, Place};
use crate::model::lease::IsGone;
use crate::model::ownership::{OwnershipTags, new_bake};
use crate::model::resume;
use crate::model::tags::{self, Tags};
use crate::model::template::KeyPair;
use crate::operations::error::BakeError;
use crate::operations::ssh_from;
use crate::operations::undo::Undo;

/// When EC2 is asked first, and then how often, whether an instance without a login still
/// lives.
const FIRST_LIVENESS: Duration = Duration::from_secs(3);
const LIVENESS: Duration = Duration::from_secs(30);

/// A machine to be started.
pub(crate) struct Order<'a> {
    pub(crate) site: Site<'a>,
    pub(crate) marks: &'a OwnershipTags<'a>,
    pub(crate) image: BootImage<'a>,
    pub(crate) spec: LaunchSpec,
    /// What EC2 shows as its name.
    pub(crate) name: String,
    /// What the machine is for.
    pub(crate) stage: &'static str,
    /// More tags.
    pub(crate) tags: Tags,
    /// The template's own user data.
    pub(crate) user_data: Option<&'a str>,
    /// What the image says of its instances' metadata service is to be seen.
    pub(crate) imds_of_image: bool,
    /// Of two builders of one template at once, only the first goes on.
    pub(crate) alone: bool,
    /// Tells whether the process of an owner has ended for certain.
    pub(crate) is_gone: IsGone<'a>,
    /// What scripts learn of the bake.
    pub(crate) about: About,
    /// Nothing was ever baked in the namespace.
    pub(crate) is_first: bool,
}

/// A machine that is logged in to.
pub(crate) struct Started {
    pub(crate) id: InstanceId,
    pub(crate) guest: Guest,
    pub(crate) login: KeptLogin,
}

/// Starts a machine. What it makes on the way is put on the list of what is undone.
pub(crate) async fn start(order: &Order<'_>, undo: &mut Undo) -> Result<Started, BakeError> {
    let Order { site, marks, .. } = order;
    let keys = GuestKeys::prepare(site.template)?;
    let temporary = (site.template.key_pair == KeyPair::Temporary).then(|| keys.label.clone());
    if let Some(name) = &temporary {
        undo.key_pair(name);
        let mut tags = marks.on(name.clone());
        tags.insert(tags::STAGE.to_owned(), order.stage.to_owned());
        site.cloud.import_key_pair(name, &keys.login_public(), &tags).await?;
    }
    let key_pair = match &site.template.key_pair {
        KeyPair::Existing { name, .. } => Some(name.as_str()),
        KeyPair::None | KeyPair::Temporary => temporary.as_deref(),
    };
    let groups = groups(order, undo).await?;
    let id = launch(order, &keys, (key_pair, &groups), undo).await?;
    site.observer.event(Event::Note(format!("instance {id}")));
    let (address, is_public) = wait_for_address(order, &id).await?;
    let found = Found { instance: &id, address, is_public, groups: &groups };
    let looked = AtomicBool::new(false);
    let (guest, login) = tokio::select! {
        reached = Guest::reach(*site, &found, keys, (&marks.bake, &order.about)) => reached?,
        error = what_ends_it(order, &id, &looked) => return Err(error),
    };
    // At the first look the other's machine may not have shown yet.
    if order.alone && !looked.load(Ordering::Relaxed) {
        look_again(order, &id).await?;
    }
    if let Some(name) = &temporary {
        site.cloud.delete_key_pair(name).await?;
        undo.forget_key_pair(name);
    }
    Ok(Started { id, guest, login })
}

/// The security groups that let this machine in: the template's, or amiable's own.
async fn groups(order: &Order<'_>, undo: &mut Undo) -> Result<Vec<String>, BakeError> {
    let Order { site, marks, is_gone, is_first, .. } = *order;
    if !site.template.launch.security_groups.is_empty() {
        return named_groups(site).await;
    }
    let scope = ssh_from::scope(&site, marks.namespace).await?;
    let whole = site.template.timeouts.whole();
    let asker = Asker { cloud: site.cloud, marks, whole, is_gone, is_first };
    undo.access(&scope);
    // Not cancelled half way: what is made must be known to be taken back.
    Ok(vec![site.cloud.accesses().join(&asker, &scope).await?])
}

/// The template's own. A network interface takes groups by id only. Groups of several VPCs may
/// have one name; where names are allowed, the machine is in the default VPC.
async fn named_groups(site: Site<'_>) -> Result<Vec<String>, BakeError> {
    let named = &site.template.launch.security_groups;
    let by_id = named.iter().all(|group| group.starts_with("sg-"));
    if by_id || site.template.launch.public_ip.is_none() {
        return Ok(named.clone());
    }
    let vpc = site.cloud.default_vpc().await?.unwrap_or_default();
    let mut found = site.cloud.ingress(named).await?;
    found.retain(|group| group.vpc == vpc || named.contains(&group.id));
    if let Some(missing) = named.iter().find(|it| found.iter().all(|group| !group.is(it))) {
        let message = format!("there is no security group {missing}");
        let error = CloudError::answer(Action::DescribeSecurityGroups, message);
        return Err(CloudError { kind: CloudErrorKind::NotFound, ..error }.into());
    }
    Ok(found.into_iter().map(|group| group.id).collect())
}

async fn launch(
    order: &Order<'_>,
    keys: &GuestKeys,
    (key_pair, groups): (Option<&str>, &[String]),
    undo: &mut Undo,
) -> Result<InstanceId, BakeError> {
    let site = &order.site;
    // Where there is no Spot Instance to be had, there may be one on demand.
    let on_demand = LaunchSpec { spot: None, ..order.spec.clone() };
    let mut all: Vec<(&LaunchSpec, Place<'_>)> = Vec::new();
    for spec in [Some(&order.spec), order.spec.spot.is_some().then_some(&on_demand)] {
        all.extend(
            spec.into_iter().flat_map(|it| it.places().into_iter().map(move |place| (it, place))),
        );
    }
    let (last, others) = all.split_last().expect("a template has an instance type");
    for (spec, place) in others {
        match launch_in(order, keys, (key_pair, groups), (spec, *place), undo).await {
            Err(BakeError::Cloud(error)) if is_of_place(&error) => {
                let market = if spec.spot.is_some() { " as a Spot Instance" } else { "" };
                let text = format!("{place}{market}: {error}; trying the next");
                site.observer.event(Event::Note(text));
            }
            other => return other,
        }
    }
    launch_in(order, keys, (key_pair, groups), *last, undo).await
}

/// Whether a machine of another type or in another place may be started all the same.
fn is_of_place(error: &CloudError) -> bool {
    let is_of_volumes =
        |code: &str| ["VolumeLimitExceeded", "MaxIOPSLimitExceeded"].contains(&code);
    error.kind == CloudErrorKind::Limit && !error.code.as_deref().is_some_and(is_of_volumes)
}

async fn launch_in(
    order: &Order<'_>,
    keys: &GuestKeys,
    (key_pair, groups): (Option<&str>, &[String]),
    (spec, place): (&LaunchSpec, Place<'_>),
    undo: &mut Undo,
) -> Result<InstanceId, BakeError> {
    let Order { site, marks, .. } = order;
    let template = site.template;
    let mut tags = marks.on(order.name.clone());
    tags.insert(tags::STAGE.to_owned(), order.stage.to_owned());
    tags.extend(order.tags.clone());
    let whole = template.timeouts.whole();
    let token = format!("amiable-{}", new_bake());
    let encryption = template.distribution.encrypt.as_ref();
    let key = encryption.and_then(|encryption| encryption.key_in(site.cloud.region()));
    let launch = Launch {
        image: &order.image,
        spec,
        place,
        security_groups: groups,
        kms_key: key,
        user_data: &keys.user_data(template, whole, order.user_data),
        key_pair,
        // Of this attempt only: a bake that is gone on with starts another machine.
        client_token: &token,
        imds_of_image: order.imds_of_image,
        tags: &tags,
    };
    site.or_cancel(site.cloud.turn(Action::RunInstances, &token)).await?;
    // Not cancelled half way: the id must be known for the instance to be ended.
    undo.begin_launch();
    let id = match site.cloud.launch(&launch).await {
        Ok(id) => id,
        Err(error) if !error.may_have_happened() => {
            undo.launch_was_refused();
            return Err(error.into());
        }
        Err(error) => {
            let look = async || {
                let found = site.cloud.live_instances(vec![filter("client-token", &token)]).await?;
                Ok(found.into_iter().map(|it| it.id).collect())
            };
            found_all_the_same(error, look).await?
        }
    };
    undo.instance(&id);
    Ok(id)
}

/// Waits until the machine has the address that it will keep. The same look shows who else
/// bakes the template. Returns the address, and whether it is the public one.
async fn wait_for_address(order: &Order<'_>, id: &str) -> Result<(IpAddr, bool), BakeError> {
    let Order { site, .. } = order;
    let mut waiting = site.cloud.machines_awaited().wait_for(id);
    let judge = |found: &[InstanceFacts]| {
        // EC2 may not show it yet.
        let Some(facts) = judge(order, id, found)? else { return Ok(None) };
        let reach = &site.template.reach;
        let address = reach.address_of(facts);
        if address.is_none() && facts.state == "running" {
            let reason = reach.missing();
            return Err(BakeError::NoAddress { instance: id.to_owned(), reason });
        }
        Ok(address.map(|it| (it, facts.public == Some(it))))
    };
    let ask = async |ids| site.cloud.machines_with(order.marks.namespace, ids).await;
    let limit = site.template.timeouts.boot;
    let waited = wait::together(limit, site.cancel, &mut waiting, ask, judge).await;
    waited.map_err(|error| BakeError::waiting("the start of the instance", error))
}

/// What was seen of a machine that should come up: that it has ended, or that another bake
/// goes first, ends the bake.
fn judge<'f>(
    order: &Order<'_>,
    id: &str,
    found: &'f [InstanceFacts],
) -> Result<Option<&'f InstanceFacts>, BakeError> {
    let template = order.marks.template;
    if order.alone {
        let is_its =
            |it: &&InstanceFacts| it.tags.get(tags::TEMPLATE).map(String::as_str) == Some(template);
        let machines: Vec<InstanceFacts> = found.iter().filter(is_its).cloned().collect();
        if let Some(busy) =
            resume::goes_first(&machines, id, template, order.is_gone, Timestamp::now())
        {
            return Err(BakeError::Busy(busy));
        }
    }
    let Some(facts) = found.iter().find(|it| it.id == id) else { return Ok(None) };
    ended(id, &facts.state, facts.reason.clone())?;
    Ok(Some(facts))
}

/// Ends with what keeps a machine from ever being logged in to, if anything does; looked for
/// only now and then, as it is the port that tells when there is a login.
async fn what_ends_it(order: &Order<'_>, id: &str, looked: &AtomicBool) -> BakeError {
    let mut pause = FIRST_LIVENESS;
    loop {
        tokio::time::sleep(pause).await;
        pause = LIVENESS;
        if let Err(error) = look_again(order, id).await {
            return error;
        }
        looked.store(true, Ordering::Relaxed);
    }
}

/// One more look at a machine that should come up, shared with others.
async fn look_again(order: &Order<'_>, id: &str) -> Result<(), BakeError> {
    let cloud = order.site.cloud;
    let mut waiting = cloud.machines_awaited().wait_for(id);
    let ask = async |ids| cloud.machines_with(order.marks.namespace, ids).await;
    match waiting.look(ask).await {
        Ok(round) => judge(order, id, &round.found).map(drop),
        Err(error) if error.is_transient() => Ok(()),
        Err(error) => Err(error.into()),
    }
}
