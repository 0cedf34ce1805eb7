//! The volumes that an instance is started with: those of its image, changed as the caller asks, and
//! others.

use std::collections::BTreeMap;

use super::encryption::Encryption;
use super::query::find;
use super::volume_type;
use crate::model::{Image, ImageMapping, Snapshot, SnapshotState, State, VolumeType};
use crate::protocol::{ApiError, ApiResult, Params};

/// The rates at which the blocks of a snapshot may be fetched, in MiB/s
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>).
const INITIALIZATION_RATE: std::ops::RangeInclusive<u32> = 100..=300;

/// What the caller says of a block device.
#[derive(Debug, PartialEq)]
pub(super) struct Device {
    /// The instance has no volume there, though its image says so.
    omitted: bool,
    snapshot_id: Option<String>,
    size_gib: Option<u64>,
    delete_on_termination: Option<bool>,
    volume_type: Option<VolumeType>,
    /// Its volume counts as encrypted, with this key where one is named.
    encryption: Option<Encryption>,
    initialization_rate: Option<u32>,
}

/// A volume that is to be made.
#[derive(Debug)]
pub(super) struct NewVolume {
    pub(super) device: String,
    /// What it is a copy of; `None` where it is empty.
    pub(super) snapshot: Option<Snapshot>,
    pub(super) size_gib: u64,
    pub(super) delete_on_termination: bool,
    pub(super) volume_type: VolumeType,
    /// Of the caller; a copy of what is encrypted is so, too.
    pub(super) encryption: Option<Encryption>,
    pub(super) initialization_rate: Option<u32>,
}

/// As RunInstances says it (<https://github.com/hashicorp/terraform/issues/7233>).
fn used_twice(name: &str) -> ApiError {
    refused(format!("The device '{name}' is used in more than one block-device mapping"))
}

/// As CreateImage says it (<https://github.com/hashicorp/packer/pull/2320>).
pub(super) fn assigned_twice(name: &str) -> ApiError {
    refused(format!("{name} is being assigned to multiple times."))
}

pub(super) fn decode_devices(params: &Params) -> ApiResult<BTreeMap<String, Device>> {
    let mut devices = BTreeMap::new();
    for mapping in params.structures("BlockDeviceMapping") {
        let ebs = mapping.structure("Ebs");
        let initialization_rate: Option<u32> = ebs.parsed("VolumeInitializationRate")?;
        if let Some(rate) = initialization_rate.filter(|it| !INITIALIZATION_RATE.contains(it)) {
            return Err(ApiError::invalid_value("VolumeInitializationRate", &rate.to_string()));
        }
        let name = mapping.required("DeviceName")?;
        let device = Device {
            omitted: mapping.given("NoDevice").is_some(),
            snapshot_id: ebs.string("SnapshotId"),
            size_gib: ebs.parsed("VolumeSize")?,
            delete_on_termination: ebs.parsed("DeleteOnTermination")?,
            volume_type: volume_type::decode(&ebs)?,
            encryption: Encryption::decode(&ebs)?,
            initialization_rate,
        };
        if devices.insert(name.clone(), device).is_some() {
            return Err(used_twice(&name));
        }
    }
    Ok(devices)
}

/// The volumes of an instance of the image, its root volume first: the machine boots from that one.
pub(super) fn new_volumes(
    image: &Image,
    devices: &BTreeMap<String, Device>,
    state: &State,
) -> ApiResult<Vec<NewVolume>> {
    let mut volumes = Vec::new();
    for mapping in &image.mappings {
        match devices.get(&mapping.device) {
            Some(device) if device.omitted && mapping.device == image.root_device_name => {
                return Err(refused(format!(
                    "The root device '{}' cannot be left out",
                    mapping.device
                )));
            }
            Some(device) if device.omitted => {}
            device => volumes.push(of_image(mapping, device, state)?),
        }
    }
    let is_images = |name: &String| image.mappings.iter().any(|it| it.device == *name);
    // The same device by another spelling is one of the image's, too.
    let is_alike = |name: &str| image.mappings.iter().any(|it| short(&it.device) == short(name));
    for (name, device) in devices.iter().filter(|(name, it)| !is_images(name) && !it.omitted) {
        if is_alike(name) {
            return Err(used_twice(name));
        }
        volumes.push(further(name, device, state)?);
    }
    volumes.sort_by_key(|volume| volume.device != image.root_device_name);
    Ok(volumes)
}

/// A device's name without its folder, which it may have.
fn short(name: &str) -> &str {
    name.strip_prefix("/dev/").unwrap_or(name)
}

