//! The default VPC's resources: what is there from the beginning, and the addresses in use.

use std::net::Ipv4Addr;

use crate::model::{Direction, Peer, Rule, SecurityGroup, State, Subnet, Tags, Vpc, new_id};
use crate::network::{DEFAULT_CIDR, DEFAULT_GROUP_ID, DEFAULT_GROUP_NAME, SUBNET_ID, VPC_ID};

/// The addresses of all network interfaces.
pub(crate) fn addresses_in_use(state: &State) -> impl Iterator<Item = Ipv4Addr> {
    let instances = state.instances.iter().map(|it| it.address);
    instances.chain(state.connect_endpoints.iter().map(|it| it.address))
}

/// A rule that allows all protocols.
fn allow_all(direction: Direction, peer: Peer) -> Rule {
    Rule {
        id: new_id("sgr"),
        direction,
        protocol: "-1".into(),
        ports: None,
        peer,
        description: None,
        tags: Tags::new(),
    }
}

/// What EC2 lets every new group do: talk to everyone.
pub(crate) fn allow_all_egress() -> Rule {
    allow_all(Direction::Egress, Peer::Cidr("0.0.0.0/0".into()))
}

/// Adds the VPC and its default subnet, where they are missing.
pub(crate) fn ensure_default_subnet(state: &mut State) {
    if state.vpcs.get(VPC_ID).is_none() {
        let region = String::new();
        state.vpcs.insert(Vpc { id: VPC_ID.into(), region, tags: Tags::new() });
    }
    if state.subnets.get(SUBNET_ID).is_none() {
        state.subnets.insert(Subnet {
            id: SUBNET_ID.into(),
            cidr: DEFAULT_CIDR,
            map_public_ip: true,
            region: String::new(),
            tags: Tags::new(),
        });
    }
}

/// Adds the VPC's default security group, and says whether it was missing: it is never
/// deleted, so then everything is new.
pub(crate) fn ensure_default_group(state: &mut State) -> bool {
    if state.security_groups.get(DEFAULT_GROUP_ID).is_some() {
        return false;
    }
    state.security_groups.insert(SecurityGroup {
        id: DEFAULT_GROUP_ID.into(),
        name: DEFAULT_GROUP_NAME.into(),
        description: "default VPC security group".into(),
        rules: vec![
            allow_all(Direction::Ingress, Peer::Group(DEFAULT_GROUP_ID.into())),
            allow_all_egress(),
        ],
        region: String::new(),
        tags: Tags::new(),
    });
    true
}
