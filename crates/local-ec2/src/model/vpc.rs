//! The VPC.

use serde::{Deserialize, Serialize};

use super::table::resource;
use super::tags::Tags;

/// What can be changed of the one VPC that there is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Vpc {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) tags: Tags,
}

resource!(Vpc {
    table: "vpcs",
    prefix: "vpc",
    kind: "vpc",
    malformed: "InvalidVpcID",
    not_found: "InvalidVpcID",
    noun: "vpc ID",
});
