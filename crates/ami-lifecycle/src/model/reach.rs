//! How a machine is reached: by which of its addresses, and by which way.

use std::ffi::OsString;
use std::net::IpAddr;

use crate::model::facts::InstanceFacts;

/// How a template's machines are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Which address is used: the public one, else the private one, where that is not said.
    pub address: Option<AddressKind>,
    /// The way there; directly without one.
    pub connect: Option<Connect>,
}

/// One of a machine's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// Its public IPv4 address.
    Public,
    /// Its private IPv4 address, reached by a VPN, peering or the like.
    Private,
    /// Its IPv6 address.
    Ipv6,
}

/// A program that connects to a machine: its standard input and output are the connection, as
/// with OpenSSH's ProxyCommand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connect {
    /// Systems Manager, by `aws ssm start-session`
    /// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-getting-started-enable-ssh-connections.html>).
    SessionManager,
    /// An EC2 Instance Connect Endpoint, by `aws ec2-instance-connect open-tunnel`
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/connect-with-ec2-instance-connect-endpoint.html>).
    InstanceConnect,
    /// Another host, by `ssh -W`.
    Bastion(String),
    /// A command with its arguments, which may have the words of [`CONNECT_PLACEHOLDERS`] in
    /// braces.
    Command(Vec<String>),
}

/// The words that a command's arguments may have in braces.
pub const CONNECT_PLACEHOLDERS: [&str; 5] = ["instance", "address", "port", "region", "profile"];

/// Where a program is to connect to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) instance: &'a str,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) region: &'a str,
    /// The AWS profile that is configured.
    pub(crate) profile: Option<&'a str>,
}

impl Connect {
    /// The programs that it needs.
    #[must_use]
    pub fn programs(&self) -> Vec<&str> {
        match self {
            Connect::SessionManager => vec!["aws", "session-manager-plugin"],
            Connect::InstanceConnect => vec!["aws"],
            Connect::Bastion(_) => vec!["ssh"],
            Connect::Command(words) => words.first().map(String::as_str).into_iter().collect(),
        }
    }

    /// The program and its arguments. No shell reads them. Pure.
    pub(crate) fn words(&self, target: &Target<'_>) -> Vec<String> {
        let Target { instance, address, port, region, profile } = *target;
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mut words: Vec<String> = match self {
            Connect::SessionManager => {
                let mut words: Vec<String> = own(&["aws", "ssm", "start-session", "--target"]);
                words.push(instance.to_owned());
                words.extend(own(&["--document-name", "AWS-StartSSHSession", "--parameters"]));
                words.push(format!("portNumber={port}"));
                words
            }
            Connect::InstanceConnect => {
                let mut words: Vec<String> = own(&["aws", "ec2-instance-connect", "open-tunnel"]);
                words.extend(["--instance-id".into(), instance.to_owned()]);
                words.extend(["--remote-port".into(), port.to_string()]);
                words
            }
            Connect::Bastion(host) => {
                let to = match address {
                    IpAddr::V4(address) => format!("{address}:{port}"),
                    IpAddr::V6(address) => format!("[{address}]:{port}"),
                };
                // Nobody is there to be asked for a password; and a connection that others may
                // go on with would outlive the bake.
                let mut words: Vec<String> =
                    own(&["ssh", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-W"]);
                words.extend([to, "--".into(), host.clone()]);
                return words;
            }
            Connect::Command(words) => {
                let (address, port) = (address.to_string(), port.to_string());
                let values = [instance, &address, &port, region, profile.unwrap_or_default()];
                let fill = |word: &String| {
                    CONNECT_PLACEHOLDERS
                        .iter()
                        .zip(values)
                        .fold(word.clone(), |text, (name, it)| {
                            text.replace(&format!("{{{name}}}"), it)
                        })
                };
                return words.iter().map(fill).collect();
            }
        };
        words.extend(["--region".into(), region.to_owned()]);
        words.extend(profile.iter().flat_map(|it| ["--profile".into(), (*it).to_owned()]));
        words
    }
}

impl Reach {
    /// The address to use, once it is certain that no other will come. Pure.
    pub(crate) fn address_of(&self, facts: &InstanceFacts) -> Option<IpAddr> {
        let kind = match (self.address, &self.connect) {
            (None, Some(_)) => Some(AddressKind::Private),
            (kind, _) => kind,
        };
        match kind {
            Some(AddressKind::Public) => facts.public,
            Some(AddressKind::Private) => facts.private,
            Some(AddressKind::Ipv6) => facts.ipv6,
            // A public address may come until it runs.
            None if facts.state == "running" => facts.public.or(facts.private),
            None => facts.public,
        }
    }

    /// What is wrong when a machine runs and has no address of the kind. Pure.
    pub(crate) fn missing(&self) -> &'static str {
        match self.address {
            Some(AddressKind::Ipv6) => {
                "it has no IPv6 address: its subnet must assign one at launch"
            }
            _ => "it has no public address: `public_ip = true` requests one",
        }
    }
}

/// What programs that connect to machines are started with.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// A command that gets the number of this process and another command as arguments, runs that,
    /// and ends it, with all that it has started, when this process has ended or the command gets
    /// SIGTERM; its exit status is the other's, or 127 when that could not be started. Without one, what such a program starts may outlive this process.
    pub guard: Vec<OsString>,
    /// The AWS profile that is configured.
    pub profile: Option<String>,
    /// Variables that they get, or do not get, besides those of this process.
    pub variables: Vec<(String, Option<String>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(profile: Option<&str>) -> Target<'_> {
        Target {
            instance: "i-1",
            address: "10.0.0.7".parse().unwrap(),
            port: 22,
            region: "eu-west-1",
            profile,
        }
    }