fn of_image(
    mapping: &ImageMapping,
    device: Option<&Device>,
    state: &State,
) -> ApiResult<NewVolume> {
    let own = &mapping.snapshot_id;
    if let Some(other) = device.and_then(|it| it.snapshot_id.as_ref()).filter(|it| *it != own) {
        find(&state.snapshots, other)?;
        return Err(refused(format!(
            "The device {} is of the snapshot '{own}' of its image: another one is not supported here",
            mapping.device
        )));
    }
    let snapshot = completed(own, state)?;
    Ok(NewVolume {
        device: mapping.device.clone(),
        // The image may say more than its snapshot has.
        size_gib: size(device.and_then(|it| it.size_gib), own, mapping.size_gib)?,
        snapshot: Some(snapshot),
        delete_on_termination: device
            .and_then(|it| it.delete_on_termination)
            .unwrap_or(mapping.delete_on_termination),
        volume_type: device
            .and_then(|it| it.volume_type.clone())
            .unwrap_or_else(|| mapping.volume_type.clone()),
        encryption: device.and_then(|it| it.encryption.clone()),
        initialization_rate: device.and_then(|it| it.initialization_rate),
    })
}

/// A volume that the image knows nothing of: it stays when its instance ends, unless the caller says
/// otherwise
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html>).
fn further(name: &str, device: &Device, state: &State) -> ApiResult<NewVolume> {
    if !is_device_name(name) {
        let message = format!(
            "Value ({name}) for parameter device is invalid. {name} is not a valid EBS device name."
        );
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    let snapshot = device.snapshot_id.as_ref().map(|id| completed(id, state)).transpose()?;
    let size_gib = match (&snapshot, device.size_gib) {
        (Some(snapshot), asked) => size(asked, &snapshot.id, snapshot.size_gib)?,
        (None, Some(size)) => size,
        (None, None) => {
            let message = "The request must contain the parameter size or snapshotId";
            return Err(ApiError::new("MissingParameter", message));
        }
    };
    if snapshot.is_none() && device.initialization_rate.is_some() {
        let message = "VolumeInitializationRate is supported for volumes of snapshots only";
        return Err(ApiError::combination(message));
    }
    Ok(NewVolume {
        device: name.to_owned(),
        snapshot,
        size_gib,
        delete_on_termination: device.delete_on_termination.unwrap_or(false),
        volume_type: device.volume_type.clone().unwrap_or_else(gp2),
        encryption: device.encryption.clone(),
        initialization_rate: device.initialization_rate,
    })
}

/// The type of new volumes of which nothing is said, unlike that of an image's.
fn gp2() -> VolumeType {
    VolumeType { name: "gp2".into(), iops: None, throughput: None }
}

/// At least that of the snapshot.
fn size(asked: Option<u64>, snapshot: &str, least: u64) -> ApiResult<u64> {
    match asked {
        Some(size) if size < least => Err(refused(format!(
            "Volume of size {size}GB is smaller than snapshot '{snapshot}', expect size >= {least}GB"
        ))),
        size => Ok(size.unwrap_or(least)),
    }
}

fn completed(id: &str, state: &State) -> ApiResult<Snapshot> {
    let snapshot = find(&state.snapshots, id)?;
    if snapshot.state != SnapshotState::Completed || snapshot.layer.is_none() {
        let message = format!("Snapshot {id} is {}", snapshot.state.name());
        return Err(ApiError::new("IncorrectState", message));
    }
    Ok(snapshot.clone())
}

fn refused(message: String) -> ApiError {
    ApiError::new("InvalidBlockDeviceMapping", message)
}

/// `/dev/sdf`, `/dev/sda1`, `/dev/xvdba`
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html>).
fn is_device_name(name: &str) -> bool {
    let name = short(name);
    let Some(rest) = ["sd", "xvd"].iter().find_map(|it| name.strip_prefix(it)) else {
        return false;
    };
    let letters = rest.trim_end_matches(|it: char| it.is_ascii_digit());
    let number = &rest[letters.len()..];
    (1..=2).contains(&letters.len())
        && letters.bytes().all(|it| it.is_ascii_lowercase())
        && (number.is_empty() || number.parse().is_ok_and(|it: u8| (1..=15).contains(&it)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_those_of_ec2() {
        for good in ["/dev/sdf", "/dev/sda1", "/dev/xvda", "/dev/xvdba", "sdb", "/dev/sdp15"] {
            assert!(is_device_name(good), "{good}");
        }
        for bad in ["", "/dev/", "/dev/nvme1n1", "/dev/sd", "/dev/sdf16", "/dev/sdF", "/dev/sdabc"]
        {
            assert!(!is_device_name(bad), "{bad}");
        }
    }
}
