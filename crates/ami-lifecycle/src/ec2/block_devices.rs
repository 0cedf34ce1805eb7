//! What is said of block devices when a machine is started, and when an image is made of it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::builders::EbsBlockDeviceBuilder;
use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice};

use crate::model::launch_spec::{FurtherVolume, VolumeSpec};

/// What the devices of a machine are to be besides what its image says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Devices<'a> {
    /// The image's root device, which [`Devices::root`] is about.
    pub(crate) root_device: &'a str,
    pub(crate) root: VolumeSpec,
    pub(crate) further: &'a [FurtherVolume],
    /// The devices that are encrypted, whatever the image's are.
    pub(crate) encrypts: &'a [String],
    /// Their key; the account's default without one.
    pub(crate) kms_key: Option<&'a str>,
    /// The devices whose volumes are to go with the machine, though the image says otherwise.
    pub(crate) lasting: &'a [String],
}

impl Devices<'_> {
    /// As RunInstances takes it; `None` where all are good as the image has them.
    pub(crate) fn mappings(&self) -> Option<Vec<BlockDeviceMapping>> {
        let mut devices: BTreeMap<&str, EbsBlockDeviceBuilder> = BTreeMap::new();
        let mut change =
            |device, change: &dyn Fn(EbsBlockDeviceBuilder) -> EbsBlockDeviceBuilder| {
                let ebs = devices.remove(device).unwrap_or_default();
                devices.insert(device, change(ebs));
            };
        for device in self.encrypts {
            let key = self.kms_key.map(String::from);
            change(device, &|ebs| ebs.encrypted(true).set_kms_key_id(key.clone()));
        }
        for device in self.lasting {
            change(device, &|ebs| ebs.delete_on_termination(true));
        }
        if self.root != VolumeSpec::default() {
            change(self.root_device, &|ebs| described(ebs, &self.root));
        }
        for FurtherVolume { device, spec, snapshot, keep: _ } in self.further {
            change(device, &|ebs| described(ebs, spec).set_snapshot_id(snapshot.clone()));
        }
        let mapping = |(name, ebs): (&str, EbsBlockDeviceBuilder)| {
            BlockDeviceMapping::builder().device_name(name).ebs(ebs.build()).build()
        };
        let mappings: Vec<BlockDeviceMapping> = devices.into_iter().map(mapping).collect();
        (!mappings.is_empty()).then_some(mappings)
    }
}

/// A volume of a machine of amiable's goes with it.
fn described(ebs: EbsBlockDeviceBuilder, spec: &VolumeSpec) -> EbsBlockDeviceBuilder {
    let VolumeSpec { size, kind, iops, throughput, initialization_rate } = spec;
    let number = |it: u32| i32::try_from(it).unwrap_or(i32::MAX);
    ebs.delete_on_termination(true)
        .set_volume_size(size.map(number))
        .set_volume_type(kind.as_deref().map(Into::into))
        .set_iops(iops.map(number))
        .set_throughput(throughput.map(number))
        .set_volume_initialization_rate(initialization_rate.map(number))
}

/// What an image is to have otherwise than the machine that it is made of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ImageDevices<'a> {
    /// The devices whose volumes stay when an instance ends: that they go with the builder is no
    /// property of its image.
    pub(crate) lasting: &'a [String],
    /// The devices that it does not get.
    pub(crate) omitted: &'a [String],
}

impl ImageDevices<'_> {
    /// As CreateImage takes it.
    pub(crate) fn mappings(&self) -> Option<Vec<BlockDeviceMapping>> {
        let lasts = EbsBlockDevice::builder().delete_on_termination(false).build();
        let device = |name: &String| BlockDeviceMapping::builder().device_name(name);
        let lasting = self.lasting.iter().map(|it| device(it).ebs(lasts.clone()).build());
        let omitted = self.omitted.iter().map(|it| device(it).no_device("").build());
        let mappings: Vec<BlockDeviceMapping> = lasting.chain(omitted).collect();
        (!mappings.is_empty()).then_some(mappings)
    }
}
