//! Volumes.

use super::{Action, Page, check_id};
use crate::ec2::Call;
use crate::model::{State, Volume};
use crate::protocol::{ApiError, ApiResult, Filter, Params, Xml, matches, paginate};

pub(super) struct DescribeVolumes {
    ids: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

impl Action for DescribeVolumes {
    fn decode(params: &Params) -> ApiResult<Self> {
        let ids = params.list("VolumeId");
        for id in &ids {
            check_id(id, "vol", "InvalidVolumeID")?;
        }
        Ok(DescribeVolumes { ids, filters: params.filters()?, page: Page::decode(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.read(|state| {
            for id in &self.ids {
                if state.volumes.get(id).is_none() {
                    return Err(ApiError::not_found("InvalidVolume", "volume", id));
                }
            }
            let mut rows = Vec::new();
            for volume in state.volumes.iter() {
                let named = self.ids.is_empty() || self.ids.contains(&volume.id);
                if named && matches(&self.filters, &volume.tags, |name| values(volume, name))? {
                    rows.push(volume);
                }
            }
            let page = self.page;
            let (rows, token) =
                paginate(rows, |row| &row.id, page.max_results, page.next_token.as_deref())?;
            xml.list("volumeSet", rows, |xml, volume| write(xml, state, volume));
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn values(volume: &Volume, filter: &str) -> Option<Vec<String>> {
    Some(vec![match filter {
        "attachment.instance-id" => volume.instance_id.clone(),
        "snapshot-id" => volume.snapshot_id.clone(),
        "status" => "in-use".into(),
        "volume-id" => volume.id.clone(),
        _ => return None,
    }])
}

fn write(xml: &mut Xml, state: &State, volume: &Volume) {
    xml.text("volumeId", &volume.id);
    xml.text("size", volume.size_gib);
    xml.text("snapshotId", &volume.snapshot_id);
    xml.text("availabilityZone", &volume.zone);
    let attached = state.instances.get(&volume.instance_id).and_then(|instance| {
        let mine = instance.attachments.iter().find(|it| it.volume_id == volume.id)?;
        Some((&instance.id, mine))
    });
    xml.text("status", if attached.is_some() { "in-use" } else { "available" });
    xml.time("createTime", volume.created);
    xml.list("attachmentSet", attached, |xml, (instance_id, attachment)| {
        xml.text("volumeId", &volume.id);
        xml.text("instanceId", instance_id);
        xml.text("device", &attachment.device);
        xml.text("status", "attached");
        xml.time("attachTime", volume.created);
        xml.text("deleteOnTermination", attachment.delete_on_termination);
    });
    xml.tags(&volume.tags);
    xml.text("volumeType", "gp3");
    xml.text("encrypted", false);
}