    #[test]
    fn programs_get_the_machine_the_region_and_the_profile() {
        let words = |connect: Connect, profile| connect.words(&target(profile)).join(" ");
        assert_eq!(
            words(Connect::SessionManager, None),
            "aws ssm start-session --target i-1 --document-name AWS-StartSSHSession \
             --parameters portNumber=22 --region eu-west-1"
        );
        assert_eq!(
            words(Connect::InstanceConnect, Some("ci")),
            "aws ec2-instance-connect open-tunnel --instance-id i-1 --remote-port 22 \
             --region eu-west-1 --profile ci"
        );
        assert_eq!(
            words(Connect::Bastion("ops@bastion".into()), Some("ci")),
            "ssh -o BatchMode=yes -o ControlMaster=no -W 10.0.0.7:22 -- ops@bastion"
        );
        let all = ["relay", "{instance}/{address}:{port}", "{region}", "{profile}", "{other}"];
        let all = Connect::Command(all.map(String::from).to_vec());
        assert_eq!(words(all.clone(), Some("ci")), "relay i-1/10.0.0.7:22 eu-west-1 ci {other}");
        assert_eq!(words(all, None), "relay i-1/10.0.0.7:22 eu-west-1  {other}");
        let six = Target { address: "2001:db8::1".parse().unwrap(), ..target(None) };
        let words = Connect::Bastion("b".into()).words(&six);
        assert!(words.contains(&"[2001:db8::1]:22".to_owned()), "{words:?}");
    }

    #[test]
    fn an_address_is_taken_when_no_other_can_come() {
        let (public, private): (IpAddr, IpAddr) =
            ("203.0.113.7".parse().unwrap(), "10.0.0.7".parse().unwrap());
        let facts = |state: &str, public| InstanceFacts {
            state: state.into(),
            public,
            private: Some(private),
            ..InstanceFacts::default()
        };
        let address =
            |address, connect, facts: &InstanceFacts| Reach { address, connect }.address_of(facts);
        let pending = facts("pending", None);
        assert_eq!(address(None, None, &pending), None);
        assert_eq!(address(None, Some(Connect::SessionManager), &pending), Some(private));
        assert_eq!(address(Some(AddressKind::Private), None, &pending), Some(private));
        let known = facts("pending", Some(public));
        assert_eq!(address(None, None, &known), Some(public));
        let bastion = Some(Connect::Bastion("b".into()));
        assert_eq!(address(Some(AddressKind::Public), bastion, &known), Some(public));
        let running = facts("running", None);
        assert_eq!(address(None, None, &running), Some(private));
        assert_eq!(address(Some(AddressKind::Public), None, &running), None);
        assert_eq!(address(Some(AddressKind::Ipv6), None, &running), None);
    }
}
