//! The one VPC there is: its ids, addresses, and the names of regions and zones. Pure.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::model::account::ACCOUNT;

pub(crate) const VPC_ID: &str = "vpc-00000000000000001";
pub(crate) const SUBNET_ID: &str = "subnet-00000000000000001";
pub(crate) const DEFAULT_GROUP_ID: &str = "sg-00000000000000001";
pub(crate) const DEFAULT_GROUP_NAME: &str = "default";

/// The loopback addresses that instances get.
pub(crate) const CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 64, 0, 0), 10);
/// Those of the default subnet: half of them, so that there is room for more subnets.
pub(crate) const DEFAULT_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 64, 0, 0), 11);

/// The subnet of instances that were stored before there were several.
pub(crate) fn default_subnet() -> String {
    SUBNET_ID.into()
}

/// The first and the last address that EC2 gives away: it keeps the first four and the last
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>).
pub(crate) fn usable(cidr: Ipv4Net) -> (u32, u32) {
    (u32::from(cidr.network()) + 4, u32::from(cidr.broadcast()) - 1)
}

/// The one zone of a region.
pub(crate) fn zone(region: &str) -> String {
    format!("{region}a")
}

/// The partition of a region, which ARNs begin with
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
pub(crate) fn partition(region: &str) -> &'static str {
    match region {
        it if it.starts_with("cn-") => "aws-cn",
        it if it.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The ARN of something in a region, by what stands behind the account.
pub(crate) fn arn(service: &str, region: &str, path: &str) -> String {
    format!("arn:{}:{service}:{region}:{ACCOUNT}:{path}", partition(region))
}

/// Whether a text has the form of a region's name, such as `us-gov-west-1`
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html>).
pub(crate) fn region_is_valid(region: &str) -> bool {
    let mut words: Vec<&str> = region.split('-').collect();
    if words.len() == 4 && (words[1] == "gov" || words[1].starts_with("iso")) {
        words.remove(1);
    }
    let [place, direction, number] = words[..] else { return false };
    place.len() == 2
        && place.bytes().all(|it| it.is_ascii_lowercase())
        && DIRECTIONS.iter().any(|(name, _)| *name == direction)
        && number.len() == 1
        && matches!(number.as_bytes()[0], b'1'..=b'9')
}

/// The directions in regions' names, and how zone ids shorten them.
const DIRECTIONS: [(&str, &str); 9] = [
    ("central", "c"),
    ("east", "e"),
    ("north", "n"),
    ("northeast", "ne"),
    ("northwest", "nw"),
    ("south", "s"),
    ("southeast", "se"),
    ("southwest", "sw"),
    ("west", "w"),
];

/// The id of a region's one zone, such as `use1-az1`
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html>).
pub(crate) fn zone_id(region: &str) -> String {
    let short = |word: &str| {
        let direction = DIRECTIONS.iter().find(|(name, _)| *name == word);
        match direction {
            Some((_, short)) => (*short).to_owned(),
            None if word == "gov" => "g".to_owned(),
            None => word.to_owned(),
        }
    };
    format!("{}-az1", region.split('-').map(short).collect::<String>())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_and_zone_ids_have_aws_forms() {
        for (region, zone) in [
            ("us-east-1", "use1-az1"),
            ("ap-southeast-2", "apse2-az1"),
            ("us-gov-west-1", "usgw1-az1"),
        ] {
            assert!(region_is_valid(region));
            assert_eq!(zone_id(region), zone);
        }
        for text in ["", "0", "us-east", "us-east-11", "us-up-1", "us-east-1a", "x-east-1"] {
            assert!(!region_is_valid(text), "{text}");
        }
    }
}
