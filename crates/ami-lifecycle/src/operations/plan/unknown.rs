//! What a plan could not find out.

use serde::{Serialize, Serializer};

use crate::model::tampering::InDoubt;

/// Something that could not be found out, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Which AMI is current.
    #[error("which AMI is current: {}: {}; {}", .0.ami, .0.tag, .0.hint())]
    InDoubt(InDoubt),
    /// Which AMI is the base.
    #[error("base: {0}")]
    Base(String),
    /// Which revision the source has.
    #[error("source: {0}")]
    Source(String),
    /// What there is in a region.
    #[error("region {region}: {error}")]
    Region {
        /// Its name.
        region: String,
        /// Why not.
        error: String,
    },
    /// What a consumer names.
    #[error("{consumer}: {error}")]
    Consumer {
        /// How it is called.
        consumer: String,
        /// Why not.
        error: String,
    },
}

impl Serialize for Unknown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
