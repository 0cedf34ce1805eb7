//! What dead bakes have left, and its end. Every resource of a bake carries the process
//! that bakes and the time at which its lease ends: until one of them has ended it may
//! belong to a bake that lives, after that it belongs to nobody.

mod regions;

use std::sync::Arc;

use jiff::Timestamp;

pub use self::regions::{SweepPlan, SweepRequest, carry_out_sweep, plan_sweep};

use crate::consumer::Holders;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::ec2::security_groups::OwnRule;
use crate::ec2::snapshots::{deregister, drop_snapshot};
use crate::model::ami::{Ami, Status};
use crate::model::fleet::Fleet;
use crate::model::id::AmiId;
use crate::model::lease::IsGone;
use crate::model::leftover::Tagged;
use crate::model::leftover::{LeftBecause, LeftKind, Leftover};
use crate::model::resume;
use crate::model::standing::Standing;
use crate::model::tags;
use crate::model::template::Namespace;
use crate::model::unreadable::{UnreadableTag, unreadable_lease};
use crate::operations::claim::{Actor, Claim, NotDeleted, Target, delete_claimed};
use crate::operations::objection::Objection;
use crate::operations::usage::{self, User};

impl Leftover {
    /// Why an image may not be removed: a consumer names it, or may. `None` for all else.
    pub(crate) fn named_by(&self, holders: &Holders) -> Option<String> {
        if self.kind != LeftKind::Image {
            return None;
        }
        let place = holders.of(&self.id).next().map(|naming| format!("{} names it", naming.place));
        place.or_else(|| {
            let (what, error) = holders.unknown.first()?;
            Some(format!("whether it is used by {what} could not be determined: {error}"))
        })
    }
}

/// Why the bake that something belongs to is dead, if it is. Without a lease nobody can
/// tell, and what is left on purpose outlives its process.
fn ended(
    tags: (Option<&str>, &str),
    on_purpose: bool,
    is_gone: IsGone<'_>,
    now: Timestamp,
) -> Option<LeftBecause> {
    let (lease, owner) = tags;
    match lease.map(str::parse::<Timestamp>) {
        Some(Ok(end)) if end < now => Some(LeftBecause::LeaseEnded),
        Some(Ok(_)) if !on_purpose && is_gone(owner) => Some(LeftBecause::ProcessEnded),
        _ => None,
    }
}

/// What was found in a region.
pub(crate) struct Found {
    /// The AMIs.
    pub(crate) fleet: Arc<Fleet>,
    /// What nobody owns any more.
    pub(crate) left: Vec<Leftover>,
    /// The ids of what has a lease that could not be read, so that nobody can tell whose it is.
    pub(crate) unreadable: Vec<(String, UnreadableTag)>,
}

/// All that a namespace has.
#[derive(Debug, Default)]
struct Inventory {
    instances: Vec<Tagged>,
    snapshots: Vec<Tagged>,
    volumes: Vec<Tagged>,
    key_pairs: Vec<Tagged>,
    rules: Vec<OwnRule>,
    groups: Vec<Tagged>,
}

