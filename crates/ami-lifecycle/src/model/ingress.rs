//! What security groups let in to sshd. Pure.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// A security group, as far as it decides who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The VPC that it is of.
    pub(crate) vpc: String,
    pub(crate) rules: Vec<Ingress>,
}

/// What one rule lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ingress {
    /// The first and the last port; all protocols and ports without.
    pub(crate) ports: Option<(i32, i32)>,
    pub(crate) from: From,
}

/// From where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    Net(IpNet),
    /// Another group or a prefix list, by its id: what is in it is not looked up.
    Other(String),
}

impl Group {
    /// Whether it has this id or this name.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.id == text || self.name == text
    }
}

impl Ingress {
    fn is_for(&self, port: u16) -> bool {
        let port = i32::from(port);
        self.ports.is_none_or(|(first, last)| (first..=last).contains(&port))
    }

    fn admits(&self, address: IpAddr) -> bool {
        matches!(&self.from, From::Net(net) if net.contains(&address))
    }
}

/// Whether a rule of any of the groups lets an address in at a port.
pub(crate) fn admits(groups: &[Group], port: u16, address: IpAddr) -> bool {
    let mut rules = groups.iter().flat_map(|group| &group.rules);
    rules.any(|rule| rule.is_for(port) && rule.admits(address))
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.name)
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            From::Net(net) => net.fmt(f),
            From::Other(id) => f.write_str(id),
        }
    }
}

/// What groups let in at a port, for people: `sg-1 (default) lets in nobody`.
pub(crate) fn describe(groups: &[Group], port: u16) -> String {
    let texts = groups.iter().map(|group| {
        let rules = group.rules.iter().filter(|rule| rule.is_for(port));
        let from: Vec<String> = rules.map(|rule| rule.from.to_string()).collect();
        if from.is_empty() {
            format!("{group} allows nobody")
        } else {
            format!("{group} allows {}", from.join(", "))
        }
    });
    texts.collect::<Vec<String>>().join("; ")
}

/// The network that is this address alone.
pub(crate) fn only(address: IpAddr) -> IpNet {
    IpNet::from(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(ports: Option<(i32, i32)>, from: &str) -> Ingress {
        let net = from.parse().map(From::Net);
        Ingress { ports, from: net.unwrap_or(From::Other(from.into())) }
    }

    fn group(rules: Vec<Ingress>) -> Group {
        Group { id: "sg-1".into(), name: "ssh".into(), vpc: "vpc-1".into(), rules }
    }

    #[test]
    fn port_and_address_both_count() {
        let inside: IpAddr = "203.0.113.9".parse().unwrap();
        for (ports, from, admitted) in [
            (Some((22, 22)), "203.0.113.0/24", true),
            (Some((0, 65535)), "0.0.0.0/0", true),
            (None, "203.0.113.9/32", true),
            (Some((443, 443)), "0.0.0.0/0", false),
            (Some((22, 22)), "198.51.100.0/24", false),
            (Some((22, 22)), "::/0", false),
            (None, "sg-1", false),
        ] {
            let groups = [group(vec![rule(ports, from)])];
            assert_eq!(admits(&groups, 22, inside), admitted, "{ports:?} {from}");
        }
        assert!(!admits(&[], 22, inside));
    }

    #[test]
    fn people_read_whom_groups_let_in() {
        let groups = [group(vec![rule(None, "sg-1"), rule(Some((22, 22)), "10.0.0.0/8")])];
        assert_eq!(describe(&groups, 22), "sg-1 (ssh) allows sg-1, 10.0.0.0/8");
        assert_eq!(describe(&[group(Vec::new())], 22), "sg-1 (ssh) allows nobody");
    }
}
