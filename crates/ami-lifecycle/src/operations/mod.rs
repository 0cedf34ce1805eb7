//! One file a command: it observes, decides and acts. Beside them is what they share.

pub(crate) mod bake;
pub(crate) mod base;
pub(crate) mod claim;
pub(crate) mod context;
pub(crate) mod delete;
pub(crate) mod distribute;
pub(crate) mod doctor;
pub(crate) mod error;
pub(crate) mod follow;
pub(crate) mod image_wait;
pub(crate) mod info;
pub(crate) mod launch;
pub(crate) mod objection;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod restore;
pub(crate) mod retire;
pub(crate) mod rights;
pub(crate) mod rollback;
pub(crate) mod ssh_from;
pub(crate) mod sweep;
pub(crate) mod terms;
pub(crate) mod undo;
pub(crate) mod usage;
pub(crate) mod verify;
