//! Images that exist: deregister, describe.

use super::query::{Query, required_id};
use super::snapshots::is_mine;
use super::{Action, Call};
use crate::ec2::ACCOUNT;
use crate::model::{Image, ImageState};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

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
            let unavailable = || {
                let message = format!("The AMI ID '{}' is not available", self.id);
                ApiError::new("InvalidAMIID.Unavailable", message)
            };
            if state.images.get(&self.id).ok_or_else(unavailable)?.protected {
                return Err(is_protected(&self.id));
            }
            let image = state.images.remove(&self.id).ok_or_else(unavailable)?;
            let snapshots = image.mappings.into_iter().map(|mapping| mapping.snapshot_id);
            let mut results = Vec::new();
            for id in snapshots.filter(|_| self.with_snapshots) {
                let used = state.images.iter().any(|image| image.uses_snapshot(&id));
                if !used {
                    state.snapshots.remove(&id);
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
    with_disabled: bool,
}

impl Action for DescribeImages {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId", "Owner", "Filter", "IncludeDisabled", "MaxResults", "NextToken"],
        ignores: &["ExecutableBy", "IncludeDeprecated"],
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
            "owner-id",
            "root-device-name",
            "root-device-type",
            "source-image-id",
            "source-image-region",
            "source-instance-id",
            "state",
            "tag:KEY",
            "tag-key",
            "virtualization-type",
        ],
        notes: "Every image belongs to the caller, who sees deprecated ones unasked, as on EC2.",
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let query = Query::decode::<Image>(params, "ImageId", &Self::REFERENCE)?;
        let with_disabled = params.flag("IncludeDisabled")?;
        Ok(DescribeImages { query, owners: params.list("Owner"), with_disabled })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let mine = is_mine(&self.owners);
            let is_seen = |image: &Image| self.with_disabled || image.state != ImageState::Disabled;
            let (rows, token) = self.query.select_among(
                &state.images,
                &call.region,
                |image| mine && is_seen(image),
                values,
            )?;
            xml.list("imagesSet", rows, write);
            xml.option("nextToken", token);
            Ok(())
        })
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
        "description" => image.description.clone().into_iter().collect(),
        "source-image-id" => image.source_image.clone().into_iter().collect(),
        "source-image-region" => image.source_region.clone().into_iter().collect(),
        "source-instance-id" => image.source_instance.clone().into_iter().collect(),
        _ => vec![match filter {
            "architecture" => image.architecture.clone(),
            "creation-date" => image.created.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "ena-support" => "true".into(),
            "hypervisor" => "xen".into(),
            "image-id" => image.id.clone(),
            "image-type" => "machine".into(),
            "is-public" => image.is_public().to_string(),
            "name" => image.name.clone(),
            "owner-id" => ACCOUNT.into(),
            "root-device-name" => image.root_device_name.clone(),
            "root-device-type" => image.root_device_type.name().into(),
            "state" => image.state.name().into(),
            "virtualization-type" => "hvm".into(),
            _ => return None,
        }],
    })
}

fn write(xml: &mut Xml, image: &Image) {
    xml.text("imageId", &image.id);
    xml.text("imageLocation", format!("{ACCOUNT}/{}", image.name));
    xml.text("imageState", image.state.name());
    xml.text("imageOwnerId", ACCOUNT);
    xml.time("creationDate", image.created);
    xml.text("isPublic", image.is_public());
    xml.text("architecture", &image.architecture);
    xml.text("imageType", "machine");
    xml.text("name", &image.name);
    xml.option("description", image.description.as_ref());
    xml.text("rootDeviceType", image.root_device_type.name());
    xml.text("rootDeviceName", &image.root_device_name);
    write_mappings(xml, image);
    xml.text("virtualizationType", "hvm");
    xml.text("hypervisor", "xen");
    xml.text("enaSupport", true);
    xml.option("sourceInstanceId", image.source_instance.as_ref());
    xml.option("sourceImageId", image.source_image.as_ref());
    xml.option("sourceImageRegion", image.source_region.as_ref());
    let protection = if image.protected { "enabled-without-cooldown" } else { "disabled" };
    xml.text("deregistrationProtection", protection);
    if let Some(at) = image.deprecation {
        xml.time("deprecationTime", at);
    }
    xml.tags(&image.tags);
    if let Some(reason) = &image.state_reason {
        xml.node("stateReason", |xml| {
            xml.text("code", "Server.InternalError");
            xml.text("message", reason);
        });
    }
}

pub(super) fn write_mappings(xml: &mut Xml, image: &Image) {
    xml.list("blockDeviceMapping", &image.mappings, |xml, mapping| {
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
