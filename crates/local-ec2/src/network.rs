//! The one network there is: fixed ids, names and numbers that clients ask about.

use std::net::Ipv4Addr;

pub(crate) const VPC_ID: &str = "vpc-00000000000000001";
pub(crate) const SUBNET_ID: &str = "subnet-00000000000000001";
pub(crate) const DEFAULT_GROUP_ID: &str = "sg-00000000000000001";
pub(crate) const DEFAULT_GROUP_NAME: &str = "default";

/// The one zone of a region.
pub(crate) fn zone(region: &str) -> String {
    format!("{region}a")
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
