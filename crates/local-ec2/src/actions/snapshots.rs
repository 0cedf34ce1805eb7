//! Snapshots.

use jiff::Timestamp;

use super::query::{Query, find, required_id};
use super::{Action, Call};
use crate::ec2::ACCOUNT;
use crate::engine;
use crate::model::{Snapshot, SnapshotState, Tags, Volume, new_id};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

pub(super) struct DescribeSnapshots {
    query: Query,
    owners: Vec<String>,
}

impl Action for DescribeSnapshots {
    const REFERENCE: Reference = Reference {
        honours: &["SnapshotId", "Owner", "Filter", "MaxResults", "NextToken"],
        ignores: &["RestorableBy"],
        filters: &[
            "description",
            "encrypted",
            "owner-id",
            "progress",
            "snapshot-id",
            "start-time",
            "status",
            "storage-tier",
            "tag:KEY",
            "tag-key",
            "volume-id",
            "volume-size",
        ],
        notes: "Every snapshot belongs to the caller.",
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let query = Query::decode_strictly::<Snapshot>(params, "SnapshotId", &Self::REFERENCE)?;
        Ok(DescribeSnapshots { query, owners: params.list("Owner") })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let mine = is_mine(&self.owners);
            let (rows, token) =
                self.query.select_among(&state.snapshots, &call.region, |_| mine, values)?;
            xml.list("snapshotSet", rows, write);
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

/// Whether the one account there is is among the owners that were asked for.
pub(super) fn is_mine(owners: &[String]) -> bool {
    owners.is_empty() || owners.iter().any(|owner| owner == "self" || owner == ACCOUNT)
}

fn values(snapshot: &Snapshot, filter: &str) -> Option<Vec<String>> {
    Some(vec![match filter {
        "description" => snapshot.description.clone(),
        "encrypted" => snapshot.kms_key.is_some().to_string(),
        "progress" => progress(snapshot).into(),
        "start-time" => snapshot.started.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "storage-tier" => "standard".into(),
        "owner-id" => ACCOUNT.into(),
        "snapshot-id" => snapshot.id.clone(),
        "status" => snapshot.state.name().into(),
        "volume-id" => snapshot.volume_id.clone(),
        "volume-size" => snapshot.size_gib.to_string(),
        _ => return None,
    }])
}

fn progress(snapshot: &Snapshot) -> &'static str {
    if snapshot.state == SnapshotState::Completed { "100%" } else { "0%" }
}

fn write(xml: &mut Xml, snapshot: &Snapshot) {
    xml.text("snapshotId", &snapshot.id);
    xml.text("volumeId", &snapshot.volume_id);
    xml.text("status", snapshot.state.name());
    xml.time("startTime", snapshot.started);
    xml.text("progress", progress(snapshot));
    xml.text("ownerId", ACCOUNT);
    xml.text("volumeSize", snapshot.size_gib);
    xml.text("description", &snapshot.description);
    xml.text("encrypted", snapshot.kms_key.is_some());
    xml.option("kmsKeyId", snapshot.kms_key.as_ref());
    xml.text("storageTier", "standard");
    xml.tags(&snapshot.tags);
}

pub(super) struct CreateSnapshot {
    volume_id: String,
    description: String,
    tags: Tags,
}

impl Action for CreateSnapshot {
    const REFERENCE: Reference = Reference {
        honours: &["VolumeId", "Description", "TagSpecification"],
        notes: "Of a running instance it holds what the guest has written to its disk.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let mut tags = params.tag_specifications(&["snapshot"])?;
        Ok(CreateSnapshot {
            volume_id: required_id::<Volume>(params, "VolumeId")?,
            description: params.string("Description").unwrap_or_default(),
            tags: tags.remove("snapshot").unwrap_or_default(),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let snapshot = call.ec2.change(|state| {
            let volume = find(&state.volumes, &self.volume_id)?;
            if volume.layer.is_none() {
                let message = format!("The volume {} is 'creating'", volume.id);
                return Err(ApiError::new("IncorrectState", message));
            }
            let snapshot = Snapshot {
                id: new_id("snap"),
                volume_id: volume.id.clone(),
                size_gib: volume.size_gib,
                state: SnapshotState::Pending,
                started: Timestamp::now(),
                description: self.description,
                layer: None,
                region: call.region.clone(),
                kms_key: volume.kms_key.clone(),
                tags: self.tags,
            };
            state.snapshots.insert(snapshot.clone());
            Ok(snapshot)
        })?;
        engine::take_snapshot(&call.ec2, &snapshot);
        write(xml, &snapshot);
        Ok(())
    }
}

pub(super) struct DeleteSnapshot {
    id: String,
}

impl Action for DeleteSnapshot {
    const REFERENCE: Reference = Reference { honours: &["SnapshotId"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DeleteSnapshot { id: required_id::<Snapshot>(params, "SnapshotId")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = &self.id;
        call.ec2.change(|state| {
            find(&state.snapshots, id)?;
            if let Some(image) = state.images.iter().find(|image| image.uses_snapshot(id)) {
                let message = format!("The snapshot {id} is currently in use by {}", image.id);
                return Err(ApiError::new("InvalidSnapshot.InUse", message));
            }
            state.snapshots.remove(id);
            Ok(())
        })?;
        let ec2 = call.ec2.clone();
        tokio::spawn(async move { ec2.collect_layers().await });
        xml.text("return", true);
        Ok(())
    }
}
