//! What was deleted and is kept in the Recycle Bin.

use jiff::Timestamp;

use crate::ec2::action::Action;
use crate::ec2::client::{Cloud, was_known};
use crate::ec2::error::{CloudError, CloudErrorKind};

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
        self.turn(Action::ListImagesInRecycleBin, id).await;
        let request = self.ec2.list_images_in_recycle_bin().image_ids(id);
        let answer = request.send().await;
        let answer = answer.map_err(|error| CloudError::new(Action::ListImagesInRecycleBin, error));
        let images = match answer {
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
    pub(crate) async fn binned_snapshots_of(&self, image: &str) -> Result<Vec<String>, CloudError> {
        self.turn(Action::ListSnapshotsInRecycleBin, image).await;
        let request = self.ec2.list_snapshots_in_recycle_bin();
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(snapshot) = pages.next().await {
            let snapshot = snapshot
                .map_err(|error| CloudError::new(Action::ListSnapshotsInRecycleBin, error))?;
            let description = snapshot.description.unwrap_or_default();
            let is_of = is_made_for(&description, image);
            found.extend(snapshot.snapshot_id.filter(|_| is_of));
        }
        Ok(found)
    }

    /// Takes a snapshot out of the Recycle Bin; `false` when it is not there.
    pub(crate) async fn restore_snapshot(&self, id: &str) -> Result<bool, CloudError> {
        self.turn(Action::RestoreSnapshotFromRecycleBin, id).await;
        let answer = self.ec2.restore_snapshot_from_recycle_bin().snapshot_id(id).send().await;
        was_known(
            answer
                .map(drop)
                .map_err(|error| CloudError::new(Action::RestoreSnapshotFromRecycleBin, error)),
        )
    }

    /// Takes an image out of the Recycle Bin.
    pub(crate) async fn restore_image(&self, id: &str) -> Result<(), CloudError> {
        self.turn(Action::RestoreImageFromRecycleBin, id).await;
        let answer = self.ec2.restore_image_from_recycle_bin().image_id(id).send().await;
        answer.map(drop).map_err(|error| CloudError::new(Action::RestoreImageFromRecycleBin, error))
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
