//! What the fields of an agent template mean, as the EC2 plugin reads them
//! (<https://github.com/jenkinsci/ec2-plugin>, `SlaveTemplate`, `SSHData`, `EC2SSHLauncher`).

use ami_lifecycle::instance_type;
use ami_lifecycle::jenkins_config::{Agent, Field};

/// What has to be looked at by a person: fields, and what is to be known of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notes(pub(super) Vec<(String, String)>);

impl Notes {
    fn add(&mut self, field: &str, text: impl Into<String>) {
        self.0.push((field.to_owned(), text.into()));
    }
}

/// What may matter for what is in the AMI.
const NOTABLE: [(&str, &str); 4] = [
    ("userData", "Jenkins still sends it; if the bake needs it too, set `user_data`"),
    (
        "customDeviceMapping",
        "Jenkins still applies it; `volumes` are those that the AMI itself has",
    ),
    ("tmpDir", "the init script may expect it"),
    ("slaveCommandPrefix", "the user that it names must be in the AMI"),
];

/// What is read, or has a note of its own.
const READ: [&str; 20] = [
    "ami",
    "amiFilters",
    "amiOwners",
    "amiUsers",
    "customDeviceMapping",
    "description",
    "iamInstanceProfile",
    "initScript",
    "labelString",
    "labels",
    "remoteAdmin",
    "remoteFS",
    "rootCommandPrefix",
    "securityGroups",
    "slaveCommandPrefix",
    "sshPort",
    "subnetId",
    "tmpDir",
    "type",
    "userData",
];

/// How an agent template's fields are read.
pub(super) struct Fields<'a> {
    agent: &'a Agent,
    pub(super) notes: Notes,
}

impl<'a> Fields<'a> {
    pub(super) fn of(agent: &'a Agent) -> Fields<'a> {
        Fields { agent, notes: Notes::default() }
    }

    /// A value as Jenkins sees it. One that only Jenkins knows is told, with the key to set instead.
    pub(super) fn value(&mut self, field: &str, key: &str) -> Option<String> {
        self.value_of(self.agent.field(field)?, field, key)
    }

    fn value_of(&mut self, field: &Field, name: &str, key: &str) -> Option<String> {
        match self.agent.format.known(field.value.trim()) {
            Ok(value) => Some(value),
            Err(unknown) => {
                let line = field.line;
                let text = format!(
                    "line {line} has {unknown}, whose value only Jenkins knows: set `{key}`"
                );
                self.notes.add(name, text);
                None
            }
        }
    }

    /// A field of how the agent is reached. What is written beside `amiType` is of the plugin's versions
    /// that had none, and counts only where there is none.
    fn of_type(&self, name: &str) -> Option<&'a Field> {
        let has_type = !self.agent.kind.is_empty();
        if !has_type {
            return self.agent.field(name);
        }
        // In XML the kind is an attribute.
        let paths = [format!("amiType.{}.{name}", self.agent.kind), format!("amiType.{name}")];
        paths.iter().find_map(|path| self.agent.field(path))
    }

    /// The user that logs in. `None` where only Jenkins knows it.
    pub(super) fn ssh_user(&mut self) -> Option<String> {
        match self.agent.field("remoteAdmin") {
            Some(_) => self.value("remoteAdmin", "ssh_user"),
            None => Some("root".into()),
        }
    }

    /// The user that the script runs as; `None` is root.
    pub(super) fn run_as(&mut self, ssh_user: Option<&str>) -> Option<String> {
        // The plugin has no use for a prefix then.
        if ssh_user == Some("root") {
            return None;
        }
        let Some(field) = self.of_type("rootCommandPrefix") else {
            return match ssh_user {
                Some(user) => Some(user.to_owned()),
                None => {
                    self.notes.add(
                        "rootCommandPrefix",
                        "without one the script runs as the login user: set `run_as`",
                    );
                    None
                }
            };
        };
        let prefix = self.value_of(field, "rootCommandPrefix", "run_as")?;
        let Some(user) = user_of_prefix(&prefix) else {
            let text = "amiable does not know what it does, and runs the script as root: set `run_as` if it is \
                        another user's";
            self.notes.add("rootCommandPrefix", text);
            return None;
        };
        Some(user).filter(|user| user != "root")
    }

