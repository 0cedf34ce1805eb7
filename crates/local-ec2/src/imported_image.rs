//! Images that come from outside, and the one of simulated machines.

use jiff::Timestamp;

use crate::actions::{NewImage, insert_image};
use crate::model::account::ACCOUNT;
use crate::model::{
    Features, ImageMapping, ImageState, Layer, Permission, RootDeviceType, Snapshot, SnapshotState,
    State, Tags, VolumeType, new_id,
};
use crate::protocol::ApiResult;

/// The root device of imported images, as Debian and Ubuntu name theirs.
const ROOT_DEVICE: &str = "/dev/xvda";

/// An image that comes from outside.
pub(crate) struct Imported {
    pub(crate) layer: String,
    pub(crate) bytes: u64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) architecture: String,
    /// The account that owns the image.
    pub(crate) owner: String,
    pub(crate) deprecated: Option<Timestamp>,
}

impl Imported {
    pub(crate) fn insert(self, state: &mut State) -> ApiResult<String> {
        let size_gib = self.bytes.div_ceil(1 << 30).max(1);
        let snapshot_id = new_id("snap");
        let is_own = self.owner == ACCOUNT;
        state.layers.insert(Layer { id: self.layer.clone(), parent: None });
        state.snapshots.insert(Snapshot {
            id: snapshot_id.clone(),
            owner: if is_own { String::new() } else { self.owner.clone() },
            volume_id: "vol-ffffffff".into(),
            size_gib,
            state: SnapshotState::Completed,
            started: Timestamp::now(),
            description: format!("Imported as {}", self.name),
            layer: Some(self.layer),
            region: String::new(),
            kms_key: None,
            users: Vec::new(),
            tags: Tags::new(),
        });
        let mapping = ImageMapping {
            device: ROOT_DEVICE.into(),
            snapshot_id,
            size_gib,
            delete_on_termination: true,
            encrypted: false,
            volume_type: VolumeType::default(),
        };
        insert_image(
            state,
            NewImage {
                id: new_id("ami"),
                region: String::new(),
                // Those of others are there for everybody.
                permissions: if is_own {
                    Vec::new()
                } else {
                    vec![Permission::Group("all".into())]
                },
                owner: self.owner,
                deprecation: self.deprecated,
                features: Features::default(),
                name: self.name,
                description: self.description,
                architecture: self.architecture,
                state: ImageState::Available,
                root_device_type: RootDeviceType::Ebs,
                root_device_name: ROOT_DEVICE.into(),
                mappings: vec![mapping],
                source_instance: None,
                no_reboot: false,
                source_image: None,
                client_token: None,
                tags: Tags::new(),
            },
        )
    }
}

/// Adds the base image of simulated machines.
pub(crate) fn insert_simulated_base(state: &mut State) -> ApiResult<()> {
    let base = Imported {
        layer: new_id("layer"),
        bytes: 2 << 30,
        name: "debian-12-amd64-simulated".into(),
        description: Some("A base image without a disk, for simulated machines".into()),
        architecture: "x86_64".into(),
        owner: ACCOUNT.into(),
        deprecated: None,
    };
    base.insert(state).map(drop)
}
