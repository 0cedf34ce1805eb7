//! Key pairs: the public half only, the private one is given out once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Record, Tags};

/// One key pair.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyPair {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) fingerprint: String,
    /// `rsa` or `ed25519`.
    pub(crate) key_type: String,
    /// One line as in authorized_keys.
    pub(crate) public_key: String,
    pub(crate) created: Timestamp,
    pub(crate) tags: Tags,
}

impl Record for KeyPair {
    const TABLE: &'static str = "key_pairs";

    fn id(&self) -> &str {
        &self.id
    }
}
