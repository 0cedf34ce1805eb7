//! EC2 Instance Connect Endpoints: ways in to instances without a public address.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Record, Resource, Tags};

/// One endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ConnectEndpoint {
    pub(crate) id: String,
    pub(crate) subnet_id: String,
    /// The address of its network interface, from which instances see it connect.
    pub(crate) address: Ipv4Addr,
    pub(crate) network_interface: String,
    /// Ids of its security groups.
    pub(crate) groups: Vec<String>,
    pub(crate) created: Timestamp,
    pub(crate) client_token: Option<String>,
    pub(crate) region: String,
    pub(crate) tags: Tags,
}

impl Record for ConnectEndpoint {
    const TABLE: &'static str = "connect_endpoints";

    fn id(&self) -> &str {
        &self.id
    }
}

impl Resource for ConnectEndpoint {
    const PREFIX: &'static str = "eice";
    const TYPE: &'static str = "instance-connect-endpoint";
    const MALFORMED: &'static str = "InvalidInstanceConnectEndpointId";
    const NOT_FOUND: &'static str = "InvalidInstanceConnectEndpointId";
    const NOUN: &'static str = "instanceConnectEndpoint ID";

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
