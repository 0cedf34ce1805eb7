//! Images.

use jiff::Timestamp;

use super::{Action, Page, check_id};
use crate::ec2::{ACCOUNT, Call};
use crate::engine;
use crate::model::{
    Image, ImageMapping, ImageState, InstanceState, RootDeviceType, Snapshot, SnapshotState, State,
    Tags, new_id,
};
use crate::protocol::{ApiError, ApiResult, Filter, Params, Xml, matches, paginate};

/// AMI names: 3 to 128 characters of this set
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html>).
pub(crate) fn check_image_name(name: &str) -> ApiResult<()> {
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || "()[] ./-'@_".contains(character);
    if (3..=128).contains(&name.chars().count()) && name.chars().all(allowed) {
        return Ok(());
    }
    let message = "AMI names must be between 3 and 128 characters long, and may contain letters, \
                   numbers, '(', ')', '.', '-', '/' and '_'";
    Err(ApiError::new("InvalidAMIName.Malformed", message))
}

fn check_image_id(id: &str) -> ApiResult<()> {
    check_id(id, "ami", "InvalidAMIID")
}

fn not_found(id: &str) -> ApiError {
    ApiError::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"))
}

/// An image that is about to be.
pub(crate) struct NewImage {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) architecture: String,
    pub(crate) state: ImageState,
    pub(crate) root_device_type: RootDeviceType,
    pub(crate) root_device_name: String,
    pub(crate) mappings: Vec<ImageMapping>,
    pub(crate) source_instance: Option<String>,
    pub(crate) tags: Tags,
}

/// Adds an image; its name must be new.
pub(crate) fn insert_image(state: &mut State, new: NewImage) -> ApiResult<String> {
    if let Some(other) = state.images.iter().find(|image| image.name == new.name) {
        let message = format!("AMI name {} is already in use by AMI {}", new.name, other.id);
        return Err(ApiError::new("InvalidAMIName.Duplicate", message));
    }
    let id = new_id("ami");
    state.images.insert(Image {
        id: id.clone(),
        name: new.name,
        description: new.description,
        state: new.state,
        state_reason: None,
        created: Timestamp::now(),
        architecture: new.architecture,
        root_device_type: new.root_device_type,
        root_device_name: new.root_device_name,
        mappings: new.mappings,
        source_instance: new.source_instance,
        tags: new.tags,
    });
    Ok(id)
}

pub(super) struct CreateImage {
    instance_id: String,
    name: String,
    description: Option<String>,
    no_reboot: bool,
    image_tags: Tags,
    snapshot_tags: Tags,
}

