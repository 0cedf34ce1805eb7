//! What the endpoint remembers: one file a kind of resource, and the tables that hold them.

mod ids;
mod image;
mod instance;
mod key_pair;
mod storage;
mod table;

use std::collections::BTreeMap;

pub(crate) use ids::new_id;
pub(crate) use image::{Image, ImageMapping, ImageState, RootDeviceType};
pub(crate) use instance::{Attachment, Instance, InstanceState, ShutdownBehavior, StateReason};
pub(crate) use key_pair::KeyPair;
pub(crate) use storage::{Layer, Snapshot, SnapshotState, Volume, unreachable_layers};
pub(crate) use table::{Record, Table};

/// Tags of a resource, sorted by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// Everything the endpoint remembers.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) images: Table<Image>,
    pub(crate) instances: Table<Instance>,
    pub(crate) key_pairs: Table<KeyPair>,
    pub(crate) layers: Table<Layer>,
    pub(crate) snapshots: Table<Snapshot>,
    pub(crate) volumes: Table<Volume>,
}

impl State {
    /// The tags of any taggable resource.
    pub(crate) fn tags_mut(&mut self, id: &str) -> Option<&mut Tags> {
        match id.split('-').next()? {
            "ami" => self.images.get_mut(id).map(|row| &mut row.tags),
            "i" => self.instances.get_mut(id).map(|row| &mut row.tags),
            "key" => self.key_pairs.get_mut(id).map(|row| &mut row.tags),
            "snap" => self.snapshots.get_mut(id).map(|row| &mut row.tags),
            "vol" => self.volumes.get_mut(id).map(|row| &mut row.tags),
            _ => None,
        }
    }

    /// Takes all changes as done.
    pub(crate) fn keep(&mut self) {
        self.images.keep();
        self.instances.keep();
        self.key_pairs.keep();
        self.layers.keep();
        self.snapshots.keep();
        self.volumes.keep();
    }

    /// Takes all changes back.
    pub(crate) fn undo(&mut self) {
        self.images.undo();
        self.instances.undo();
        self.key_pairs.undo();
        self.layers.undo();
        self.snapshots.undo();
        self.volumes.undo();
    }
}
