//! Snapshots.

use super::{Action, Page, check_id};
use crate::ec2::{ACCOUNT, Call};
use crate::model::{Snapshot, SnapshotState};
use crate::protocol::{ApiError, ApiResult, Filter, Params, Xml, matches, paginate};

pub(super) struct DescribeSnapshots {
    ids: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

impl Action for DescribeSnapshots {
    fn decode(params: &Params) -> ApiResult<Self> {
        // Every snapshot here belongs to the caller, and only the caller may restore it.
        params.ignore(&["Owner", "RestorableBy"]);
        let ids = params.list("SnapshotId");
        for id in &ids {
            check_id(id, "snap", "InvalidSnapshotID")?;
        }
        Ok(DescribeSnapshots { ids, filters: params.filters()?, page: Page::decode(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.read(|state| {
            for id in &self.ids {
                if state.snapshots.get(id).is_none() {
                    return Err(ApiError::not_found("InvalidSnapshot", "snapshot", id));
                }
            }
            let mut rows = Vec::new();
            for snapshot in state.snapshots.iter() {
                let named = self.ids.is_empty() || self.ids.contains(&snapshot.id);
                if named && matches(&self.filters, &snapshot.tags, |name| values(snapshot, name))? {
                    rows.push(snapshot);
                }
            }
            let page = self.page;
            let (rows, token) =
                paginate(rows, |row| &row.id, page.max_results, page.next_token.as_deref())?;
            xml.list("snapshotSet", rows, write);
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn values(snapshot: &Snapshot, filter: &str) -> Option<Vec<String>> {
    Some(vec![match filter {
        "description" => snapshot.description.clone(),
        "owner-id" => ACCOUNT.into(),
        "snapshot-id" => snapshot.id.clone(),
        "status" => snapshot.state.name().into(),
        "volume-id" => snapshot.volume_id.clone(),
        "volume-size" => snapshot.size_gib.to_string(),
        _ => return None,
    }])
}

fn write(xml: &mut Xml, snapshot: &Snapshot) {
    xml.text("snapshotId", &snapshot.id);
    xml.text("volumeId", &snapshot.volume_id);
    xml.text("status", snapshot.state.name());
    xml.time("startTime", snapshot.started);
    let done = snapshot.state == SnapshotState::Completed;
    xml.text("progress", if done { "100%" } else { "0%" });
    xml.text("ownerId", ACCOUNT);
    xml.text("volumeSize", snapshot.size_gib);
    xml.text("description", &snapshot.description);
    xml.text("encrypted", false);
    xml.text("storageTier", "standard");
    xml.tags(&snapshot.tags);
}

pub(super) struct DeleteSnapshot {
    id: String,
}

impl Action for DeleteSnapshot {
    fn decode(params: &Params) -> ApiResult<Self> {
        let id = params.required("SnapshotId")?;
        check_id(&id, "snap", "InvalidSnapshotID")?;
        Ok(DeleteSnapshot { id })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = &self.id;
        call.ec2.change(|state| {
            if state.snapshots.get(id).is_none() {
                return Err(ApiError::not_found("InvalidSnapshot", "snapshot", id));
            }
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
