//! Images that come to be: of an instance, of another image.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::encryption::Encryption;
use super::query::{find, find_image, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::model::{
    Features, Image, ImageMapping, ImageState, Instance, InstanceState, Permission, Resource,
    RootDeviceType, Snapshot, SnapshotState, State, Tags, new_id,
};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};
use crate::{engine, network};

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

/// An image that is about to be.
pub(crate) struct NewImage {
    pub(crate) id: String,
    /// The region; everywhere where that is empty.
    pub(crate) region: String,
    pub(crate) owner: String,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) deprecation: Option<Timestamp>,
    pub(crate) features: Features,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) architecture: String,
    pub(crate) state: ImageState,
    pub(crate) root_device_type: RootDeviceType,
    pub(crate) root_device_name: String,
    pub(crate) mappings: Vec<ImageMapping>,
    pub(crate) source_instance: Option<String>,
    pub(crate) no_reboot: bool,
    /// The region and the id of what it is a copy of.
    pub(crate) source_image: Option<(String, String)>,
    pub(crate) client_token: Option<String>,
    pub(crate) tags: Tags,
}

/// Adds an image; its name must be new in its region.
pub(crate) fn insert_image(state: &mut State, new: NewImage) -> ApiResult<String> {
    // Names are one owner's matter.
    let meets = |image: &Image| {
        (new.region.is_empty() || image.is_in(&new.region)) && image.owner == new.owner
    };
    if let Some(other) = state.images.iter().find(|image| image.name == new.name && meets(image)) {
        let message = format!("AMI name {} is already in use by AMI {}", new.name, other.id);
        return Err(ApiError::new("InvalidAMIName.Duplicate", message));
    }
    let id = new.id;
    let (source_region, source_image) = new.source_image.unzip();
    state.images.insert(Image {
        id: id.clone(),
        owner: new.owner,
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
        no_reboot: new.no_reboot,
        source_image,
        source_region,
        client_token: new.client_token,
        protected: false,
        permissions: new.permissions,
        deprecation: new.deprecation,
        features: new.features,
        last_launched: None,
        region: new.region,
        tags: new.tags,
    });
    Ok(id)
}

pub(super) struct CreateImage {
    instance_id: String,
    name: String,
    description: Option<String>,
    no_reboot: bool,
    /// Whether volumes of these devices go with instances of the image.
    lasting: BTreeMap<String, bool>,
    /// Devices whose volumes the image does not get.
    omitted: BTreeSet<String>,
    image_tags: Tags,
    snapshot_tags: Tags,
}

