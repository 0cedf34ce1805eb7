//! Images that exist: deregister, describe.

use std::time::Duration;

use jiff::Timestamp;

use super::allowed_images::settings;
use super::query::{Query, find_own_image, required_id};
use super::snapshots;
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::model::{
    AllowedState, Binned, GoneImage, Image, ImageMapping, ImageState, InstanceState, Permission,
};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// What EC2 tells of Linux without a licence to be paid for
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-info-fields.html>).
pub(super) const PLATFORM: &str = "Linux/UNIX";
pub(super) const USAGE_OPERATION: &str = "RunInstances";

pub(super) struct DeregisterImage {
    id: String,
    with_snapshots: bool,
}

impl Action for DeregisterImage {
    const REFERENCE: Reference =
        Reference { honours: &["ImageId", "DeleteAssociatedSnapshots"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        let id = required_id::<Image>(params, "ImageId")?;
        Ok(DeregisterImage { id, with_snapshots: params.flag("DeleteAssociatedSnapshots")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let results = call.ec2.change(|state| {
            let image = find_own_image(state, &self.id)?.clone();
            if image.protected {
                return Err(is_protected(&self.id));
            }
            state.images.remove(&self.id);
            state.gone_images.insert(GoneImage { id: self.id.clone(), at: Timestamp::now() });
            if let Some(kept) = call.ec2.recycle_bin {
                state.binned_images.insert(Binned::now(image.clone(), kept));
            }
            let ids = image.mappings.into_iter().map(|mapping| mapping.snapshot_id);
            let mut results = Vec::new();
            for id in ids.filter(|_| self.with_snapshots) {
                let used = state.images.iter().any(|image| image.uses_snapshot(&id));
                if !used {
                    snapshots::delete(state, &id, call.ec2.recycle_bin);
                }
                results.push((id, if used { "skipped" } else { "success" }));
            }
            Ok(results)
        })?;
        let ec2 = call.ec2.clone();
        tokio::spawn(async move { ec2.collect_layers().await });
        xml.text("return", true);
        xml.list("deleteSnapshotResultSet", results, |xml, (id, result)| {
            xml.text("snapshotId", id);
            xml.text("returnCode", result);
        });
        Ok(())
    }
}

fn is_protected(id: &str) -> ApiError {
    let message = format!("The AMI '{id}' is protected from deregistration");
    ApiError::new("OperationNotPermitted", message)
}

pub(super) struct DescribeImages {
    query: Query,
    owners: Vec<String>,
    executable_by: Vec<String>,
    with_deprecated: bool,
    with_disabled: bool,
}

impl Action for DescribeImages {
    const REFERENCE: Reference = Reference {
        honours: &[
            "ImageId",
            "Owner",
            "ExecutableBy",
            "Filter",
            "IncludeDeprecated",
            "IncludeDisabled",
            "MaxResults",
            "NextToken",
        ],
        filters: &[
            "architecture",
            "block-device-mapping.delete-on-termination",
            "block-device-mapping.device-name",
            "block-device-mapping.encrypted",
            "block-device-mapping.snapshot-id",
            "block-device-mapping.volume-size",
            "creation-date",
            "description",
            "ena-support",
            "hypervisor",
            "image-id",
            "image-type",
            "is-public",
            "name",
            "owner-alias",
            "owner-id",
            "platform-details",
            "root-device-name",
            "root-device-type",
            "source-image-id",
            "source-image-region",
            "source-instance-id",
            "state",
            "tag:KEY",
            "tag-key",
            "usage-operation",
            "virtualization-type",
        ],
        notes: "Images of other owners come from `amiable local import --owner`. Deprecated images \
                of others, and one's own disabled images, are included on request.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let query = Query::decode::<Image>(params, "ImageId", &Self::REFERENCE)?;
        Ok(DescribeImages {
            query,
            owners: params.list("Owner"),
            executable_by: params.list("ExecutableBy"),
            with_deprecated: params.flag("IncludeDeprecated")?,
            with_disabled: params.flag("IncludeDisabled")?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            // One that is gone is told by its absence as long as an instance of it is there
            // (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>).
            let is_used = |id: &str| {
                let mut instances = state.instances.iter();
                instances.any(|it| it.image_id == id && it.state != InstanceState::Terminated)
            };
            let may_be_missing = |id: &str| state.gone_images.get(id).is_some() && is_used(id);
            let query = self.query.without_ids(may_be_missing);
            let Some(query) = query else {
                xml.list("imagesSet", std::iter::empty::<()>(), |_, ()| {});
                return Ok(());
            };
            let allowed = settings(state, &call.region);
            let is_meant = |image: &Image| self.is_meant(image) && allowed.shows(image);
            let (rows, token) =
                query.select_among(&state.images, &call.region, is_meant, values)?;
            let delay = call.ec2.machines.launched_delay();
            xml.list("imagesSet", rows, |xml, image| {
                write(xml, image, delay);
                if allowed.state != AllowedState::Disabled {
                    xml.text("imageAllowed", allowed.admits(image));
                }
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

impl DescribeImages {
    /// Whether an image is visible to the caller and among those that were asked for by owner and by
    /// user.
    fn is_meant(&self, image: &Image) -> bool {
        let is_past = |at: Timestamp| at <= Timestamp::now();
        let is_hidden = if image.is_own() {
            !self.with_disabled && image.state == ImageState::Disabled
        } else {
            !self.with_deprecated && image.deprecation.is_some_and(is_past)
                || image.state == ImageState::Disabled
        };
        let is_owner = |owner: &String| match owner.as_str() {
            "self" => image.is_own(),
            other => image.owner == other || image.owner_alias() == Some(other),
        };
        let may_launch = |user: &String| match user.as_str() {
            "all" => image.is_public(),
            "self" => image.permissions.contains(&Permission::User(ACCOUNT.into())),
            other => image.permissions.contains(&Permission::User(other.to_owned())),
        };
        image.is_visible()
            && !is_hidden
            && (self.owners.is_empty() || self.owners.iter().any(is_owner))
            && (self.executable_by.is_empty() || self.executable_by.iter().any(may_launch))
    }
}

fn values(image: &Image, filter: &str) -> Option<Vec<String>> {
    let mappings = image.mappings.iter();
    Some(match filter {
        "block-device-mapping.delete-on-termination" => {
            mappings.map(|it| it.delete_on_termination.to_string()).collect()
        }
        "block-device-mapping.encrypted" => mappings.map(|it| it.encrypted.to_string()).collect(),
        "block-device-mapping.device-name" => mappings.map(|it| it.device.clone()).collect(),
        "block-device-mapping.snapshot-id" => mappings.map(|it| it.snapshot_id.clone()).collect(),
        "block-device-mapping.volume-size" => mappings.map(|it| it.size_gib.to_string()).collect(),
        "owner-alias" => image.owner_alias().map(String::from).into_iter().collect(),
        "description" => image.description.clone().into_iter().collect(),
        "source-image-id" => image.source_image.clone().into_iter().collect(),
        "source-image-region" => image.source_region.clone().into_iter().collect(),
        "source-instance-id" => image.source_instance.clone().into_iter().collect(),
        _ => vec![match filter {
            "architecture" => image.architecture.clone(),
            "creation-date" => image.created.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "ena-support" => (!image.features.no_ena).to_string(),
            "hypervisor" => "xen".into(),
            "image-id" => image.id.clone(),
            "image-type" => "machine".into(),
            "is-public" => image.is_public().to_string(),
            "name" => image.name.clone(),
            "owner-id" => image.owner.clone(),
            "platform-details" => PLATFORM.into(),
            "root-device-name" => image.root_device_name.clone(),
            "root-device-type" => image.root_device_type.name().into(),
            "state" => image.state.name().into(),
            "usage-operation" => USAGE_OPERATION.into(),
            "virtualization-type" => image.features.virtualization.name().into(),
            _ => return None,
        }],
    })
}

/// When an instance was started from an image last: EC2 tells it a day later
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html>).
pub(super) fn last_launched(image: &Image, delay: Duration) -> Option<Timestamp> {
    let told_at = image.last_launched?.checked_add(delay).ok()?;
    image.last_launched.filter(|_| told_at <= Timestamp::now())
}

fn write(xml: &mut Xml, image: &Image, delay: Duration) {
    xml.text("imageId", &image.id);
    let owner = image.owner_alias().unwrap_or(&image.owner);
    xml.text("imageLocation", format!("{owner}/{}", image.name));
    xml.text("imageState", image.state.name());
    xml.text("imageOwnerId", &image.owner);
    xml.option("imageOwnerAlias", image.owner_alias());
    xml.time("creationDate", image.created);
    xml.text("isPublic", image.is_public());
    xml.text("architecture", &image.architecture);
    xml.text("imageType", "machine");
    xml.text("name", &image.name);
    xml.option("description", image.description.as_ref());
    xml.text("rootDeviceType", image.root_device_type.name());
    xml.text("rootDeviceName", &image.root_device_name);
    write_mappings(xml, image);
    let features = &image.features;
    xml.text("virtualizationType", features.virtualization.name());
    xml.text("hypervisor", "xen");
    xml.text("enaSupport", !features.no_ena);
    xml.option("sriovNetSupport", features.sriov.as_ref());
    xml.option("bootMode", features.boot_mode.as_ref());
    xml.option("imdsSupport", features.imds_v2.then_some("v2.0"));
    xml.text("platformDetails", PLATFORM);
    xml.text("usageOperation", USAGE_OPERATION);
    xml.option("sourceInstanceId", image.source_instance.as_ref());
    xml.option("sourceImageId", image.source_image.as_ref());
    xml.option("sourceImageRegion", image.source_region.as_ref());
    let protection = if image.protected { "enabled-without-cooldown" } else { "disabled" };
    xml.text("deregistrationProtection", protection);
    if let Some(at) = image.deprecation {
        xml.time("deprecationTime", at);
    }
    if let Some(at) = last_launched(image, delay) {
        xml.time("lastLaunchedTime", at);
    }
    xml.tags(&image.tags);
    if let Some(reason) = &image.state_reason {
        xml.node("stateReason", |xml| {
            xml.text("code", "Server.InternalError");
            xml.text("message", reason);
        });
    }
}

/// A device of an image.
enum Device<'a> {
    Disk(&'a ImageMapping),
    Ephemeral(&'a (String, String)),
}

pub(super) fn write_mappings(xml: &mut Xml, image: &Image) {
    let disks = image.mappings.iter().map(Device::Disk);
    let devices = disks.chain(image.features.ephemeral.iter().map(Device::Ephemeral));
    xml.list("blockDeviceMapping", devices, |xml, device| {
        let mapping = match device {
            Device::Disk(mapping) => mapping,
            Device::Ephemeral((device, name)) => {
                xml.text("deviceName", device);
                return xml.text("virtualName", name);
            }
        };
        xml.text("deviceName", &mapping.device);
        xml.node("ebs", |xml| {
            xml.text("snapshotId", &mapping.snapshot_id);
            xml.text("volumeSize", mapping.size_gib);
            xml.text("deleteOnTermination", mapping.delete_on_termination);
            xml.text("volumeType", &mapping.volume_type.name);
            xml.option("iops", mapping.volume_type.iops);
            xml.option("throughput", mapping.volume_type.throughput);
            xml.text("encrypted", mapping.encrypted);
        });
    });
}
