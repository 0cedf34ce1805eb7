//! Reads what EC2 answers of images and instances into [`crate::model::facts`].

use aws_sdk_ec2::types::{
    BlockDeviceMapping, HttpTokensState, Image, ImdsSupportValues, Instance, InstanceLifecycleType,
    InstanceStateName, Tag,
};

use crate::model::facts::{BlockDevice, ImageFacts, InstanceFacts};
use crate::model::id::{AmiId, InstanceId, SnapshotId};
use crate::model::tags::Tags;

pub(super) fn image_facts(image: Image) -> ImageFacts {
    let mappings = image.block_device_mappings.unwrap_or_default();
    let mut disks = mappings.iter().filter_map(|mapping| mapping.ebs.as_ref()).peekable();
    let has_disks = disks.peek().is_some();
    let with_ebs = mappings.iter().filter(|mapping| mapping.ebs.is_some());
    let ebs_devices = with_ebs.filter_map(|mapping| mapping.device_name.clone()).collect();
    let lasts = |mapping: &&BlockDeviceMapping| {
        mapping.ebs.as_ref().is_some_and(|ebs| ebs.delete_on_termination == Some(false))
    };
    let lasting = mappings.iter().filter(lasts);
    let lasting_devices = lasting.filter_map(|mapping| mapping.device_name.clone()).collect();
    let encrypted = has_disks && disks.all(|ebs| ebs.encrypted == Some(true));
    let devices = mappings.into_iter().filter_map(|mapping| {
        let ebs = mapping.ebs?;
        Some(BlockDevice {
            device: mapping.device_name.unwrap_or_default(),
            snapshot: SnapshotId::answered(ebs.snapshot_id?),
            size_gib: i64::from(ebs.volume_size.unwrap_or(0)),
        })
    });
    let protection = image.deregistration_protection.unwrap_or_default();
    ImageFacts {
        // `enabled-with-cooldown`, `enabled-without-cooldown`; after the former is switched
        // off, EC2 refuses for a day and says so itself.
        protected: protection.starts_with("enabled"),
        encrypted,
        ebs_devices,
        lasting_devices,
        imds_v2: image.imds_support == Some(ImdsSupportValues::V20),
        deprecation: image.deprecation_time,
        allowed: image.image_allowed,
        last_launched: image.last_launched_time.filter(|time| !time.is_empty()),
        block_devices: devices.collect(),
        source_instance: image
            .source_instance_id
            .filter(|id| !id.is_empty())
            .map(InstanceId::answered),
        source_image: image.source_image_id.filter(|id| !id.is_empty()).map(AmiId::answered),
        tags: read_tags(image.tags),
        id: AmiId::answered(image.image_id.unwrap_or_default()),
        name: image.name.unwrap_or_default(),
        description: image.description,
        state: image.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        state_reason: image.state_reason.and_then(|reason| reason.message),
        created: image.creation_date.unwrap_or_default(),
        owner: image.owner_id.unwrap_or_default(),
        architecture: image.architecture.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        root_device_type: image
            .root_device_type
            .map(|it| it.as_str().to_owned())
            .unwrap_or_default(),
        root_device_name: image.root_device_name.unwrap_or_default(),
    }
}

pub(super) fn instance_facts(instance: Instance) -> InstanceFacts {
    let state = instance.state.and_then(|state| state.name);
    let address = |text: Option<String>| text.and_then(|text| text.parse().ok());
    InstanceFacts {
        id: InstanceId::answered(instance.instance_id.unwrap_or_default()),
        state: state.unwrap_or(InstanceStateName::Pending).as_str().to_owned(),
        reason: instance.state_reason.and_then(|reason| reason.message),
        public: address(instance.public_ip_address),
        private: address(instance.private_ip_address),
        ipv6: address(instance.ipv6_address),
        launched: instance.launch_time.map(|time| time.to_string()).unwrap_or_default(),
        is_spot: instance.instance_lifecycle == Some(InstanceLifecycleType::Spot),
        wants_token: instance
            .metadata_options
            .and_then(|it| it.http_tokens)
            .is_some_and(|it| it == HttpTokensState::Required),
        image: AmiId::answered(instance.image_id.unwrap_or_default()),
        tags: read_tags(instance.tags),
    }
}

pub(super) fn read_tags(tags: Option<Vec<Tag>>) -> Tags {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}
