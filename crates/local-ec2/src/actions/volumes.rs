//! Volumes.

use super::query::{Query, find, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{Attachment, Instance, Snapshot, SnapshotState, State, Volume};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

pub(super) struct DescribeVolumes(Query);

impl Action for DescribeVolumes {
    const REFERENCE: Reference = Reference {
        honours: &["VolumeId", "Filter", "MaxResults", "NextToken"],
        filters: &[
            "attachment.delete-on-termination",
            "attachment.device",
            "attachment.instance-id",
            "availability-zone",
            "size",
            "snapshot-id",
            "status",
            "tag:KEY",
            "tag-key",
            "volume-id",
        ],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let query = Query::decode_strictly::<Volume>(params, "VolumeId", &Self::REFERENCE)?;
        Ok(DescribeVolumes(query))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let (rows, token) = self
                .0
                .select(&state.volumes, &call.region, |volume, name| values(state, volume, name))?;
            xml.list("volumeSet", rows, |xml, volume| write(xml, state, volume));
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

/// The instance that has the volume, and how.
fn attachment<'a>(state: &'a State, volume: &Volume) -> Option<(&'a Instance, &'a Attachment)> {
    let instance = state.instances.get(&volume.instance_id)?;
    let attachment = instance.attachments.iter().find(|it| it.volume_id == volume.id)?;
    Some((instance, attachment))
}

fn status(state: &State, volume: &Volume) -> &'static str {
    if attachment(state, volume).is_some() { "in-use" } else { "available" }
}

fn values(state: &State, volume: &Volume, filter: &str) -> Option<Vec<String>> {
    let attached = attachment(state, volume);
    let of_attachment = |value: fn(&Instance, &Attachment) -> String| {
        attached.map(|(instance, it)| value(instance, it)).into_iter().collect()
    };
    Some(match filter {
        "attachment.delete-on-termination" => {
            of_attachment(|_, it| it.delete_on_termination.to_string())
        }
        "attachment.device" => of_attachment(|_, it| it.device.clone()),
        "attachment.instance-id" => of_attachment(|instance, _| instance.id.clone()),
        _ => vec![match filter {
            "availability-zone" => volume.zone.clone(),
            "encrypted" => volume.kms_key.is_some().to_string(),
            "size" => volume.size_gib.to_string(),
            "snapshot-id" => volume.snapshot_id.clone(),
            "status" => status(state, volume).into(),
            "volume-id" => volume.id.clone(),
            _ => return None,
        }],
    })
}

fn write(xml: &mut Xml, state: &State, volume: &Volume) {
    xml.text("volumeId", &volume.id);
    xml.text("size", volume.size_gib);
    xml.text("snapshotId", &volume.snapshot_id);
    xml.text("availabilityZone", &volume.zone);
    let attached = attachment(state, volume);
    xml.text("status", status(state, volume));
    xml.time("createTime", volume.created);
    xml.list("attachmentSet", attached, |xml, (instance, attachment)| {
        xml.text("volumeId", &volume.id);
        xml.text("instanceId", &instance.id);
        xml.text("device", &attachment.device);
        xml.text("status", "attached");
        xml.time("attachTime", volume.created);
        xml.text("deleteOnTermination", attachment.delete_on_termination);
    });
    xml.tags(&volume.tags);
    let (iops, throughput) = volume.volume_type.performance();
    xml.text("volumeType", &volume.volume_type.name);
    xml.option("iops", iops);
    xml.option("throughput", throughput);
    xml.option("volumeInitializationRate", volume.initialization_rate);
    xml.text("encrypted", volume.kms_key.is_some());
    xml.option("kmsKeyId", volume.kms_key.as_ref());
}

pub(super) struct DeleteVolume {
    id: String,
}

impl Action for DeleteVolume {
    const REFERENCE: Reference = Reference { honours: &["VolumeId"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DeleteVolume { id: required_id::<Volume>(params, "VolumeId")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            let volume = find(&state.volumes, &self.id)?;
            if let Some((instance, _)) = attachment(state, volume) {
                let message =
                    format!("Volume {} is currently attached to {}", volume.id, instance.id);
                return Err(ApiError::new("VolumeInUse", message));
            }
            let awaited =
                |it: &Snapshot| it.volume_id == volume.id && it.state == SnapshotState::Pending;
            if let Some(snapshot) = state.snapshots.iter().find(|it| awaited(it)) {
                let message = format!("Volume {} is being copied to {}", volume.id, snapshot.id);
                return Err(ApiError::new("VolumeInUse", message));
            }
            state.volumes.remove(&self.id);
            Ok(())
        })?;
        let ec2 = call.ec2.clone();
        tokio::spawn(async move { ec2.collect_layers().await });
        xml.text("return", true);
        Ok(())
    }
}