impl Action for CreateImage {
    const REFERENCE: Reference = Reference {
        honours: &[
            "InstanceId",
            "Name",
            "Description",
            "NoReboot",
            "TagSpecification",
            "BlockDeviceMapping.DeviceName",
            "BlockDeviceMapping.NoDevice",
            "BlockDeviceMapping.Ebs.DeleteOnTermination",
        ],
        notes: "Of a block device only DeleteOnTermination can be changed, as on EC2, or it is left out by NoDevice; devices that the instance does not have are refused. A running instance is shut down by its power button, and started again when its \
                disks are taken; with NoReboot it goes on meanwhile.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let instance_id = required_id::<Instance>(params, "InstanceId")?;
        let name = params.required("Name")?;
        check_image_name(&name)?;
        let mut tags = params.tag_specifications(&["image", "snapshot"])?;
        let (mut lasting, mut omitted) = (BTreeMap::new(), BTreeSet::new());
        for mapping in params.structures("BlockDeviceMapping") {
            let device = mapping.required("DeviceName")?;
            if lasting.contains_key(&device) || omitted.contains(&device) {
                return Err(super::block_devices::assigned_twice(&device));
            }
            if mapping.given("NoDevice").is_some() {
                omitted.insert(device);
                continue;
            }
            let goes = mapping.structure("Ebs").parsed("DeleteOnTermination")?;
            lasting.extend(goes.map(|goes| (device, goes)));
        }
        Ok(CreateImage {
            lasting,
            omitted,
            instance_id,
            name,
            description: params.string("Description"),
            no_reboot: params.flag("NoReboot")?,
            image_tags: tags.remove("image").unwrap_or_default(),
            snapshot_tags: tags.remove("snapshot").unwrap_or_default(),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let image = call.ec2.change(|state| {
            let id = self.insert(state, &call.region)?;
            find(&state.images, &id).cloned()
        })?;
        engine::take_image(&call.ec2, &image);
        xml.text("imageId", image.id);
        Ok(())
    }
}

impl CreateImage {
    fn insert(self, state: &mut State, region: &str) -> ApiResult<String> {
        let instance = find(&state.instances, &self.instance_id)?.clone();
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
        let has = |device: &String| instance.attachments.iter().any(|it| it.device == *device);
        if let Some(root) = self.omitted.get(&instance.root_device_name) {
            let message = format!("The root device '{root}' cannot be left out");
            return Err(ApiError::new("InvalidBlockDeviceMapping", message));
        }
        let named = self.lasting.keys().chain(&self.omitted);
        if let Some(other) = named.into_iter().find(|device| !has(device)) {
            let message = format!("The instance has no device {other}");
            return Err(ApiError::new("InvalidBlockDeviceMapping", message));
        }
        let id = new_id("ami");
        let image = state.images.get(&instance.image_id);
        let features = image.map(|image| image.features.clone()).unwrap_or_default();
        let mut mappings = Vec::new();
        let kept = instance.attachments.iter().filter(|it| !self.omitted.contains(&it.device));
        for attachment in kept {
            let volume = state.volumes.get(&attachment.volume_id);
            let size_gib = volume.map_or(0, |volume| volume.size_gib);
            let kms_key = volume.and_then(|volume| volume.kms_key.clone());
            let volume_type = volume.map(|volume| volume.volume_type.clone()).unwrap_or_default();
            let snapshot = Snapshot {
                id: new_id("snap"),
                owner: String::new(),
                volume_id: attachment.volume_id.clone(),
                size_gib,
                state: SnapshotState::Pending,
                started: Timestamp::now(),
                description: format!("Created by CreateImage({}) for {id}", instance.id),
                layer: None,
                region: region.to_owned(),
                kms_key,
                users: Vec::new(),
                tags: self.snapshot_tags.clone(),
            };
            mappings.push(ImageMapping {
                device: attachment.device.clone(),
                snapshot_id: snapshot.id.clone(),
                size_gib,
                delete_on_termination: self
                    .lasting
                    .get(&attachment.device)
                    .copied()
                    .unwrap_or(attachment.delete_on_termination),
                encrypted: snapshot.kms_key.is_some(),
                volume_type,
            });
            state.snapshots.insert(snapshot);
        }
        insert_image(
            state,
            NewImage {
                id,
                region: region.to_owned(),
                owner: ACCOUNT.into(),
                permissions: Vec::new(),
                deprecation: None,
                features: Features { ephemeral: Vec::new(), ..features },
                name: self.name,
                description: self.description,
                architecture: instance.options.architecture,
                state: ImageState::Pending,
                root_device_type: RootDeviceType::Ebs,
                root_device_name: instance.root_device_name,
                mappings,
                source_instance: Some(instance.id),
                no_reboot: self.no_reboot,
                source_image: Some((region.to_owned(), instance.image_id)),
                client_token: None,
                tags: self.image_tags,
            },
        )
    }
}

pub(super) struct CopyImage {
    name: String,
    description: Option<String>,
    source_id: String,
    source_region: String,
    encryption: Option<Encryption>,
    copy_tags: bool,
    client_token: Option<String>,
    image_tags: Tags,
    snapshot_tags: Tags,
}

impl Action for CopyImage {
    const REFERENCE: Reference = Reference {
        honours: &[
            "Name",
            "Description",
            "SourceImageId",
            "SourceRegion",
            "CopyImageTags",
            "ClientToken",
            "Encrypted",
            "KmsKeyId",
            "TagSpecification",
        ],
        notes: "The copy shares its disk layers with the source, and outlives it. Encryption is \
                reported, not performed.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let name = params.required("Name")?;
        check_image_name(&name)?;
        let mut tags = params.tag_specifications(&["image", "snapshot"])?;
        Ok(CopyImage {
            name,
            description: params.string("Description"),
            source_id: required_id::<Image>(params, "SourceImageId")?,
            source_region: decode_region(params)?,
            encryption: Encryption::decode(params)?,
            copy_tags: params.flag("CopyImageTags")?,
            client_token: params.string("ClientToken"),
            image_tags: tags.remove("image").unwrap_or_default(),
            snapshot_tags: tags.remove("snapshot").unwrap_or_default(),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let (image, is_new) = call.ec2.change(|state| match self.earlier(state, &call.region) {
            Some(image) => Ok((image, false)),
            None => {
                let id = self.insert(state, &call.region)?;
                Ok((find(&state.images, &id)?.clone(), true))
            }
        })?;
        if is_new {
            engine::take_image(&call.ec2, &image);
        }
        xml.text("imageId", image.id);
        Ok(())
    }
}

fn decode_region(params: &Params) -> ApiResult<String> {
    let region = params.required("SourceRegion")?;
    if network::region_is_valid(&region) {
        Ok(region)
    } else {
        Err(ApiError::invalid_value("sourceRegion", &region))
    }
}

/// Snapshots that may be copied to a region at the same time
/// (<https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html>).
const COPIES_AT_ONCE: usize = 20;

impl CopyImage {
    /// The copy that an earlier request with the same client token made.
    fn earlier(&self, state: &State, region: &str) -> Option<Image> {
        let token = self.client_token.as_ref()?;
        let mut images = state.images.of_region(region);
        images.find(|image| image.client_token.as_ref() == Some(token)).cloned()
    }

    fn insert(self, state: &mut State, region: &str) -> ApiResult<String> {
        let source = find_image(state, &self.source_id)?.clone();
        if !source.is_in(&self.source_region) {
            return Err(ApiError::not_found::<Image>(&self.source_id));
        }
        if source.state != ImageState::Available {
            let message = format!("The image {} is {}", source.id, source.state.name());
            return Err(ApiError::new("InvalidAMIID.Unavailable", message));
        }
        let under_way = state.images.of_region(region);
        let under_way = under_way
            .filter(|it| it.is_copy() && it.state == ImageState::Pending)
            .map(|it| it.mappings.len())
            .sum::<usize>();
        if under_way + source.mappings.len() > COPIES_AT_ONCE {
            let message = format!(
                "Too many snapshot copies in progress. The limit is {COPIES_AT_ONCE} for this \
                 destination region."
            );
            return Err(ApiError::new("ResourceLimitExceeded", message));
        }
        let id = new_id("ami");
        let mut mappings = Vec::new();
        for mapping in source.mappings {
            let snapshot = find(&state.snapshots, &mapping.snapshot_id)?.clone();
            let asked = self.encryption.as_ref().map(|it| it.key(region));
            let copy = Snapshot {
                id: new_id("snap"),
                owner: String::new(),
                region: region.to_owned(),
                // What is encrypted stays so: without a key by the account's own in that region.
                kms_key: asked.or(snapshot.kms_key.map(|_| Encryption::by_account().key(region))),
                state: SnapshotState::Pending,
                started: Timestamp::now(),
                description: format!(
                    "Copied for DestinationAmi {id} from SourceAmi {} for SourceSnapshot {}.",
                    source.id, mapping.snapshot_id
                ),
                users: Vec::new(),
                tags: self.snapshot_tags.clone(),
                ..snapshot
            };
            let encrypted = copy.kms_key.is_some();
            mappings.push(ImageMapping { snapshot_id: copy.id.clone(), encrypted, ..mapping });
            state.snapshots.insert(copy);
        }
        let mut tags = if self.copy_tags { source.tags } else { Tags::new() };
        tags.extend(self.image_tags);
        insert_image(
            state,
            NewImage {
                id,
                region: region.to_owned(),
                owner: ACCOUNT.into(),
                permissions: Vec::new(),
                deprecation: None,
                features: source.features,
                name: self.name,
                description: self.description,
                architecture: source.architecture,
                state: ImageState::Pending,
                root_device_type: source.root_device_type,
                root_device_name: source.root_device_name,
                mappings,
                source_instance: None,
                no_reboot: false,
                source_image: Some((self.source_region, source.id)),
                client_token: self.client_token,
                tags,
            },
        )
    }
}
