//! EC2 Instance Connect Endpoints: ways in to instances without a public address.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::resource;
use super::tags::Tags;

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

resource!(ConnectEndpoint {
    table: "connect_endpoints",
    prefix: "eice",
    kind: "instance-connect-endpoint",
    malformed: "InvalidInstanceConnectEndpointId",
    not_found: "InvalidInstanceConnectEndpointId",
    noun: "instanceConnectEndpoint ID",
});
