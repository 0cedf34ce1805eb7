//! What a template may say of the way to its machines.

use ami_lifecycle::{AddressKind, Connect, Reach};
use toml::de::DeValue;

use super::diagnostic::did_you_mean;
use super::keys;
use super::reader::Section;
use super::template::TemplateReader;

/// The ways that have a name.
const NAMED: [&str; 2] = ["session-manager", "instance-connect"];

impl<'a> TemplateReader<'_, 'a> {
    pub(super) fn reach(&self, ssh_port: u16, public_ip: Option<bool>) -> Reach {
        let reach = Reach { address: self.address(), connect: self.connect() };
        self.check_reach(&reach, ssh_port, public_ip);
        reach
    }

    fn address(&self) -> Option<AddressKind> {
        let text = self.text("address")?;
        match text.value {
            "public" => Some(AddressKind::Public),
            "private" => Some(AddressKind::Private),
            "ipv6" => Some(AddressKind::Ipv6),
            other => {
                let hint = did_you_mean(other, &["public", "private", "ipv6"]);
                let message = format!("`address` cannot be `{other}`");
                self.mistakes.add(text.span, message, Some(hint));
                None
            }
        }
    }

    fn connect(&self) -> Option<Connect> {
        let value = self.of("connect").get("connect")?;
        match value.get_ref() {
            DeValue::String(name) => match name.as_ref() {
                "session-manager" => Some(Connect::SessionManager),
                "instance-connect" => Some(Connect::InstanceConnect),
                other => {
                    let message = format!("`connect` cannot be `{other}`");
                    let hint = did_you_mean(other, &NAMED);
                    self.mistakes.add(value.span(), message, Some(hint));
                    None
                }
            },
            DeValue::Table(table) => {
                let section = Section::new(table, value.span(), &keys::CONNECT, self.mistakes);
                self.connect_table(&section)
            }
            _ => {
                let message = "`connect` must be a string or a table";
                let hint = "\"session-manager\", \"instance-connect\", { bastion = … } or { \
                            command = [ … ] }";
                self.mistakes.add(value.span(), message, Some(hint.into()));
                None
            }
        }
    }

    fn connect_table(&self, section: &Section<'a>) -> Option<Connect> {
        let bastion = section.string("bastion");
        let command = section.strings("command");
        section.refuse_others();
        match (bastion, command) {
            (Some(host), None) if host.value.is_empty() || host.value.starts_with('-') => {
                let message = format!("`{}` is not a host", host.value);
                let hint =
                    "what `ssh` accepts: \"ops@bastion.example.org\", or a Host of ~/.ssh/config";
                self.mistakes.add(host.span, message, Some(hint.into()));
                None
            }
            (Some(host), None) => Some(Connect::Bastion(host.value.to_owned())),
            (None, Some(words)) if words.first().is_some_and(|word| !word.value.is_empty()) => {
                let mut words: Vec<String> =
                    words.into_iter().map(|word| word.value.to_owned()).collect();
                // One that is named by a path is found from the configuration file.
                if words[0].contains('/') {
                    words[0] = self.folder.join(&words[0]).to_string_lossy().into_owned();
                }
                Some(Connect::Command(words))
            }
            _ => {
                let message = "`connect` does not name exactly one way";
                let hint = "give bastion, or command with a program and its arguments";
                self.mistakes.add(section.span.clone(), message, Some(hint.into()));
                None
            }
        }
    }

    /// What must hold between the keys.
    fn check_reach(&self, reach: &Reach, ssh_port: u16, public_ip: Option<bool>) {
        let mistake = |key: &'static str, message: &str, hint: &str| {
            if let Some(value) = self.of(key).get(key) {
                self.mistakes.add(value.span(), message, Some(hint.into()));
            }
        };
        if public_ip == Some(false) && reach.address == Some(AddressKind::Public) {
            let message = "`address` is the public one, but `public_ip = false` requests none";
            mistake("address", message, "remove one of them");
        }
        let by_service =
            matches!(reach.connect, Some(Connect::SessionManager | Connect::InstanceConnect));
        if by_service && reach.address.is_some_and(|it| it != AddressKind::Private) {
            let message = "`connect` uses the private address";
            mistake("address", message, "remove `address`");
        }
        // The local endpoint's is another one; AWS' takes this and RDP's.
        if reach.connect == Some(Connect::InstanceConnect) && ssh_port != 22 && !self.local {
            let message = format!(
                "an EC2 Instance Connect Endpoint connects to port 22 only, not to {ssh_port}"
            );
            mistake("ssh_port", &message, "remove `ssh_port`, or choose another `connect`");
        }
        let has_profile = self.text("instance_profile").is_some();
        if reach.connect == Some(Connect::SessionManager) && !has_profile {
            let message = "`connect = \"session-manager\"` needs an `instance_profile`";
            let hint = "its role needs the policy AmazonSSMManagedInstanceCore";
            mistake("connect", message, hint);
        }
    }
}
