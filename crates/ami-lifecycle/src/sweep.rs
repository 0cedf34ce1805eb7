//! What dead bakes have left, and its end. Every resource of a bake carries the time at
//! which its lease ends: until then it may belong to a bake that lives, after that it
//! belongs to nobody.

use jiff::Timestamp;
use serde::Serialize;

use crate::ami::{Ami, Status};
use crate::cloud::Cloud;
use crate::error::CloudError;
use crate::fleet::Fleet;
use crate::tags::{self, Tags};
use crate::template::Namespace;

/// What kind of resource was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LeftKind {
    /// A builder that has not ended.
    Instance,
    /// An image that was never made current.
    Image,
    /// A snapshot without an image.
    Snapshot,
    /// An EC2 key pair of a bake.
    KeyPair,
}

/// Something that a dead bake, or an interrupted deletion, has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftKind,
    /// Its id.
    pub id: String,
    /// Its state, as EC2 names it.
    pub state: String,
    /// The template it was made for.
    pub template: String,
    /// The bake that made it.
    pub bake: String,
    /// Who baked.
    pub operator: String,
    /// When its lease ended.
    pub lease: Option<String>,
    /// The snapshots of an image, which go with it.
    pub snapshots: Vec<String>,
}

/// An instance or snapshot with its tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) tags: Tags,
}

impl Leftover {
    pub(crate) fn of(kind: LeftKind, id: &str, state: &str, tags: &Tags) -> Leftover {
        let tag = |key: &str| tags.get(key).cloned().unwrap_or_default();
        Leftover {
            kind,
            id: id.to_owned(),
            state: state.to_owned(),
            template: tag(tags::TEMPLATE),
            bake: tag(tags::BAKE),
            operator: tag(tags::OPERATOR),
            lease: tags.get(tags::LEASE).cloned(),
            snapshots: Vec::new(),
        }
    }

    pub(crate) fn of_image(ami: &Ami) -> Leftover {
        Leftover {
            kind: LeftKind::Image,
            id: ami.ami.clone(),
            state: ami.state.clone(),
            template: ami.template.clone(),
            bake: ami.bake.clone(),
            operator: ami.operator.clone(),
            lease: ami.lease.clone(),
            snapshots: ami.snapshots.clone(),
        }
    }
}

impl Tagged {
    fn left(&self, kind: LeftKind) -> Leftover {
        Leftover::of(kind, &self.id, &self.state, &self.tags)
    }
}

/// Whether a lease has ended. Without one nobody can tell, so it has not.
fn has_ended(lease: Option<&String>, now: Timestamp) -> bool {
    lease.and_then(|text| text.parse::<Timestamp>().ok()).is_some_and(|end| end < now)
}

/// What nobody owns any more. Pure.
fn leftovers(
    fleet: &Fleet,
    instances: &[Tagged],
    snapshots: &[Tagged],
    key_pairs: &[Tagged],
    now: Timestamp,
) -> Vec<Leftover> {
    let is_over = |it: &&Tagged| has_ended(it.tags.get(tags::LEASE), now);
    let instances = instances.iter().filter(is_over).map(|it| it.left(LeftKind::Instance));
    let unproven = |ami: &&Ami| matches!(ami.status, Status::Pending | Status::Failed);
    let images = fleet.amis().iter().filter(unproven);
    let images = images.filter(|ami| has_ended(ami.lease.as_ref(), now)).map(Leftover::of_image);
    let is_used = |it: &&Tagged| fleet.amis().iter().any(|ami| ami.snapshots.contains(&it.id));
    // One that was being deleted together with its image is to go at once.
    let is_orphan =
        |it: &&Tagged| !is_used(it) && (is_over(it) || it.tags.contains_key(tags::IMAGE));
    let snapshots = snapshots.iter().filter(is_orphan).map(|it| it.left(LeftKind::Snapshot));
    let key_pairs = key_pairs.iter().filter(is_over).map(|it| it.left(LeftKind::KeyPair));
    instances.chain(images).chain(snapshots).chain(key_pairs).collect()
}

/// Looks for what dead bakes and interrupted deletions have left in a namespace.
///
/// # Errors
/// When a call fails.
pub async fn find_leftovers(
    cloud: &Cloud,
    namespace: &Namespace,
    now: Timestamp,
) -> Result<Vec<Leftover>, CloudError> {
    let instances = cloud.instances_of_namespace(namespace).await?;
    // Snapshots before images: one that is made in between has an image then.
    let snapshots = cloud.snapshots_of_namespace(namespace).await?;
    let fleet = cloud.fleet(namespace).await?;
    let key_pairs = cloud.key_pairs_of_namespace(namespace).await?;
    Ok(leftovers(&fleet, &instances, &snapshots, &key_pairs, now))
}

/// Removes one of them. What is gone already is no error; a snapshot that an image of
/// others uses stays.
///
/// # Errors
/// When a call fails.
pub async fn remove_leftover(cloud: &Cloud, leftover: &Leftover) -> Result<(), CloudError> {
    match leftover.kind {
        LeftKind::Instance => cloud.terminate(&leftover.id).await.map(drop),
        LeftKind::Snapshot => cloud.delete_snapshot(&leftover.id).await.map(drop),
        LeftKind::KeyPair => cloud.delete_key_pair(&leftover.id).await,
        LeftKind::Image => {
            cloud.note_image(&leftover.snapshots, &leftover.id).await?;
            cloud.deregister(&leftover.id).await?;
            for snapshot in &leftover.snapshots {
                cloud.delete_snapshot(snapshot).await?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::ImageFacts;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn tagged(id: &str, pairs: &[(&str, &str)]) -> Tagged {
        let tags = pairs.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        Tagged { id: id.into(), state: "running".into(), tags: tags.collect() }
    }

    fn image(id: &str, snapshot: &str, pairs: &[(&str, &str)]) -> Ami {
        let device = crate::ami::BlockDevice {
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
        ];
        let fleet = Fleet::new(vec![
            image("ami-dead", "snap-1", &[(tags::LEASE, before)]),
            image("ami-live", "snap-2", &[(tags::LEASE, after)]),
            image("ami-current", "snap-3", &[(tags::LEASE, before), (tags::PROMOTED, before)]),
        ]);
        let snapshots = [
            tagged("snap-1", &[(tags::LEASE, before)]),
            tagged("snap-3", &[(tags::LEASE, before)]),
            tagged("snap-4", &[(tags::LEASE, before)]),
            tagged("snap-5", &[(tags::LEASE, after)]),
            tagged("snap-6", &[(tags::LEASE, after), (tags::IMAGE, "ami-gone")]),
        ];
        let key_pairs = [
            tagged("amiable-dead", &[(tags::LEASE, before)]),
            tagged("amiable-live", &[(tags::LEASE, after)]),
        ];
        let left = leftovers(&fleet, &instances, &snapshots, &key_pairs, NOW.parse().unwrap());
        let ids: Vec<&str> = left.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["i-dead", "ami-dead", "snap-4", "snap-6", "amiable-dead"]);
        assert_eq!(left[1].snapshots, ["snap-1"]);
    }
}