/// What nobody owns any more. Pure.
fn leftovers(fleet: &Fleet, all: &Inventory, is_gone: IsGone<'_>, now: Timestamp) -> Vec<Leftover> {
    let Inventory { instances, snapshots, volumes, key_pairs, rules, groups } = all;
    let is_over = |it: &Tagged| {
        let text = |key: &str| it.tags.get(key).map(String::as_str);
        let kept = text(tags::STAGE) == Some(resume::KEPT);
        ended((text(tags::LEASE), text(tags::OWNER).unwrap_or_default()), kept, is_gone, now)
    };
    let of = |kind| move |it: &Tagged| is_over(it).map(|because| it.left(kind, because));
    let instances = instances.iter().filter_map(of(LeftKind::Instance));
    let unproven =
        |ami: &&Ami| matches!(ami.status, Status::Pending | Status::Failed) && !ami.is_proven();
    let images = fleet.amis().iter().filter(unproven).filter_map(|ami| {
        let because = ended((ami.lease.as_deref(), &ami.owner), false, is_gone, now)?;
        Some(Leftover::of_image(because, ami))
    });
    let is_used =
        |it: &&Tagged| fleet.amis().iter().any(|ami| ami.snapshots.iter().any(|id| *id == it.id));
    // One that was being deleted together with its image is to go at once.
    let orphan = |it: &Tagged| {
        let deleted = it.tags.contains_key(tags::IMAGE).then_some(LeftBecause::ImageDeleted);
        Some(it.left(LeftKind::Snapshot, is_over(it).or(deleted)?))
    };
    let snapshots = snapshots.iter().filter(|it| !is_used(it)).filter_map(orphan);
    // One that is attached goes with its instance, or is that one's.
    let volumes = volumes.iter().filter(|it| it.state == "available");
    // A builder that is kept may have lost its volume to someone who looks at it.
    let volumes = volumes.filter_map(of(LeftKind::Volume));
    let volumes = volumes.filter(|it| it.because == LeftBecause::LeaseEnded);
    let key_pairs = key_pairs.iter().filter_map(of(LeftKind::KeyPair));
    let rules_left = rules.iter().filter_map(|rule| {
        let (id, state) = (rule.id.clone(), format!("in {}", rule.group));
        let it = Tagged { id, state, tags: rule.tags.clone() };
        let left = it.left(LeftKind::SecurityGroupRule, is_over(&it)?);
        Some(Leftover { group: Some(rule.group.clone()), ..left })
    });
    // A standing group serves the next bake as well, for as long as something is baked.
    let is_used = !fleet.amis().is_empty() || !all.instances.is_empty();
    let idle = groups.iter().filter(|it| !is_used && rules.iter().all(|rule| rule.group != it.id));
    let idle = idle.map(|it| it.left(LeftKind::SecurityGroup, LeftBecause::Unused));
    let disks = images.chain(snapshots).chain(volumes);
    instances.chain(disks).chain(key_pairs).chain(rules_left).chain(idle).collect()
}

/// What has a lease that is no time; the tags of AMIs are told with their fleet. Pure.
fn unreadable_leases(all: &Inventory) -> Vec<(String, UnreadableTag)> {
    let Inventory { instances, snapshots, volumes, key_pairs, rules, groups: _ } = all;
    let tagged = [instances, snapshots, volumes, key_pairs].into_iter().flatten();
    let tagged = tagged.map(|it| (&it.id, &it.tags));
    let all = tagged.chain(rules.iter().map(|rule| (&rule.id, &rule.tags)));
    let unreadable = all.filter_map(|(id, tags)| Some((id.clone(), unreadable_lease(tags)?)));
    unreadable.collect()
}

/// Looks for what dead bakes and interrupted deletions have left in a namespace.
///
/// # Errors
/// When a call fails.
pub(crate) async fn find_leftovers(
    cloud: &Cloud,
    namespace: &Namespace,
    is_gone: IsGone<'_>,
    now: Timestamp,
) -> Result<Found, CloudError> {
    // Groups before what uses them: what begins in between shows its use.
    let groups = cloud.groups_of_namespace(namespace).await?;
    let rules = cloud.rules_of_namespace(namespace).await?;
    let instances = cloud.instances_of_namespace(namespace).await?;
    // Snapshots before images: one that is made in between has an image then.
    let snapshots = cloud.snapshots_of_namespace(namespace).await?;
    let fleet = cloud.fleet(namespace).await?;
    let volumes = cloud.volumes_of_namespace(namespace).await?;
    let key_pairs = cloud.key_pairs_of_namespace(namespace).await?;
    let all = Inventory { instances, snapshots, volumes, key_pairs, rules, groups };
    let (left, unreadable) = (leftovers(&fleet, &all, is_gone, now), unreadable_leases(&all));
    Ok(Found { fleet, left, unreadable })
}

