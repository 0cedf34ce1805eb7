//! The Recycle Bin: what was deleted, for as long as it is kept
//! (<https://docs.aws.amazon.com/ebs/latest/userguide/recycle-bin.html>).

use jiff::Timestamp;

use super::query::{Page, id_list, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{Binned, Image, Snapshot, State};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ListImagesInRecycleBin.html>
pub(super) struct ListImagesInRecycleBin(Listing);

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ListSnapshotsInRecycleBin.html>
pub(super) struct ListSnapshotsInRecycleBin(Listing);

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RestoreImageFromRecycleBin.html>
pub(super) struct RestoreImageFromRecycleBin(String);

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RestoreSnapshotFromRecycleBin.html>
pub(super) struct RestoreSnapshotFromRecycleBin(String);

/// Which rows are listed.
struct Listing {
    ids: Vec<String>,
    page: Page,
}

impl Listing {
    fn rows<'s, T>(
        &self,
        rows: impl Iterator<Item = &'s Binned<T>>,
        (id, region): (fn(&Binned<T>) -> &str, &str),
        region_of: fn(&T) -> &str,
    ) -> ApiResult<(Vec<&'s Binned<T>>, Option<String>)> {
        let is_meant = |row: &&Binned<T>| {
            let here = region_of(&row.row);
            row.exits > Timestamp::now()
                && (here.is_empty() || here == region)
                && (self.ids.is_empty() || self.ids.iter().any(|wanted| wanted == id(row)))
        };
        self.page.cut(rows.filter(is_meant).collect(), id)
    }
}

fn write_times<T>(xml: &mut Xml, row: &Binned<T>) {
    xml.time("recycleBinEnterTime", row.entered);
    xml.time("recycleBinExitTime", row.exits);
}

impl Action for ListImagesInRecycleBin {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId", "MaxResults", "NextToken"],
        notes: "It keeps what is deleted as long as `amiable local start --recycle-bin` says; \
                without that, nothing.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let ids = id_list::<Image>(params, "ImageId")?;
        Ok(ListImagesInRecycleBin(Listing { ids, page: Page::decode(params)? }))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let (rows, token) = self.0.rows(
                state.binned_images.iter(),
                (|row| &row.row.id, &call.region),
                |image| &image.region,
            )?;
            xml.list("imageSet", rows, |xml, row| {
                xml.text("imageId", &row.row.id);
                xml.text("name", &row.row.name);
                xml.option("description", row.row.description.as_ref());
                write_times(xml, row);
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

impl Action for ListSnapshotsInRecycleBin {
    const REFERENCE: Reference =
        Reference { honours: &["SnapshotId", "MaxResults", "NextToken"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        let ids = id_list::<Snapshot>(params, "SnapshotId")?;
        Ok(ListSnapshotsInRecycleBin(Listing { ids, page: Page::decode(params)? }))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let (rows, token) = self.0.rows(
                state.binned_snapshots.iter(),
                (|row| &row.row.id, &call.region),
                |snapshot| &snapshot.region,
            )?;
            xml.list("snapshotSet", rows, |xml, row| {
                xml.text("snapshotId", &row.row.id);
                xml.text("volumeId", &row.row.volume_id);
                xml.text("description", &row.row.description);
                write_times(xml, row);
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

/// The image in the bin, if it is there still.
fn binned_image(state: &State, id: &str) -> ApiResult<Image> {
    let row = state.binned_images.get(id).filter(|row| row.exits > Timestamp::now());
    row.map(|row| row.row.clone()).ok_or_else(|| ApiError::not_found::<Image>(id))
}

impl Action for RestoreImageFromRecycleBin {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId"],
        notes: "Its snapshots must be there: those in the bin are restored first.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(RestoreImageFromRecycleBin(required_id::<Image>(params, "ImageId")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            let image = binned_image(state, &self.0)?;
            let mut snapshots = image.mappings.iter().map(|mapping| &mapping.snapshot_id);
            if let Some(id) = snapshots.find(|id| state.snapshots.get(id).is_none()) {
                return Err(ApiError::not_found::<Snapshot>(id));
            }
            let meets = |other: &Image| {
                other.name == image.name
                    && other.owner == image.owner
                    && (other.region.is_empty() || other.region == image.region)
            };
            if let Some(other) = state.images.iter().find(|other| meets(other)) {
                let message =
                    format!("AMI name {} is already in use by AMI {}", image.name, other.id);
                return Err(ApiError::new("InvalidAMIName.Duplicate", message));
            }
            state.binned_images.remove(&self.0);
            state.gone_images.remove(&self.0);
            state.images.insert(image);
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}

impl Action for RestoreSnapshotFromRecycleBin {
    const REFERENCE: Reference = Reference { honours: &["SnapshotId"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(RestoreSnapshotFromRecycleBin(required_id::<Snapshot>(params, "SnapshotId")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let snapshot = call.ec2.change(|state| {
            let row = state.binned_snapshots.get(&self.0);
            let row = row.filter(|row| row.exits > Timestamp::now());
            let snapshot = row.map(|row| row.row.clone());
            let snapshot = snapshot.ok_or_else(|| ApiError::not_found::<Snapshot>(&self.0))?;
            state.binned_snapshots.remove(&self.0);
            state.snapshots.insert(snapshot.clone());
            Ok(snapshot)
        })?;
        super::snapshots::write(xml, &snapshot);
        Ok(())
    }
}
