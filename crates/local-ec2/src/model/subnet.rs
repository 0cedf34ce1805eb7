//! Subnets, all of the one VPC.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{Record, Resource, Tags};

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

impl Record for Subnet {
    const TABLE: &'static str = "subnets";

    fn id(&self) -> &str {
        &self.id
    }
}

impl Resource for Subnet {
    const PREFIX: &'static str = "subnet";
    const TYPE: &'static str = "subnet";
    const MALFORMED: &'static str = "InvalidSubnetID";
    const NOT_FOUND: &'static str = "InvalidSubnetID";
    const NOUN: &'static str = "subnet ID";

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