/// Who uses an image, or may; machines of its own bake do not count. EC2 itself refuses for all else.
async fn use_of(cloud: &Cloud, leftover: &Leftover) -> Result<Option<Objection>, CloudError> {
    // Nothing starts from what EC2 could not make, or has not made yet.
    if leftover.state != "available" {
        return Ok(None);
    }
    let machines = cloud.instances_of_bake(&leftover.bake).await?;
    let usage = usage::of(cloud, &[AmiId::answered(&*leftover.id)]).await;
    let is_own = |user: &User| matches!(user, User::Instance { id, .. } if machines.iter().any(|it| it == id));
    let user = usage.users.into_iter().map(|(_, user)| user).find(|user| !is_own(user));
    let unknown = usage.unknown.into_iter().next();
    let unknown = unknown.map(|(what, error)| Objection::Unknown { what, error });
    Ok(user.map(Objection::Used).or(unknown))
}

/// Removes one of them, if it is nobody's still. An image or an instance, which a bake may go on with,
/// is claimed first, and nothing uses the image. What is gone already is no error; a snapshot that an image of others uses
/// stays. Returns such images.
///
/// # Errors
/// When it has come into use, or a call fails.
pub(crate) async fn remove_leftover(
    cloud: &Cloud,
    leftover: &Leftover,
    actor: Actor<'_>,
) -> Result<Vec<AmiId>, NotDeleted> {
    let Leftover { id, standing, .. } = leftover;
    match leftover.kind {
        LeftKind::Instance => {
            let end = async |_: &Claim<'_>| Ok(cloud.terminate(id).await.map(drop)?);
            delete_claimed(cloud, Target::Instance(id), standing, actor, end).await?;
        }
        LeftKind::Image => {
            let Leftover { snapshots, protected, .. } = leftover;
            if let Some(why) = use_of(cloud, leftover).await? {
                return Err(NotDeleted::Objected(why));
            }
            let end = async |_: &Claim<'_>| Ok(deregister(cloud, id, snapshots, *protected).await?);
            delete_claimed(cloud, Target::Image(id), standing, actor, end).await?;
            let mut users = Vec::new();
            for snapshot in &leftover.snapshots {
                users.extend(drop_snapshot(cloud, snapshot).await?);
            }
            return Ok(users);
        }
        // EC2 itself refuses where an image or an instance uses it.
        LeftKind::Snapshot => return Ok(drop_snapshot(cloud, id).await?),
        LeftKind::Volume => drop(cloud.delete_volume(id).await?),
        LeftKind::KeyPair => {
            let pairs = cloud.key_pair_tags(id).await?;
            if pairs.is_some_and(|tags| Standing::of(&tags) != *standing) {
                return Err(NotDeleted::InUse);
            }
            cloud.delete_key_pair(id).await?;
        }
        LeftKind::SecurityGroupRule => {
            let group = leftover.group.as_deref().unwrap_or_default();
            cloud.revoke(group, std::slice::from_ref(id)).await?;
        }
        LeftKind::SecurityGroup => {
            // A bake that has begun since has let itself in.
            if !cloud.rules_of_group(id).await?.is_empty() {
                return Err(NotDeleted::InUse);
            }
            cloud.delete_group(id).await?;
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::ImageFacts;
    use crate::model::tags::Tags;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn tagged(id: &str, pairs: &[(&str, &str)]) -> Tagged {
        let tags = pairs.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        Tagged { id: id.into(), state: "running".into(), tags: tags.collect() }
    }

    fn image(id: &str, snapshot: &str, pairs: &[(&str, &str)]) -> Ami {
        let device = crate::model::facts::BlockDevice {
            device: "/dev/xvda".into(),
            snapshot: snapshot.into(),
            size_gib: 1,
        };
        let facts = ImageFacts {
            id: id.into(),
            state: "available".into(),
            block_devices: vec![device],
            tags: tagged(id, pairs).tags,
            ..ImageFacts::default()
        };
        Ami::read(facts, "us-east-1")
    }

    #[test]
    fn what_has_outlived_its_lease_and_nobody_uses_is_left() {
        let (before, after) = ("2026-11-23T11:59:59Z", "2026-11-23T12:00:01Z");
        let instances = [
            tagged("i-dead", &[(tags::LEASE, before)]),
            tagged("i-live", &[(tags::LEASE, after)]),
            tagged("i-unknown", &[]),
            tagged("i-broken", &[(tags::LEASE, "soon")]),
            tagged("i-killed", &[(tags::LEASE, after), (tags::OWNER, "gone")]),
            tagged(
                "i-kept",
                &[(tags::LEASE, after), (tags::OWNER, "gone"), (tags::STAGE, resume::KEPT)],
            ),
        ];
        let fleet = Fleet::new(vec![
            image("ami-dead", "snap-1", &[(tags::LEASE, before)]),
            image("ami-live", "snap-2", &[(tags::LEASE, after)]),
            image("ami-waits", "snap-7", &[(tags::LEASE, tags::NO_LEASE), (tags::OWNER, "gone")]),
            image("ami-current", "snap-3", &[(tags::LEASE, before), (tags::PROMOTED, before)]),
        ]);
        let snapshots = [
            tagged("snap-1", &[(tags::LEASE, before)]),
            tagged("snap-3", &[(tags::LEASE, before)]),
            tagged("snap-4", &[(tags::LEASE, before)]),
            tagged("snap-5", &[(tags::LEASE, after)]),
            tagged("snap-6", &[(tags::LEASE, after), (tags::IMAGE, "ami-gone")]),
            tagged("snap-7", &[(tags::LEASE, after), (tags::OWNER, "gone")]),
            tagged("snap-8", &[(tags::LEASE, after), (tags::OWNER, "gone")]),
        ];
        let key_pairs = [
            tagged("amiable-dead", &[(tags::LEASE, before)]),
            tagged("amiable-live", &[(tags::LEASE, after)]),
        ];
        let volume = |id, state: &str| Tagged {
            state: state.into(),
            ..tagged(id, &[(tags::LEASE, before)])
        };
        let volumes = [volume("vol-free", "available"), volume("vol-held", "in-use")];
        let is_gone = |owner: &str| owner == "gone";
        let now = NOW.parse().unwrap();
        let rule = |id: &str, pairs: &[(&str, &str)]| OwnRule {
            id: id.into(),
            group: "sg-1".into(),
            tags: tagged(id, pairs).tags,
        };
        let all = Inventory {
            instances: instances.into(),
            snapshots: snapshots.into(),
            volumes: volumes.into(),
            key_pairs: key_pairs.into(),
            rules: vec![
                rule("sgr-dead", &[(tags::LEASE, before)]),
                rule("sgr-live", &[(tags::LEASE, after)]),
            ],
            groups: vec![tagged("sg-1", &[])],
        };
        let unreadable: Vec<String> =
            unreadable_leases(&all).iter().map(|(id, tag)| format!("{id}: {tag}")).collect();
        let said = "i-broken: tag amiable:lease is \"soon\", which is not a time as in \
                    2026-11-29T12:00:00Z";
        assert_eq!(unreadable, [said]);
        let left = leftovers(&fleet, &all, &is_gone, now);
        let ids: Vec<&str> = left.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "i-dead",
                "i-killed",
                "ami-dead",
                "snap-4",
                "snap-6",
                "snap-8",
                "vol-free",
                "amiable-dead",
                "sgr-dead"
            ]
        );
        assert_eq!(left[1].because, LeftBecause::ProcessEnded);
        assert_eq!(left[2].snapshots, ["snap-1"]);
        assert_eq!(left[4].because, LeftBecause::ImageDeleted);
    }

    #[test]
    fn a_group_goes_when_nothing_is_baked_in_its_namespace_any_more() {
        let rule = OwnRule { id: "sgr-1".into(), group: "sg-1".into(), tags: Tags::new() };
        let group = || vec![tagged("sg-1", &[])];
        let no_amis = Fleet::new(Vec::new());
        let one = Fleet::new(vec![image("ami-1", "snap-1", &[(tags::PROMOTED, NOW)])]);
        let instances = vec![tagged("i-1", &[])];
        for (fleet, all, count) in [
            (&no_amis, Inventory { groups: group(), ..Inventory::default() }, 1),
            (&one, Inventory { groups: group(), ..Inventory::default() }, 0),
            (&no_amis, Inventory { groups: group(), instances, ..Inventory::default() }, 0),
            (&no_amis, Inventory { groups: group(), rules: vec![rule], ..Inventory::default() }, 0),
        ] {
            let left = leftovers(fleet, &all, &|_: &str| true, NOW.parse().unwrap());
            assert_eq!(left.len(), count, "{all:?}");
        }
    }
}
