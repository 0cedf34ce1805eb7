//! The one network there is: fixed ids, names and numbers that clients ask about.

use std::net::Ipv4Addr;

use crate::model::{Direction, Peer, Rule, SecurityGroup, State, Tags, new_id};

pub(crate) const VPC_ID: &str = "vpc-00000000000000001";
pub(crate) const SUBNET_ID: &str = "subnet-00000000000000001";
pub(crate) const DEFAULT_GROUP_ID: &str = "sg-00000000000000001";
pub(crate) const DEFAULT_GROUP_NAME: &str = "default";

/// The loopback addresses that instances get.
pub(crate) const CIDR: &str = "127.64.0.0/10";
/// How many these are: all but the ends of each /24.
pub(crate) const ADDRESSES: u32 = (1 << 14) * 254;

/// The one zone of a region.
pub(crate) fn zone(region: &str) -> String {
    format!("{region}a")
}

/// The region of a zone.
pub(crate) fn region_of_zone(zone: &str) -> &str {
    zone.strip_suffix('a').unwrap_or(zone)
}

/// As EC2 names private addresses: `ip-10-0-0-1.ec2.internal`.
pub(crate) fn private_dns_name(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("ip-{a}-{b}-{c}-{d}.ec2.internal")
}

/// A name that resolves by itself is the address: there is no DNS for this network.
pub(crate) fn public_dns_name(address: Ipv4Addr) -> String {
    address.to_string()
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
