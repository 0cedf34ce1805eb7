//! Snapshots of images that go.

use std::time::Duration;

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::id::{AmiId, SnapshotId};

/// How often, and how far apart, a snapshot is tried that is in use by nothing that shows.
const IN_USE_TRIES: u32 = 5;
const IN_USE_PAUSE: Duration = Duration::from_secs(2);

/// Deletes a snapshot, unless images use it: these are returned. It counts as in use for a
/// moment after its image is deregistered.
pub(crate) async fn drop_snapshot(cloud: &Cloud, id: &str) -> Result<Vec<AmiId>, CloudError> {
    for _ in 0..IN_USE_TRIES {
        if cloud.delete_snapshot(id).await? {
            return Ok(Vec::new());
        }
        let users = cloud.images_of_snapshot(id).await?;
        if !users.is_empty() {
            return Ok(users.into_iter().map(|image| image.id).collect());
        }
        tokio::time::sleep(IN_USE_PAUSE).await;
    }
    Err(CloudError::answer(Action::DeleteSnapshot, format!("{id} is still in use")))
}

/// Deregisters an image whose snapshots are to go after it: which these are is noted on them first.
pub(crate) async fn deregister(
    cloud: &Cloud,
    image: &str,
    snapshots: &[SnapshotId],
    is_protected: bool,
) -> Result<(), CloudError> {
    cloud.note_image(snapshots, image).await?;
    if is_protected {
        cloud.unprotect(image).await?;
    }
    cloud.deregister(image).await.map(drop)
}
