//! Images (AMIs).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::storage::VolumeType;
use super::table::{Record, Resource};
use super::tags::Tags;
use crate::model::account::ACCOUNT;

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

/// How a machine of the image is virtualised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Virtualization {
    #[default]
    Hvm,
    /// Known, and never launched here: no instance type that is served takes it.
    Paravirtual,
}

impl Virtualization {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Virtualization::Hvm => "hvm",
            Virtualization::Paravirtual => "paravirtual",
        }
    }
}

/// What an image is registered with, and tells again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Features {
    pub(crate) virtualization: Virtualization,
    pub(crate) boot_mode: Option<String>,
    /// Its instances want a token in their metadata service.
    pub(crate) imds_v2: bool,
    pub(crate) no_ena: bool,
    pub(crate) sriov: Option<String>,
    /// Devices of the kind `ephemeral0`, which instances without such disks do not get.
    pub(crate) ephemeral: Vec<(String, String)>,
}

/// One image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: String,
    /// The account that owns it.
    #[serde(default = "caller")]
    pub(crate) owner: String,
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
    pub(crate) features: Features,
    /// When an instance was started from it last.
    #[serde(default)]
    pub(crate) last_launched: Option<Timestamp>,
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

fn caller() -> String {
    ACCOUNT.into()
}

/// The accounts that EC2 knows by a name.
const ALIASES: [(&str, &str); 2] =
    [("137112412989", "amazon"), ("679593333241", "aws-marketplace")];

/// The account of a name such as `amazon`.
pub(crate) fn account_of_alias(alias: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(_, name)| *name == alias).map(|(account, _)| *account)
}

impl Image {
    /// CopyImage has made it, or makes it.
    pub(crate) fn is_copy(&self) -> bool {
        self.source_image.is_some() && self.source_instance.is_none()
    }

    /// The name by which EC2 knows its owner, where there is one.
    pub(crate) fn owner_alias(&self) -> Option<&'static str> {
        ALIASES.iter().find(|(account, _)| *account == self.owner).map(|(_, name)| *name)
    }

    /// Whether it is the caller's.
    pub(crate) fn is_own(&self) -> bool {
        self.owner == ACCOUNT
    }

    /// Whether the caller may see and launch it.
    pub(crate) fn is_visible(&self) -> bool {
        self.is_own()
            || self.is_public()
            || self.permissions.contains(&Permission::User(ACCOUNT.into()))
    }

    pub(crate) fn uses_snapshot(&self, snapshot_id: &str) -> bool {
        self.mappings.iter().any(|mapping| mapping.snapshot_id == snapshot_id)
    }
    pub(crate) fn is_public(&self) -> bool {
        self.permissions.contains(&Permission::Group("all".into()))
    }
}

/// An image that was deregistered: its id is known still, as another than one that never was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GoneImage {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
}

impl Record for GoneImage {
    const TABLE: &'static str = "gone-images";

    fn id(&self) -> &str {
        &self.id
    }
}