    /// The port of SSH, where it is not 22.
    pub(super) fn ssh_port(&mut self) -> Option<u16> {
        let written = self.value_of(self.of_type("sshPort")?, "sshPort", "ssh_port")?;
        let port = written.parse().ok().filter(|port| *port != 0);
        if port.is_none() {
            self.notes.add("sshPort", "it is not a port: set `ssh_port` if it is not 22");
        }
        port.filter(|port| *port != 22)
    }

    pub(super) fn instance_type(&mut self) -> Option<String> {
        let written = self.value("type", "instance_type")?;
        let known = instance_type(&written);
        if known.is_none() {
            self.notes.add("type", "EC2 has no such instance type: set `instance_type`");
        }
        known
    }

    /// The first subnet, and the security groups that EC2 takes with it: by id where there is a subnet.
    pub(super) fn network(&mut self) -> (Option<String>, Vec<String>) {
        let subnets = self.value("subnetId", "subnet").unwrap_or_default();
        let mut subnets =
            subnets.split([' ', '\t', '\n', '\r', ',', ';']).filter(|it| !it.is_empty());
        let subnet = subnets.next().map(String::from);
        if subnets.next().is_some() {
            self.notes.add("subnetId", "only the first subnet is used: a bake runs in one");
        }
        let groups = self.value("securityGroups", "security_groups").unwrap_or_default();
        // Names have blanks.
        let groups = groups.split(',').map(str::trim).filter(|it| !it.is_empty());
        let in_subnet = self.agent.field("subnetId").is_some();
        let (taken, left): (Vec<&str>, Vec<&str>) =
            groups.partition(|it| !in_subnet || it.starts_with("sg-"));
        if !left.is_empty() {
            let text =
                "with a subnet, EC2 accepts groups only by their sg-… id: set `security_groups`";
            self.notes.add("securityGroups", text);
        }
        (subnet, taken.into_iter().map(String::from).collect())
    }

    /// A profile by its name, where its ARN is given.
    pub(super) fn instance_profile(&mut self) -> Option<String> {
        let written = self.value("iamInstanceProfile", "instance_profile")?;
        Some(written.rsplit('/').next().unwrap_or(&written).to_owned())
    }

    pub(super) fn remote_root(&mut self) -> Option<String> {
        self.value("remoteFS", "agent")
    }

    /// Notes on what is not taken over.
    pub(super) fn note_others(&mut self) {
        for (name, text) in NOTABLE {
            if self.agent.field(name).or_else(|| self.of_type(name)).is_some() {
                self.notes.add(name, text);
            }
        }
        for (name, line) in &self.agent.no_texts {
            let text = format!("line {line} has more than the single value that Jenkins takes");
            self.notes.add(name, text);
        }
        let has_type = self.agent.fields.iter().any(|field| field.path.starts_with("amiType."));
        if self.agent.field("amiType@reference").is_some() && !has_type {
            let text = "it refers to something that is not there: set `run_as` and `ssh_port`";
            self.notes.add("amiType", text);
        }
        let script = self.agent.init_script.as_deref().unwrap_or_default();
        if ["{{", "{%", "<%"].iter().any(|begin| script.contains(begin)) {
            let text = "it is used as written; if the file is a template, replace its placeholders";
            self.notes.add("initScript", text);
        }
        for key in self.agent.search.keys().into_iter().filter(|_| self.agent.ami.is_some()) {
            let text = "the plugin asks EC2 for an AMI by its id and by this, and starts no agent \
                        where a new AMI does not match: remove it; `amiable roll` refuses such an \
                        AMI";
            self.notes.add(key, text);
        }
    }

