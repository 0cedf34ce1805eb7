//! RegisterImage: images of snapshots.

use super::new_images::{NewImage, check_image_name, insert_image};
use super::query::find;
use super::volume_type;
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::model::{
    Features, ImageMapping, ImageState, RootDeviceType, SnapshotState, State, Tags, Virtualization,
    VolumeType, new_id,
};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

pub(super) struct RegisterImage {
    name: String,
    description: Option<String>,
    architecture: String,
    root_device_name: String,
    /// A manifest in S3: the image is of the instance-store kind.
    location: Option<String>,
    disks: Vec<Disk>,
    features: Features,
    tags: Tags,
}

/// A device of an image that is to be registered.
struct Disk {
    device: String,
    snapshot_id: String,
    size_gib: Option<u64>,
    delete_on_termination: bool,
    volume_type: VolumeType,
}

impl Action for RegisterImage {
    const REFERENCE: Reference = Reference {
        honours: &[
            "Name",
            "Description",
            "Architecture",
            "RootDeviceName",
            "ImageLocation",
            "BlockDeviceMapping.DeviceName",
            "BlockDeviceMapping.VirtualName",
            "BlockDeviceMapping.Ebs.SnapshotId",
            "BlockDeviceMapping.Ebs.DeleteOnTermination",
            "BlockDeviceMapping.Ebs.VolumeSize",
            "BlockDeviceMapping.Ebs.VolumeType",
            "BlockDeviceMapping.Ebs.Iops",
            "BlockDeviceMapping.Ebs.Throughput",
            "BootMode",
            "EnaSupport",
            "ImdsSupport",
            "SriovNetSupport",
            "VirtualizationType",
            "TagSpecification",
        ],
        defaults: &[("BlockDeviceMapping.Ebs.Encrypted", "false")],
        notes: "With ImageLocation the image exists by name only and cannot be launched: there is \
                no S3 here.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let name = params.required("Name")?;
        check_image_name(&name)?;
        let mut features = decode_features(params)?;
        let mut disks = Vec::new();
        for mapping in params.structures("BlockDeviceMapping") {
            let device = mapping.required("DeviceName")?;
            if let Some(name) = mapping.string("VirtualName") {
                features.ephemeral.push((device, name));
                continue;
            }
            let ebs = mapping.structure("Ebs");
            disks.push(Disk {
                device,
                snapshot_id: ebs.required("SnapshotId")?,
                size_gib: ebs.parsed("VolumeSize")?,
                delete_on_termination: ebs.parsed("DeleteOnTermination")?.unwrap_or(true),
                volume_type: volume_type::decode(&ebs)?.unwrap_or_default(),
            });
        }
        Ok(RegisterImage {
            name,
            description: params.string("Description"),
            architecture: params.string("Architecture").unwrap_or_else(|| "x86_64".into()),
            root_device_name: params.string("RootDeviceName").unwrap_or_else(|| "/dev/sda1".into()),
            location: params.string("ImageLocation"),
            disks,
            features,
            tags: params.tag_specifications(&["image"])?.remove("image").unwrap_or_default(),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = call.ec2.change(|state| self.insert(state, &call.region))?;
        xml.text("imageId", id);
        Ok(())
    }
}

/// Without a word an image is paravirtual, as on EC2
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html>).
fn decode_features(params: &Params) -> ApiResult<Features> {
    let among = |name: &str, values: &[&str]| match params.string(name) {
        Some(text) if !values.contains(&text.as_str()) => Err(ApiError::invalid_value(name, &text)),
        text => Ok(text),
    };
    let virtualization = among("VirtualizationType", &["hvm", "paravirtual"])?;
    Ok(Features {
        virtualization: match virtualization.as_deref() {
            Some("hvm") => Virtualization::Hvm,
            _ => Virtualization::Paravirtual,
        },
        boot_mode: among("BootMode", &["legacy-bios", "uefi", "uefi-preferred"])?,
        imds_v2: among("ImdsSupport", &["v2.0"])?.is_some(),
        no_ena: !params.flag("EnaSupport")?,
        sriov: among("SriovNetSupport", &["simple"])?,
        ephemeral: Vec::new(),
    })
}

impl RegisterImage {
    fn insert(self, state: &mut State, region: &str) -> ApiResult<String> {
        let mut mappings = Vec::new();
        for disk in self.disks {
            let Disk { device, snapshot_id, size_gib, delete_on_termination, volume_type } = disk;
            let snapshot = find(&state.snapshots, &snapshot_id)?;
            let size_gib = size_gib.unwrap_or(snapshot.size_gib);
            if size_gib < snapshot.size_gib {
                let message = format!(
                    "Volume of size {size_gib}GB is smaller than snapshot '{snapshot_id}', expect \
                     size >= {}GB",
                    snapshot.size_gib
                );
                return Err(ApiError::new("InvalidBlockDeviceMapping", message));
            }
            if snapshot.state != SnapshotState::Completed {
                let message = format!("Snapshot {snapshot_id} is {}", snapshot.state.name());
                return Err(ApiError::new("IncorrectState", message));
            }
            mappings.push(ImageMapping {
                device,
                size_gib,
                snapshot_id,
                delete_on_termination,
                encrypted: snapshot.kms_key.is_some(),
                volume_type,
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
                id: new_id("ami"),
                region: region.to_owned(),
                owner: ACCOUNT.into(),
                permissions: Vec::new(),
                deprecation: None,
                features: self.features,
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
                no_reboot: false,
                source_image: None,
                client_token: None,
                tags: self.tags,
            },
        )
    }
}
