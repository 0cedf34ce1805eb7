//! Subnets, all of the one VPC.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::table::resource;
use super::tags::Tags;

/// One subnet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    /// Where its instances' addresses are from.
    pub(crate) cidr: Ipv4Net,
    /// An instance gets a public address where its launch does not say.
    pub(crate) map_public_ip: bool,
    pub(crate) region: String,
    pub(crate) tags: Tags,
}

resource!(Subnet {
    table: "subnets",
    prefix: "subnet",
    kind: "subnet",
    malformed: "InvalidSubnetID",
    not_found: "InvalidSubnetID",
    noun: "subnet ID",
});
