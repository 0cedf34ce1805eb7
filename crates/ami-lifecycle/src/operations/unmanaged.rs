//! The account's own AMIs that no namespace has: nobody cleans up after those.

use serde::Serialize;

use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::facts::ImageFacts;
use crate::model::id::AmiId;
use crate::model::tags;
use crate::operations::usage::{self, User};

/// An AMI that amiable does not manage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnmanagedAmi {
    /// Its id.
    pub ami: AmiId,
    /// Its name.
    pub name: String,
    /// EC2's state.
    pub state: String,
    /// The region.
    pub region: String,
    /// When it was created (RFC 3339).
    pub created: String,
    /// The size of all its block devices together.
    pub size_gib: i64,
    /// When an instance was started from it last (RFC 3339), as far as EC2 tells: a day later.
    pub last_launched: Option<String>,
    /// Who uses it.
    pub used_by: Vec<User>,
}

/// What an account has beside what amiable manages.
#[derive(Debug)]
pub struct Unmanaged {
    /// The AMIs, the oldest first.
    pub amis: Vec<UnmanagedAmi>,
    /// How many AMIs belong to a namespace.
    pub managed: usize,
    /// Who may use them, as that could not be looked up, and why.
    pub unknown: Vec<(String, String)>,
}

/// Looks for them in the region of `cloud`.
///
/// # Errors
/// When the AMIs could not be looked up.
pub async fn unmanaged(cloud: &Cloud) -> Result<Unmanaged, CloudError> {
    let images = cloud.images(Some("self"), Vec::new()).await?;
    let is_managed = |image: &ImageFacts| image.tags.contains_key(tags::NAMESPACE);
    let (managed, mut images): (Vec<ImageFacts>, Vec<ImageFacts>) =
        images.into_iter().partition(is_managed);
    images.sort_by(|one, other| (&one.created, &one.id).cmp(&(&other.created, &other.id)));
    let ids: Vec<AmiId> = images.iter().map(|image| image.id.clone()).collect();
    let usage = usage::of_fleet(cloud, &ids, &ids).await;
    let ami = |image: ImageFacts| {
        let users = usage.users.iter().filter(|(ami, _)| *ami == image.id);
        let mut used_by: Vec<User> = users.map(|(_, user)| user.clone()).collect();
        used_by.sort();
        UnmanagedAmi {
            ami: image.id,
            name: image.name,
            state: image.state,
            region: cloud.region().to_owned(),
            created: image.created,
            size_gib: image.block_devices.iter().map(|it| it.size_gib).sum(),
            last_launched: image.last_launched,
            used_by,
        }
    };
    let amis = images.into_iter().map(ami).collect();
    Ok(Unmanaged { amis, managed: managed.len(), unknown: usage.unknown })
}
