//! What EC2 tells of images and instances, as far as amiable needs it.

use std::net::IpAddr;

use serde::Serialize;

use crate::model::id::{AmiId, InstanceId, SnapshotId};
use crate::model::tags::{self, Tags};

/// What EC2 tells of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// The image's id.
    pub id: AmiId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// `available`, `pending`, …
    pub state: String,
    /// Why it is in that state.
    pub state_reason: Option<String>,
    /// When it was created (RFC 3339).
    pub created: String,
    /// Who owns it, by account id.
    pub owner: String,
    /// Its architecture.
    pub architecture: String,
    /// `ebs` or `instance-store`.
    pub root_device_type: String,
    /// Which device holds the root file system.
    pub root_device_name: String,
    /// Its EBS block devices that start from a snapshot.
    pub block_devices: Vec<BlockDevice>,
    /// The names of all its EBS block devices.
    pub ebs_devices: Vec<String>,
    /// Those whose volumes outlive the instance.
    pub lasting_devices: Vec<String>,
    /// All its EBS block devices are encrypted.
    pub encrypted: bool,
    /// Its instances answer no requests for metadata without a token, unless they are told to.
    pub imds_v2: bool,
    /// When EC2 begins to call it deprecated (RFC 3339).
    pub deprecation: Option<String>,
    /// When an instance was started from it last (RFC 3339), as far as EC2 tells: a day later.
    pub last_launched: Option<String>,
    /// Whether the account's Allowed AMIs settings admit it; `None` where they are off.
    pub allowed: Option<bool>,
    /// It cannot be deregistered until that protection is switched off.
    pub protected: bool,
    /// The instance that CreateImage made it of; a copy has none.
    pub source_instance: Option<InstanceId>,
    /// The image that it was made from, by CreateImage or CopyImage; older ones do not tell.
    pub source_image: Option<AmiId>,
    /// Its tags.
    pub tags: Tags,
}

/// What amiable needs to know of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InstanceFacts {
    pub(crate) id: InstanceId,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    /// Its public IPv4 address.
    pub(crate) public: Option<IpAddr>,
    /// Its private IPv4 address.
    pub(crate) private: Option<IpAddr>,
    /// Its IPv6 address.
    pub(crate) ipv6: Option<IpAddr>,
    /// When it was started last (RFC 3339).
    pub(crate) launched: String,
    /// It is a Spot Instance.
    pub(crate) is_spot: bool,
    /// Its metadata service wants a token.
    pub(crate) wants_token: bool,
    /// The image that it was started from.
    pub(crate) image: AmiId,
    pub(crate) tags: Tags,
}

/// A block device of an AMI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockDevice {
    /// The device's name.
    pub device: String,
    /// The snapshot that it starts from.
    pub snapshot: SnapshotId,
    /// Its size.
    pub size_gib: i64,
}

/// What an image was copied from, unless amiable has copied it: that notes on its copies what they are of.
/// A copy with its tags (`aws ec2 copy-image --copy-image-tags`) says what its original is.
pub(crate) fn copied_by_hand(image: &ImageFacts) -> Option<String> {
    if image.source_instance.is_some() {
        return None;
    }
    // It was copied before it was adopted; a copy of it has its tags, and another id.
    if image.tags.get(tags::ADOPTED).is_some_and(|it| *it == *image.id) {
        return None;
    }
    let source = image.source_image.as_ref()?;
    let noted = [tags::COPY_OF, tags::BACKUP_OF].map(|key| image.tags.get(key));
    let is_noted = noted.into_iter().flatten().any(|it| it == source);
    (!is_noted).then(|| source.clone().into())
}

/// EC2's state of an image that nobody may find or launch.
pub(crate) const DISABLED: &str = "disabled";
