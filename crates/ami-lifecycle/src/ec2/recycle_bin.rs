//! What was deleted and is kept in the Recycle Bin.

use jiff::Timestamp;

use crate::ec2::action::Action;
use crate::ec2::client::{Cloud, was_known};
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::model::id::SnapshotId;

/// An image in the Recycle Bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BinnedImage {
    pub(crate) id: String,
    pub(crate) name: String,
    /// When EC2 deletes it for good.
    pub(crate) until: Option<Timestamp>,
}

impl Cloud {
    /// An image in the Recycle Bin, if it is there.
    pub(crate) async fn binned_image(&self, id: &str) -> Result<Option<BinnedImage>, CloudError> {
        let request = self.ec2.list_images_in_recycle_bin().image_ids(id);
        let images = match self.call(Action::ListImagesInRecycleBin, id, request.send()).await {
            Ok(answer) => answer.images.unwrap_or_default(),
            Err(error) if error.kind == CloudErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Whatever the endpoint makes of the id: only this one is meant.
        let image = images.into_iter().find(|image| image.image_id.as_deref() == Some(id));
        Ok(image.map(|image| BinnedImage {
            id: id.to_owned(),
            name: image.name.unwrap_or_default(),
            until: image
                .recycle_bin_exit_time
                .and_then(|time| Timestamp::from_second(time.secs()).ok()),
        }))
    }

    /// The snapshots in the Recycle Bin that an image stands on. EC2 tells only in their
    /// descriptions which image they were made for.
    pub(crate) async fn binned_snapshots_of(
        &self,
        image: &str,
    ) -> Result<Vec<SnapshotId>, CloudError> {
        let request = self.ec2.list_snapshots_in_recycle_bin();
        let pages = request.into_paginator().items().send();
        let mut found = self.pages(Action::ListSnapshotsInRecycleBin, image, pages).await?;
        found.retain(|it| is_made_for(it.description().unwrap_or_default(), image));
        Ok(found.into_iter().filter_map(|it| it.snapshot_id).map(SnapshotId::answered).collect())
    }

    /// Takes a snapshot out of the Recycle Bin; `false` when it is not there.
    pub(crate) async fn restore_snapshot(&self, id: &str) -> Result<bool, CloudError> {
        was_known(
            self.call(
                Action::RestoreSnapshotFromRecycleBin,
                id,
                self.ec2.restore_snapshot_from_recycle_bin().snapshot_id(id).send(),
            )
            .await
            .map(drop),
        )
    }

    /// Takes an image out of the Recycle Bin.
    pub(crate) async fn restore_image(&self, id: &str) -> Result<(), CloudError> {
        self.call(
            Action::RestoreImageFromRecycleBin,
            id,
            self.ec2.restore_image_from_recycle_bin().image_id(id).send(),
        )
        .await
        .map(drop)
    }
}

/// EC2 writes `Created by CreateImage(i-…) for ami-…`, and of copies `Copied for DestinationAmi ami-…
/// from SourceAmi ami-… …`.
fn is_made_for(description: &str, image: &str) -> bool {
    let made_for = description.split(" from ").next().unwrap_or_default();
    made_for.split_whitespace().any(|word| word == image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_tells_the_image_that_it_was_made_for_and_no_other() {
        let created = "Created by CreateImage(i-0abc) for ami-0def";
        let copied = "Copied for DestinationAmi ami-0123 from SourceAmi ami-0def for SourceSnapshot \
                      snap-0456. Task created on 1,790,000,000,000.";
        assert!(is_made_for(created, "ami-0def") && is_made_for(copied, "ami-0123"));
        assert!(!is_made_for(copied, "ami-0def") && !is_made_for(created, "ami-0de"));
        assert!(!is_made_for("", "ami-0def"));
    }
}
