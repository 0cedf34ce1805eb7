//! What is known of AMIs by their ids, whoever made them.

use std::collections::BTreeMap;

use crate::ec2::client::{Cloud, MOST_VALUES, any_of};
use crate::ec2::error::CloudError;
use crate::model::facts::ImageFacts;
use crate::model::id::AmiId;
use crate::model::tags;

/// What an id leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownAmi {
    /// It exists in this region, and this account may see it.
    pub exists: bool,
    /// Its name.
    pub name: Option<String>,
    /// The account that owns it.
    pub owner: String,
    /// That is this account.
    pub is_own: bool,
    /// Its root volume is of EBS; otherwise it is instance-store-backed.
    pub is_ebs: bool,
    /// Its architecture.
    pub architecture: Option<String>,
    /// amiable baked it: for which template, and which generation.
    pub baked_as: Option<(String, String)>,
}

impl KnownAmi {
    /// Whether another AMI can be baked from it.
    #[must_use]
    pub fn can_be_base(&self) -> bool {
        self.exists && self.is_ebs && self.baked_as.is_none()
    }

    fn of(image: ImageFacts, is_own: bool) -> KnownAmi {
        let tag = |key: &str| image.tags.get(key).cloned();
        let template = tag(tags::TEMPLATE).filter(|_| is_own);
        KnownAmi {
            exists: true,
            is_own,
            is_ebs: image.root_device_type == "ebs",
            architecture: Some(image.architecture).filter(|it| !it.is_empty()),
            baked_as: template.map(|it| (it, tag(tags::GENERATION).unwrap_or_default())),
            name: Some(image.name).filter(|it| !it.is_empty()),
            owner: image.owner,
        }
    }
}

/// Looks AMIs up. Each that is asked for is in the answer.
///
/// # Errors
/// When a call fails.
pub async fn look_up(
    cloud: &Cloud,
    ids: &[AmiId],
) -> Result<BTreeMap<AmiId, KnownAmi>, CloudError> {
    let mut known: BTreeMap<AmiId, KnownAmi> =
        ids.iter().map(|id| (id.clone(), KnownAmi::default())).collect();
    for ids in ids.chunks(MOST_VALUES) {
        // By filter: an unknown id in a list of ids fails the whole call.
        let filter = any_of("image-id", ids);
        for owner in [None, Some("self")] {
            for image in cloud.images(owner, vec![filter.clone()]).await? {
                known.insert(image.id.clone(), KnownAmi::of(image, owner.is_some()));
            }
        }
    }
    Ok(known)
}