    /// The fields that concern the agent and not its AMI, by their names alone: a value may be a secret.
    pub(super) fn others(&self) -> impl Iterator<Item = String> {
        let filled = self.agent.fields.iter().filter(|field| !field.value.trim().is_empty());
        let others = filled.filter(|Field { path, .. }| {
            let first = path.split(['.', '@']).next().unwrap_or(path);
            let last = path.rsplit(['.', '@']).next().unwrap_or(path);
            let is_of_type = first == "amiType"
                && (READ.contains(&last) || ["class", "reference"].contains(&last));
            !READ.contains(&first) && !is_of_type
        });
        others.map(|field| field.path.split(['.', '@']).next().unwrap_or_default().to_owned())
    }

    /// The operating system that amiable does not bake, if it is such an agent, and what is known of it.
    pub(super) fn foreign_system(&mut self) -> Option<String> {
        let agent = self.agent;
        let text = |path: &str| agent.field(path).map(|it| it.value.trim()).unwrap_or_default();
        let kind = agent.kind.to_ascii_lowercase();
        let is_drive = |path: &str| {
            let mut begin = path.chars();
            begin.next().is_some_and(|it| it.is_ascii_alphabetic())
                && begin.next() == Some(':')
                && begin.next().is_some_and(|it| it == '\\' || it == '/')
        };
        let admin = text("remoteAdmin");
        if kind.contains("windows")
            || admin.eq_ignore_ascii_case("Administrator")
            || admin.contains('\\')
            || is_drive(text("remoteFS"))
            || text("remoteFS").starts_with('%')
        {
            return Some("it runs Windows, which amiable does not bake".into());
        }
        let machine = instance_type(text("type")).unwrap_or_default();
        if kind.contains("macdata") || machine.starts_with("mac") {
            let user = self.ssh_user();
            let user = self.run_as(user.as_deref()).unwrap_or_else(|| "root".into());
            let port = self.ssh_port().unwrap_or(22);
            return Some(format!(
                "it runs macOS, which amiable does not bake (its script as {user}, SSH at port \
                 {port})"
            ));
        }
        None
    }
}

/// The user that a command runs as behind a prefix of `sudo`'s. `None` where that could not be determined.
fn user_of_prefix(prefix: &str) -> Option<String> {
    let mut words = prefix.split_whitespace();
    let program = words.next()?;
    if program.rsplit('/').next() != Some("sudo") {
        return None;
    }
    let mut user = "root".to_owned();
    while let Some(word) = words.next() {
        match word {
            "--" => {}
            "-u" | "--user" => user = words.next()?.to_owned(),
            "--set-home" | "--preserve-env" | "--non-interactive" | "--login" | "--stdin" => {}
            _ if word.starts_with("--user=") => user = word["--user=".len()..].to_owned(),
            // Several letters in one, of which the last may be the user's: -Hu jenkins.
            _ if word.starts_with('-') && !word.starts_with("--") => {
                let letters = &word[1..];
                let flags = letters.split('u').next().unwrap_or_default();
                if !flags.chars().all(|it| "EHSbikn".contains(it)) {
                    return None;
                }
                match letters.get(flags.len()..)?.strip_prefix('u') {
                    None => {}
                    Some("") => user = words.next()?.to_owned(),
                    Some(name) => user = name.to_owned(),
                }
            }
            _ => return None,
        }
    }
    let is_name = |name: &str| !name.is_empty() && !name.contains(['$', '`', '"', '\'', '#']);
    is_name(&user).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_tells_whose_the_script_is() {
        for (prefix, expected) in [
            ("sudo", Some("root")),
            ("/usr/bin/sudo -E", Some("root")),
            ("sudo -H -u jenkins", Some("jenkins")),
            ("sudo -nHu jenkins --", Some("jenkins")),
            ("sudo -ujenkins", Some("jenkins")),
            ("sudo --user=jenkins -i", Some("jenkins")),
            ("sudo -u", None),
            ("sudo -u $USER", None),
            ("sudo -u#1000", None),
            ("sudo -g docker", None),
            ("sudo FOO=1", None),
            ("sudo nice", None),
            ("sudo su - jenkins -c", None),
            ("su -c", None),
            ("", None),
        ] {
            assert_eq!(user_of_prefix(prefix).as_deref(), expected, "{prefix}");
        }
    }
}
