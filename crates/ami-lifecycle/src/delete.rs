//! Deleting AMIs: look first ([`examine`]), then act ([`delete`]).

use crate::ami::{Ami, Status};
use crate::cloud::{Cloud, ImageFacts};
use crate::error::CloudError;
use crate::event::{Event, Observer};
use crate::fleet::Fleet;

/// Why an AMI should not be deleted. `--force` overrides it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// amiable did not make it, or for another namespace.
    #[error("it is not one of this namespace")]
    OutsideNamespace,
    /// Agents boot from it.
    #[error("it is the current AMI of template {0}")]
    Current(String),
}

/// An AMI that is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Its id.
    pub ami: String,
    /// Its name.
    pub name: String,
    /// The snapshots that it stands on.
    pub snapshots: Vec<String>,
    /// Why it should stay.
    pub objections: Vec<Objection>,
}

/// What a deletion did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The snapshots that are gone.
    pub snapshots: Vec<String>,
    /// The snapshots that stay, each with the images that use it.
    pub kept: Vec<(String, Vec<String>)>,
    /// The snapshots that could not be deleted, and why.
    pub failed: Vec<(String, CloudError)>,
}

/// Looks at an AMI that is to be deleted; `None` when it does not exist.
///
/// # Errors
/// When a call fails.
pub async fn examine(
    cloud: &Cloud,
    fleet: &Fleet,
    id: &str,
) -> Result<Option<Deletion>, CloudError> {
    if let Some(ami) = fleet.get(id) {
        return Ok(Some(of_namespace(ami)));
    }
    Ok(cloud.image(id).await?.map(of_others))
}

fn of_namespace(ami: &Ami) -> Deletion {
    let current = (ami.status == Status::Current).then(|| Objection::Current(ami.template.clone()));
    Deletion {
        ami: ami.ami.clone(),
        name: ami.name.clone(),
        snapshots: ami.snapshots.clone(),
        objections: current.into_iter().collect(),
    }
}

fn of_others(image: ImageFacts) -> Deletion {
    Deletion {
        snapshots: image.block_devices.into_iter().map(|device| device.snapshot).collect(),
        ami: image.id,
        name: image.name,
        objections: vec![Objection::OutsideNamespace],
    }
}

/// Deregisters the AMI, then deletes its snapshots. A snapshot that another image
/// uses stays; one that cannot be deleted does not keep the others.
///
/// # Errors
/// When the AMI cannot be deregistered: nothing was changed then.
pub async fn delete(
    cloud: &Cloud,
    deletion: &Deletion,
    observer: &dyn Observer,
) -> Result<Deleted, CloudError> {
    cloud.deregister(&deletion.ami).await?;
    observer.event(Event::Note(format!("deregistered {} ({})", deletion.ami, deletion.name)));
    let mut deleted = Deleted::default();
    for snapshot in &deletion.snapshots {
        match cloud.delete_snapshot(snapshot).await {
            Ok(true) => {
                observer.event(Event::Note(format!("deleted {snapshot}")));
                deleted.snapshots.push(snapshot.clone());
            }
            Ok(false) => {
                let images = cloud.images_of_snapshot(snapshot).await.unwrap_or_default();
                let users = images.into_iter().map(|image| image.id).collect();
                deleted.kept.push((snapshot.clone(), users));
            }
            Err(error) => deleted.failed.push((snapshot.clone(), error)),
        }
    }
    Ok(deleted)
}
