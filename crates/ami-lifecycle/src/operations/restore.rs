//! Bringing back an AMI that was deleted, from EC2's Recycle Bin: its snapshots first, as EC2 wants
//! it. What was restored is there, so that a repeat does what is left.

use crate::ec2::client::Cloud;
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::model::ami::Ami;
use crate::model::event::{Event, Observer};
use crate::model::facts::ImageFacts;
use crate::model::tags;
use crate::model::template::{Namespace, Template};
use crate::operations::claim;
use crate::operations::retire::take_back;

/// Why an AMI was not restored.
#[derive(Debug, thiserror::Error)]
pub enum NotRestored {
    /// The Recycle Bin does not have it.
    #[error("{0} is not in the Recycle Bin")]
    NotInBin(String),
    /// A snapshot of it is gone for good.
    #[error("a snapshot of {0} is not in the Recycle Bin: {1}")]
    SnapshotGone(String, CloudError),
    /// A call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

/// An AMI that is there again.
#[derive(Debug)]
pub struct Restored {
    /// The AMI.
    pub ami: Ami,
    /// It was gone, or its restore had broken off.
    pub was_gone: bool,
}

/// How often, and how far apart, a restored image is looked for: EC2 may be late with it.
const LOOKS: u32 = 10;
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Restores an AMI with its snapshots. It is what it was to its template when it was deleted, but that
/// it does not count as being deleted any more.
///
/// # Errors
/// When it, or a snapshot of it, is not in the Recycle Bin, or a call fails.
pub async fn restore(
    cloud: &Cloud,
    (namespace, templates): (&Namespace, &[Template]),
    id: &str,
    observer: &dyn Observer,
) -> Result<Restored, NotRestored> {
    let was_binned = restore_image(cloud, id, observer).await?;
    let image = seen(cloud, id).await?.ok_or_else(|| NotRestored::NotInBin(id.to_owned()))?;
    let was_claimed = claim::forget_claim(cloud, &image).await?;
    // It was retired before it was deleted.
    let template = image.tags.get(tags::TEMPLATE).map_or("", String::as_str);
    let template = templates.iter().find(|it| it.name == template);
    take_back(cloud, id, template.map(|it| &it.distribution)).await?;
    let known = cloud.fleet(namespace).await?.get(id).cloned();
    let ami = known.unwrap_or_else(|| Ami::read(image, cloud.region()));
    Ok(Restored { ami, was_gone: was_binned || was_claimed })
}

/// `false` when the image is there already: an earlier restore broke off.
async fn restore_image(
    cloud: &Cloud,
    id: &str,
    observer: &dyn Observer,
) -> Result<bool, NotRestored> {
    let Some(binned) = cloud.binned_image(id).await? else {
        return match cloud.image(id).await? {
            Some(_) => Ok(false),
            None => Err(NotRestored::NotInBin(id.to_owned())),
        };
    };
    for snapshot in cloud.binned_snapshots_of(id).await? {
        if cloud.restore_snapshot(&snapshot).await? {
            observer.event(Event::Note(format!("restored {snapshot}")));
        }
    }
    match cloud.restore_image(id).await {
        Ok(()) => {}
        Err(error) if error.code.as_deref() == Some("InvalidSnapshot.NotFound") => {
            return Err(NotRestored::SnapshotGone(id.to_owned(), error));
        }
        // A repeat finds what the first try has done though its answer was lost.
        Err(error)
            if error.kind == CloudErrorKind::NotFound && seen(cloud, id).await?.is_some() => {}
        Err(error) => return Err(error.into()),
    }
    observer.event(Event::Note(format!("restored {id} ({})", binned.name)));
    Ok(true)
}

async fn seen(cloud: &Cloud, id: &str) -> Result<Option<ImageFacts>, CloudError> {
    for _ in 0..LOOKS {
        if let Some(image) = cloud.image(id).await? {
            return Ok(Some(image));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(None)
}
