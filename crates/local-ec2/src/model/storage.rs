//! Volumes, snapshots, and the layers both stand on.
//!
//! ```text
//!   volume ----> layer (written)          CreateImage: the volume's layer becomes
//!                  |                      the snapshot's, and a new empty layer on
//!                  v                      top of it the volume's. No data is copied.
//!   snapshot --> layer (frozen) --> layer --> ...
//! ```
//!
//! A layer lives as long as a volume or a snapshot reaches it, so that deleting
//! one image never breaks another that shares layers with it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::{Record, Resource, resource};
use super::tags::Tags;
use crate::network::region_of_zone;

/// A disk file, maybe on top of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
}

impl Record for Layer {
    const TABLE: &'static str = "layers";

    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SnapshotState {
    Pending,
    Completed,
    Error,
}

impl SnapshotState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            SnapshotState::Pending => "pending",
            SnapshotState::Completed => "completed",
            SnapshotState::Error => "error",
        }
    }
}

/// One snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    /// The account that owns it; the caller's where it is empty.
    #[serde(default)]
    pub(crate) owner: String,
    pub(crate) volume_id: String,
    pub(crate) size_gib: u64,
    pub(crate) state: SnapshotState,
    pub(crate) started: Timestamp,
    pub(crate) description: String,
    /// `None` until it is completed.
    pub(crate) layer: Option<String>,
    #[serde(default)]
    pub(crate) region: String,
    /// The KMS key that it counts as encrypted with.
    #[serde(default)]
    pub(crate) kms_key: Option<String>,
    /// Other accounts that may make volumes of it.
    #[serde(default)]
    pub(crate) users: Vec<String>,
    pub(crate) tags: Tags,
}

resource!(Snapshot {
    table: "snapshots",
    prefix: "snap",
    kind: "snapshot",
    malformed: "InvalidSnapshotID",
    not_found: "InvalidSnapshot",
    noun: "snapshot",
});

/// What kind of disk a volume counts as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeType {
    pub(crate) name: String,
    /// What was requested, where it was.
    pub(crate) iops: Option<u32>,
    /// In MiB/s, where it was requested.
    pub(crate) throughput: Option<u32>,
}

impl Default for VolumeType {
    fn default() -> Self {
        VolumeType { name: "gp3".into(), iops: None, throughput: None }
    }
}

/// What gp3 volumes have where nothing is asked for
/// (<https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html>).
const GP3: (u32, u32) = (3000, 125);

impl VolumeType {
    /// IOPS, and throughput in MiB/s, as EC2 tells them.
    pub(crate) fn performance(&self) -> (Option<u32>, Option<u32>) {
        if self.name != "gp3" {
            return (self.iops, None);
        }
        (self.iops.or(Some(GP3.0)), self.throughput.or(Some(GP3.1)))
    }
}

/// One volume.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) size_gib: u64,
    /// Empty where the volume began empty.
    pub(crate) snapshot_id: String,
    pub(crate) zone: String,
    pub(crate) created: Timestamp,
    pub(crate) instance_id: String,
    /// What it is a copy of, if anything; kept by itself, as the snapshot may be deleted before the
    /// first start.
    pub(crate) parent_layer: Option<String>,
    /// `None` until the instance's first start.
    pub(crate) layer: Option<String>,
    /// A running machine was told, or is about to be told, to write elsewhere.
    #[serde(default)]
    pub(crate) switch: Option<Switch>,
    #[serde(default)]
    pub(crate) volume_type: VolumeType,
    /// At which rate its blocks are fetched, in MiB/s, where that was asked for.
    #[serde(default)]
    pub(crate) initialization_rate: Option<u32>,
    /// The KMS key that it counts as encrypted with.
    #[serde(default)]
    pub(crate) kms_key: Option<String>,
    pub(crate) tags: Tags,
}

/// A snapshot of a volume that is in use. It is noted before the machine is told, so
/// that a server killed in between can tell which layer holds what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Switch {
    pub(crate) snapshot_id: String,
    pub(crate) next_layer: String,
}

impl Record for Volume {
    const TABLE: &'static str = "volumes";

    fn id(&self) -> &str {
        &self.id
    }
}

impl Resource for Volume {
    const PREFIX: &'static str = "vol";
    const TYPE: &'static str = "volume";
    const MALFORMED: &'static str = "InvalidVolumeID";
    const NOT_FOUND: &'static str = "InvalidVolume";
    const NOUN: &'static str = "volume";

    fn region(&self) -> &str {
        region_of_zone(&self.zone)
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
}
