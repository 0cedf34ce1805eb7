//! What waits for the disks of instances.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::ec2::Ec2;
use crate::model::{Image, ImageState, Instance, Snapshot, SnapshotState};

/// What is to be made of an instance's disks: a `pending` image, or one snapshot alone.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    pub(super) image: Option<String>,
    pub(super) snapshots: Vec<String>,
}

impl Capture {
    pub(super) fn of_image(image: &Image) -> Capture {
        let snapshots = image.mappings.iter().map(|mapping| mapping.snapshot_id.clone());
        Capture { image: Some(image.id.clone()), snapshots: snapshots.collect() }
    }

    pub(super) fn of_snapshot(snapshot: &Snapshot) -> Capture {
        Capture { image: None, snapshots: vec![snapshot.id.clone()] }
    }

    /// Whether all disks have been taken.
    pub(super) fn is_cut(&self, ec2: &Ec2) -> bool {
        ec2.read(|state| {
            let mut rows = self.snapshots.iter().filter_map(|id| state.snapshots.get(id));
            rows.all(|snapshot| snapshot.layer.is_some())
        })
    }
}

/// What is pending, by whose lock it is under.
pub(super) fn pending(ec2: &Ec2) -> BTreeMap<String, Vec<Capture>> {
    let (images, snapshots) = ec2.read(|state| {
        let images = state.images.iter().filter(|it| it.state == ImageState::Pending);
        let images: Vec<Image> = images.cloned().collect();
        let snapshots = state.snapshots.iter().filter(|snapshot| {
            snapshot.state == SnapshotState::Pending
                && !images.iter().any(|image| image.uses_snapshot(&snapshot.id))
        });
        let snapshots: Vec<Snapshot> = snapshots.cloned().collect();
        (images, snapshots)
    });
    let mut all: BTreeMap<String, Vec<Capture>> = BTreeMap::new();
    for image in images {
        all.entry(holder_of_image(&image)).or_default().push(Capture::of_image(&image));
    }
    for snapshot in snapshots {
        let holder = holder_of(ec2, &snapshot.volume_id);
        all.entry(holder).or_default().push(Capture::of_snapshot(&snapshot));
    }
    all
}

/// Whose lock an image's disks are under until they are taken: its instance's. A copy
/// has none of its own to wait for.
pub(super) fn holder_of_image(image: &Image) -> String {
    image.source_instance.clone().unwrap_or_else(|| image.id.clone())
}

/// Whose lock the disks of a volume are under: its instance's, else its own.
pub(super) fn holder_of(ec2: &Ec2, volume_id: &str) -> String {
    let attached = ec2.read(|state| attached_to(state.instances.iter(), volume_id));
    attached.map_or_else(|| volume_id.to_owned(), |(instance, _)| instance.id)
}

/// The instance that has the volume, and which of its disks it is.
pub(super) fn attached_to<'a>(
    mut instances: impl Iterator<Item = &'a Instance>,
    volume_id: &str,
) -> Option<(Instance, usize)> {
    instances.find_map(|instance| {
        let disk = instance.attachments.iter().position(|it| it.volume_id == volume_id)?;
        Some((instance.clone(), disk))
    })
}

/// Whether images or snapshots wait for an instance's disks.
pub(super) fn is_awaited(ec2: &Ec2, id: &str) -> bool {
    let waiting = pending(ec2).remove(id).unwrap_or_default();
    !waiting.iter().all(|capture| capture.is_cut(ec2))
}

/// The lock of an instance, when nothing waits any more to take its disks.
pub(super) async fn lock_after_captures(ec2: &Ec2, id: &str) -> OwnedMutexGuard<()> {
    loop {
        let lock = ec2.lock(id).await;
        if !is_awaited(ec2, id) {
            return lock;
        }
        drop(lock);
        // Whoever is to take them comes next, or is about to come.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
