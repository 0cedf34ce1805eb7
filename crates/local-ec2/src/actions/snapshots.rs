//! Snapshots.

use std::time::Duration;

use jiff::Timestamp;

use super::query::{Query, find, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::engine;
use crate::model::account::ACCOUNT;
use crate::model::{Binned, Snapshot, SnapshotState, State, Tags, Volume, new_id};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

pub(super) struct DescribeSnapshots {
    query: Query,
    owners: Vec<String>,
    restorable_by: Vec<String>,
}

impl Action for DescribeSnapshots {
    const REFERENCE: Reference = Reference {
        honours: &["SnapshotId", "Owner", "RestorableBy", "Filter", "MaxResults", "NextToken"],
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
        notes: "Those of others' images are not the caller's, and not shared.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let query = Query::decode_strictly::<Snapshot>(params, "SnapshotId", &Self::REFERENCE)?;
        let (owners, restorable_by) = (params.list("Owner"), params.list("RestorableBy"));
        Ok(DescribeSnapshots { query, owners, restorable_by })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let mine = is_mine(&self.owners);
            // Nobody shares snapshots here, so that only their owner can make volumes of them.
            let restorable = is_mine(&self.restorable_by);
            let is_meant = |it: &Snapshot| mine && restorable && it.owner.is_empty();
            let (rows, token) =
                self.query.select_among(&state.snapshots, &call.region, is_meant, values)?;
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

pub(super) fn write(xml: &mut Xml, snapshot: &Snapshot) {
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
                owner: String::new(),
                volume_id: volume.id.clone(),
                size_gib: volume.size_gib,
                state: SnapshotState::Pending,
                started: Timestamp::now(),
                description: self.description,
                layer: None,
                region: call.region.clone(),
                kms_key: volume.kms_key.clone(),
                users: Vec::new(),
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

/// Deletes a snapshot, into the Recycle Bin where there is one.
pub(super) fn delete(state: &mut State, id: &str, bin: Option<Duration>) {
    if let Some((snapshot, kept)) = state.snapshots.remove(id).zip(bin) {
        state.binned_snapshots.insert(Binned::now(snapshot, kept));
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
            delete(state, id, call.ec2.recycle_bin);
            Ok(())
        })?;
        let ec2 = call.ec2.clone();
        tokio::spawn(async move { ec2.collect_layers().await });
        xml.text("return", true);
        Ok(())
    }
}