impl Action for CreateImage {
    fn decode(params: &Params) -> ApiResult<Self> {
        let instance_id = params.required("InstanceId")?;
        check_id(&instance_id, "i", "InvalidInstanceID")?;
        let name = params.required("Name")?;
        check_image_name(&name)?;
        let mut tags = params.tag_specifications(&["image", "snapshot"])?;
        Ok(CreateImage {
            instance_id,
            name,
            description: params.string("Description"),
            no_reboot: params.flag("NoReboot")?,
            image_tags: tags.remove("image").unwrap_or_default(),
            snapshot_tags: tags.remove("snapshot").unwrap_or_default(),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let no_reboot = self.no_reboot;
        let id = call.ec2.change(|state| self.insert(state))?;
        engine::take_image(&call.ec2, id.clone(), no_reboot);
        xml.text("imageId", id);
        Ok(())
    }
}

impl CreateImage {
    fn insert(self, state: &mut State) -> ApiResult<String> {
        let instance = state.instances.get(&self.instance_id).cloned();
        let instance = instance.ok_or_else(|| {
            ApiError::not_found("InvalidInstanceID", "instance ID", &self.instance_id)
        })?;
        if !matches!(
            instance.state,
            InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped
        ) {
            let message = format!(
                "The instance '{}' is not in a state from which an image can be created: {}",
                instance.id,
                instance.state.name()
            );
            return Err(ApiError::new("IncorrectState", message));
        }
        let architecture =
            state.images.get(&instance.image_id).map(|image| image.architecture.clone());
        let mut mappings = Vec::new();
        for attachment in &instance.attachments {
            let size_gib =
                state.volumes.get(&attachment.volume_id).map_or(0, |volume| volume.size_gib);
            let snapshot = Snapshot {
                id: new_id("snap"),
                volume_id: attachment.volume_id.clone(),
                size_gib,
                state: SnapshotState::Pending,
                started: Timestamp::now(),
                description: format!("Created by CreateImage({}) for {}", instance.id, self.name),
                layer: None,
                tags: self.snapshot_tags.clone(),
            };
            mappings.push(ImageMapping {
                device: attachment.device.clone(),
                snapshot_id: snapshot.id.clone(),
                size_gib,
                delete_on_termination: attachment.delete_on_termination,
            });
            state.snapshots.insert(snapshot);
        }
        insert_image(
            state,
            NewImage {
                name: self.name,
                description: self.description,
                architecture: architecture.unwrap_or_else(|| "x86_64".into()),
                state: ImageState::Pending,
                root_device_type: RootDeviceType::Ebs,
                root_device_name: instance.root_device_name,
                mappings,
                source_instance: Some(instance.id),
                tags: self.image_tags,
            },
        )
    }
}

pub(super) struct RegisterImage {
    name: String,
    description: Option<String>,
    architecture: String,
    root_device_name: String,
    /// A manifest in S3: the image is of the instance-store kind.
    location: Option<String>,
    /// Device, snapshot, delete on termination.
    devices: Vec<(String, String, bool)>,
    tags: Tags,
}

impl Action for RegisterImage {
    fn decode(params: &Params) -> ApiResult<Self> {
        params.ignore(&[
            "EnaSupport",
            "SriovNetSupport",
            "VirtualizationType",
            "BootMode",
            "ImdsSupport",
        ]);
        let name = params.required("Name")?;
        check_image_name(&name)?;
        let mut devices = Vec::new();
        for mapping in params.structures("BlockDeviceMapping") {
            let ebs = mapping.structure("Ebs");
            ebs.ignore(&["VolumeType", "Iops", "Throughput", "Encrypted", "VolumeSize"]);
            let delete = ebs.parsed("DeleteOnTermination")?.unwrap_or(true);
            devices.push((mapping.required("DeviceName")?, ebs.required("SnapshotId")?, delete));
        }
        Ok(RegisterImage {
            name,
            description: params.string("Description"),
            architecture: params.string("Architecture").unwrap_or_else(|| "x86_64".into()),
            root_device_name: params.string("RootDeviceName").unwrap_or_else(|| "/dev/sda1".into()),
            location: params.string("ImageLocation"),
            devices,
            tags: params.tag_specifications(&["image"])?.remove("image").unwrap_or_default(),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = call.ec2.change(|state| self.insert(state))?;
        xml.text("imageId", id);
        Ok(())
    }
}

impl RegisterImage {
    fn insert(self, state: &mut State) -> ApiResult<String> {
        let mut mappings = Vec::new();
        for (device, snapshot_id, delete_on_termination) in self.devices {
            let snapshot = state.snapshots.get(&snapshot_id);
            let snapshot = snapshot
                .ok_or_else(|| ApiError::not_found("InvalidSnapshot", "snapshot", &snapshot_id))?;
            if snapshot.state != SnapshotState::Completed {
                let message = format!("Snapshot {snapshot_id} is {}", snapshot.state.name());
                return Err(ApiError::new("IncorrectState", message));
            }
            mappings.push(ImageMapping {
                device,
                size_gib: snapshot.size_gib,
                snapshot_id,
                delete_on_termination,
            });
        }
        let has_root = mappings.iter().any(|mapping| mapping.device == self.root_device_name);
        if self.location.is_none() && !has_root {
            let message =
                format!("No snapshot is given for the root device {}", self.root_device_name);
            return Err(ApiError::new("InvalidBlockDeviceMapping", message));
        }
        insert_image(
            state,
            NewImage {
                name: self.name,
                description: self.description,
                architecture: self.architecture,
                state: ImageState::Available,
                root_device_type: match self.location {
                    Some(_) => RootDeviceType::InstanceStore,
                    None => RootDeviceType::Ebs,
                },
                root_device_name: self.root_device_name,
                mappings,
                source_instance: None,
                tags: self.tags,
            },
        )
    }
}

pub(super) struct DeregisterImage {
    id: String,
    with_snapshots: bool,
}

impl Action for DeregisterImage {
    fn decode(params: &Params) -> ApiResult<Self> {
        let id = params.required("ImageId")?;
        check_image_id(&id)?;
        Ok(DeregisterImage { id, with_snapshots: params.flag("DeleteAssociatedSnapshots")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let results = call.ec2.change(|state| {
            let image = state.images.remove(&self.id).ok_or_else(|| {
                let message = format!("The AMI ID '{}' is not available", self.id);
                ApiError::new("InvalidAMIID.Unavailable", message)
            })?;
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

pub(super) struct DescribeImages {
    ids: Vec<String>,
    owners: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

impl Action for DescribeImages {
    fn decode(params: &Params) -> ApiResult<Self> {
        // Nothing here is deprecated, disabled, or shared with anyone.
        params.ignore(&["IncludeDeprecated", "IncludeDisabled", "ExecutableBy"]);
        let ids = params.list("ImageId");
        for id in &ids {
            check_image_id(id)?;
        }
        Ok(DescribeImages {
            ids,
            owners: params.list("Owner"),
            filters: params.filters()?,
            page: Page::decode(params)?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.read(|state| {
            for id in &self.ids {
                if state.images.get(id).is_none() {
                    return Err(not_found(id));
                }
            }
            let mine = self.owners.is_empty()
                || self.owners.iter().any(|it| it == "self" || it == ACCOUNT);
            let mut rows = Vec::new();
            for image in state.images.iter().filter(|_| mine) {
                let named = self.ids.is_empty() || self.ids.contains(&image.id);
                if named && matches(&self.filters, &image.tags, |name| values(image, name))? {
                    rows.push(image);
                }
            }
            let page = self.page;
            let (rows, token) =
                paginate(rows, |row| &row.id, page.max_results, page.next_token.as_deref())?;
            xml.list("imagesSet", rows, write);
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn values(image: &Image, filter: &str) -> Option<Vec<String>> {
    let snapshots = || image.mappings.iter().map(|mapping| mapping.snapshot_id.clone()).collect();
    let devices = || image.mappings.iter().map(|mapping| mapping.device.clone()).collect();
    Some(match filter {
        "block-device-mapping.snapshot-id" => snapshots(),
        "block-device-mapping.device-name" => devices(),
        "description" => image.description.clone().into_iter().collect(),
        _ => vec![match filter {
            "architecture" => image.architecture.clone(),
            "hypervisor" => "xen".into(),
            "image-id" => image.id.clone(),
            "image-type" => "machine".into(),
            "is-public" => "false".into(),
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
    xml.text("isPublic", false);
    xml.text("architecture", &image.architecture);
    xml.text("imageType", "machine");
    xml.text("name", &image.name);
    xml.option("description", image.description.as_ref());
    xml.text("rootDeviceType", image.root_device_type.name());
    xml.text("rootDeviceName", &image.root_device_name);
    xml.list("blockDeviceMapping", &image.mappings, |xml, mapping| {
        xml.text("deviceName", &mapping.device);
        xml.node("ebs", |xml| {
            xml.text("snapshotId", &mapping.snapshot_id);
            xml.text("volumeSize", mapping.size_gib);
            xml.text("deleteOnTermination", mapping.delete_on_termination);
            xml.text("volumeType", "gp3");
            xml.text("encrypted", false);
        });
    });
    xml.text("virtualizationType", "hvm");
    xml.text("hypervisor", "xen");
    xml.text("enaSupport", true);
    xml.option("sourceInstanceId", image.source_instance.as_ref());
    xml.tags(&image.tags);
    if let Some(reason) = &image.state_reason {
        xml.node("stateReason", |xml| {
            xml.text("code", "Server.InternalError");
            xml.text("message", reason);
        });
    }
}
