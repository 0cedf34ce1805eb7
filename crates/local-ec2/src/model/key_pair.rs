//! Key pairs: the public half only, the private one is given out once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::resource;
use super::tags::Tags;

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

resource!(KeyPair {
    table: "key_pairs",
    prefix: "key",
    kind: "key-pair",
    malformed: "InvalidKeyPair",
    not_found: "InvalidKeyPair",
    noun: "key pair",
});
