//! Key pairs: the public half only, the private one is given out once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Record, Resource, Tags};

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
    #[serde(default)]
    pub(crate) region: String,
    pub(crate) tags: Tags,
}

impl Record for KeyPair {
    const TABLE: &'static str = "key_pairs";

    fn id(&self) -> &str {
        &self.id
    }
}

impl Resource for KeyPair {
    const PREFIX: &'static str = "key";
    const TYPE: &'static str = "key-pair";
    const MALFORMED: &'static str = "InvalidKeyPair";
    const NOT_FOUND: &'static str = "InvalidKeyPair";
    const NOUN: &'static str = "key pair";

    fn region(&self) -> &str {
        &self.region
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
}
