//! Images (AMIs).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Record, Resource, Tags, VolumeType};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ImageState {
    Pending,
    Available,
    Failed,
    /// Nobody may launch it, and nobody sees it unasked.
    Disabled,
}

impl ImageState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ImageState::Pending => "pending",
            ImageState::Available => "available",
            ImageState::Failed => "failed",
            ImageState::Disabled => "disabled",
        }
    }
}

/// Where an image's root disk comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RootDeviceType {
    Ebs,
    /// A bundle in S3: known by name, and never launched here.
    InstanceStore,
}

impl RootDeviceType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            RootDeviceType::Ebs => "ebs",
            RootDeviceType::InstanceStore => "instance-store",
        }
    }
}

/// A block device that instances of the image get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageMapping {
    pub(crate) device: String,
    pub(crate) snapshot_id: String,
    pub(crate) size_gib: u64,
    pub(crate) delete_on_termination: bool,
    /// Its snapshot counts as encrypted.
    #[serde(default)]
    pub(crate) encrypted: bool,
    #[serde(default)]
    pub(crate) volume_type: VolumeType,
}

/// Someone who may launch an image besides its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Permission {
    /// `all` is the only group there is.
    Group(String),
    /// An account's number.
    User(String),
    Organization(String),
    OrganizationalUnit(String),
}

/// One image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) state: ImageState,
    pub(crate) state_reason: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) architecture: String,
    pub(crate) root_device_type: RootDeviceType,
    pub(crate) root_device_name: String,
    pub(crate) mappings: Vec<ImageMapping>,
    pub(crate) source_instance: Option<String>,
    /// The instance goes on while its disks are taken.
    #[serde(default)]
    pub(crate) no_reboot: bool,
    /// The image that this one is a copy of.
    #[serde(default)]
    pub(crate) source_image: Option<String>,
    /// Where that one is.
    #[serde(default)]
    pub(crate) source_region: Option<String>,
    #[serde(default)]
    pub(crate) client_token: Option<String>,
    /// It cannot be deregistered until that is switched off.
    #[serde(default)]
    pub(crate) protected: bool,
    /// Who else may launch it.
    #[serde(default)]
    pub(crate) permissions: Vec<Permission>,
    /// When it begins to count as deprecated.
    #[serde(default)]
    pub(crate) deprecation: Option<Timestamp>,
    #[serde(default)]
    pub(crate) region: String,
    pub(crate) tags: Tags,
}

impl Record for Image {
    const TABLE: &'static str = "images";

    fn id(&self) -> &str {
        &self.id
    }
}

impl Resource for Image {
    const PREFIX: &'static str = "ami";
    const TYPE: &'static str = "image";
    const MALFORMED: &'static str = "InvalidAMIID";
    const NOT_FOUND: &'static str = "InvalidAMIID";
    const NOUN: &'static str = "image";

    fn unknown(id: &str) -> String {
        format!("The image id '[{id}]' does not exist")
    }

    fn region(&self) -> &str {
        &self.region
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

impl Image {
    pub(crate) fn uses_snapshot(&self, snapshot_id: &str) -> bool {
        self.mappings.iter().any(|mapping| mapping.snapshot_id == snapshot_id)
    }
    pub(crate) fn is_public(&self) -> bool {
        self.permissions.contains(&Permission::Group("all".into()))
    }
}
