//! What a template asks for: the typed form of a `[template.…]` table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::consumer::{BootScript, Consumer};
use crate::model::distribution::Distribution;
use crate::model::facts::ImageFacts;
use crate::model::id::AmiId;
use crate::model::keep::Keep;
use crate::model::launch_spec::LaunchSpec;
use crate::model::naming::matches_wildcards;
use crate::model::reach::Reach;
use crate::model::script::Script;
use crate::model::secrets::without_secrets;
use crate::model::variable::Variable;

/// The processor architecture, in EC2's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM.
    Arm64,
}

impl Architecture {
    /// EC2's name of it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Arm64 => "arm64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// AMIs of which the newest is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFilter {
    /// An account id, `self`, `amazon` or `aws-marketplace`. Required: names are not
    /// reserved, anyone may publish an AMI under any name.
    pub owner: String,
    /// A name with EC2's wildcards.
    pub name: String,
    /// Tags that they have. EC2 shows them to the owner only.
    pub tags: BTreeMap<String, String>,
}

impl fmt::Display for ImageFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageFilter { owner, name, tags } = self;
        write!(f, "{name} of {owner}")?;
        tags.iter().try_for_each(|(key, value)| write!(f, " with {key}={value}"))
    }
}

impl ImageFilter {
    /// Whether it looks among the AMIs of an account of one's own.
    pub(crate) fn is_of(&self, account: &str) -> bool {
        ["self", account].contains(&self.owner.as_str())
    }

    /// Whether an AMI is one of them.
    pub(crate) fn has(&self, image: &ImageFacts) -> bool {
        let ImageFilter { owner: _, name, tags } = self;
        matches_wildcards(name, &image.name)
            && tags.iter().all(|(key, value)| image.tags.get(key) == Some(value))
    }
}

/// The AMI that a template starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// This one.
    Ami(AmiId),
    /// The newest of some.
    Newest(ImageFilter),
    /// The one that an SSM parameter names.
    Ssm(String),
    /// The current AMI of another template.
    Template(String),
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Base::Ami(id) => f.write_str(id),
            Base::Newest(choice) => write!(f, "newest {choice}"),
            Base::Ssm(parameter) => write!(f, "SSM parameter {parameter}"),
            Base::Template(name) => write!(f, "current AMI of template {name}"),
        }
    }
}

/// The version control systems that a checkout can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VcsKind {
    /// git.
    Git,
    /// Bazaar, through Breezy's `brz`.
    Bzr,
}

/// Where the agent's init script lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repository {
    /// A repository.
    Vcs {
        /// Of which kind.
        kind: VcsKind,
        /// Its URL, as the client takes it.
        url: String,
        /// A branch, tag or revision; the tip without one.
        revision: Option<String>,
    },
    /// A plain folder on the operator's machine.
    Path(PathBuf),
}

/// Who checks the repository out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutOn {
    /// The instance, with a client that is installed if missing.
    Instance,
    /// The operator's machine, which sends the files: no credentials of the
    /// repository reach the instance.
    Operator,
}

/// A checkout to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Of what.
    pub repository: Repository,
    /// By whom.
    pub on: CheckoutOn,
}

impl Source {
    /// `git`, `bzr` or `path`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.repository {
            Repository::Vcs { kind: VcsKind::Git, .. } => "git",
            Repository::Vcs { kind: VcsKind::Bzr, .. } => "bzr",
            Repository::Path(_) => "path",
        }
    }

    /// What an AMI is tagged with: the same as [`Source::url`], but for a path, which is the whole one.
    pub(crate) fn recorded_url(&self) -> String {
        match &self.repository {
            Repository::Path(path) => {
                let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                whole.display().to_string()
            }
            Repository::Vcs { .. } => self.url(),
        }
    }

    /// The URL or path, without a password that may be in it.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.repository {
            Repository::Vcs { url, .. } => without_secrets(url),
            Repository::Path(path) => path.display().to_string(),
        }
    }
}

/// How long each wait of a bake may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From RunInstances to a login.
    pub boot: Duration,
    /// The init scripts, all together.
    pub script: Duration,
    /// From StopInstances to `stopped`.
    pub stop: Duration,
    /// From CreateImage to `available`.
    pub image: Duration,
    /// The template's verify script.
    pub verify: Duration,
    /// From CopyImage into another region to `available`; no part of a bake.
    pub copy: Duration,
    /// All of it; [`Timeouts::whole`] says what holds without it.
    pub bake: Option<Duration>,
}

/// How much longer than the sum of its waits a bake may take.
const MARGIN: Duration = Duration::from_secs(15 * 60);

impl Timeouts {
    /// How long a bake may take altogether. What it has made belongs to nobody after that,
    /// and its builder ends itself.
    #[must_use]
    pub fn whole(&self) -> Duration {
        let twice = self.boot * 2;
        let waits = twice + self.script + self.stop + self.image + self.verify;
        self.bake.unwrap_or(waits + MARGIN)
    }
}

/// How amiable gets into its machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPair {
    /// By a key of its own, which cloud-init lets in. EC2 knows nothing of it.
    None,
    /// By an EC2 key pair that exists, for bases without cloud-init.
    Existing {
        /// Its name in EC2.
        name: String,
        /// The file of its private key, without a passphrase.
        file: PathBuf,
    },
    /// By an EC2 key pair that is imported for the bake and removed again.
    Temporary,
}

/// How a machine of amiable's proves that it is the one that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKey {
    /// By a host key that cloud-init was given in the user data.
    Injected,
    /// By a host key that the machine wrote to its console, which EC2 passes on.
    Console,
    /// Not at all: whatever answers at its address is believed.
    FirstContact,
}

/// A part of sealing, as it is called in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SealStep {
    /// The bake's login key, in every authorized_keys.
    LoginKeys,
    /// SSH host keys, where something makes new ones.
    HostKeys,
    /// machine-id and the random seed.
    MachineId,
    /// cloud-init's memory of the builder, user data included.
    CloudInit,
    /// What was logged.
    Logs,
    /// Histories of shells, editors and the like.
    Histories,
    /// What package managers have downloaded.
    PackageCaches,
    /// Credentials of git, Bazaar and clouds.
    Credentials,
    /// The bytes of deleted files.
    FreeSpace,
}

impl SealStep {
    /// All of them, in the order in which they are done.
    pub const ALL: [SealStep; 9] = [
        SealStep::CloudInit,
        SealStep::Credentials,
        SealStep::Histories,
        SealStep::PackageCaches,
        SealStep::FreeSpace,
        SealStep::MachineId,
        SealStep::HostKeys,
        SealStep::LoginKeys,
        SealStep::Logs,
    ];

    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SealStep::LoginKeys => "login-keys",
            SealStep::HostKeys => "host-keys",
            SealStep::MachineId => "machine-id",
            SealStep::CloudInit => "cloud-init",
            SealStep::Logs => "logs",
            SealStep::Histories => "histories",
            SealStep::PackageCaches => "package-caches",
            SealStep::Credentials => "credentials",
            SealStep::FreeSpace => "free-space",
        }
    }
}

/// What is removed before a machine becomes an AMI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seal {
    /// Parts that are left out.
    pub keep: BTreeSet<SealStep>,
    /// Free space is overwritten, too.
    pub free_space: bool,
    /// A script of the template's own, which runs first; its path in the source.
    pub script: Option<String>,
}

impl Seal {
    /// Whether a part of sealing is done.
    #[must_use]
    pub fn does(&self, step: SealStep) -> bool {
        match step {
            SealStep::FreeSpace => self.free_space,
            _ => !self.keep.contains(&step),
        }
    }
}

/// What Jenkins' EC2 plugin asks of an agent
/// (<https://github.com/jenkinsci/ec2-plugin>, `EC2UnixLauncher`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JenkinsAgent {
    /// The program that runs the agent: a path, or a name in PATH.
    pub java: String,
    /// The folder that Jenkins works in; the login user's home without it.
    pub remote_root: Option<String>,
    /// Whether the plugin's mark that the init script has run, `~/.hudson-run-init`, is
    /// in the AMI: with it, Jenkins does not run its own init script.
    pub init_has_run: bool,
}

/// A program that tries a live instance of a new AMI, from this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmokeTest {
    /// The program and its arguments, in which [`SmokeTest::PLACEHOLDERS`] stand for what they say.
    pub run: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
}

impl SmokeTest {
    /// The words that its arguments may have in braces.
    pub const PLACEHOLDERS: [&str; 6] =
        ["ami", "template", "generation", "region", "instance", "address"];

    /// The arguments with these values, in the order of the placeholders. Pure.
    pub(crate) fn filled(&self, values: [&str; 6]) -> Vec<String> {
        let fill = |argument: &String| {
            SmokeTest::PLACEHOLDERS
                .iter()
                .zip(values)
                .fold(argument.clone(), |text, (name, value)| {
                    text.replace(&format!("{{{name}}}"), value)
                })
        };
        self.run.iter().map(fill).collect()
    }
}

/// A template: what an agent's AMI is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name in the configuration.
    pub name: String,
    /// The build system it serves.
    pub system: String,
    /// The operating system and release.
    pub os: String,
    /// The architecture, which the base must have too.
    pub arch: Architecture,
    /// What it starts from.
    pub base: Base,
    /// Where the script comes from.
    pub source: Source,
    /// What makes an agent of the base, in this order.
    pub scripts: Vec<Script>,
    /// The user that runs the script; root without one.
    pub run_as: Option<String>,
    /// The folder on the instance in which the checkout gets its own; `/var/tmp` without one.
    pub workdir: Option<String>,
    /// The AMI's description.
    pub description: Option<String>,
    /// Free keys and values, kept as tags.
    pub metadata: BTreeMap<String, String>,
    /// Variables for the scripts' environment.
    pub env: BTreeMap<String, Variable>,
    /// How its machines are launched.
    pub launch: LaunchSpec,
    /// The user to log in as.
    pub ssh_user: String,
    /// The port of sshd.
    pub ssh_port: u16,
    /// Whom amiable's own security group lets in: this machine's address, as AWS sees it, where
    /// it is empty.
    pub ssh_from: Vec<IpNet>,
    /// How its machines are reached.
    pub reach: Reach,
    /// Its scripts may reboot the machine, and are run again then.
    pub may_reboot: bool,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How to get in.
    pub key_pair: KeyPair,
    /// How a machine proves itself.
    pub host_key: HostKey,
    /// User data of the template's own, as text.
    pub user_data: Option<String>,
    /// What is removed before the stop.
    pub seal: Seal,
    /// A script that a new AMI must pass, by its path in the source.
    pub verify: Option<String>,
    /// A program here that a live instance of a new AMI must pass.
    pub smoke: Option<SmokeTest>,
    /// What Jenkins asks of its agents, where they are Jenkins'.
    pub agent: Option<JenkinsAgent>,
    /// The places that name its current AMI in the first region, in the order in which they are
    /// told.
    pub consumers: Vec<Consumer>,
    /// What its agents run at boot.
    pub boot_script: Option<BootScript>,
    /// What `prune` keeps of it.
    pub keep: Keep,
    /// How old its current AMI may grow.
    pub max_age: Option<Duration>,
    /// Instances of its AMIs answer no requests for metadata without a token, unless they are told to:
    /// EC2's `imdsSupport`.
    pub imds_v2: bool,
    /// Where its AMIs are copied to, and who may use them.
    pub distribution: Distribution,
}

impl Template {
    /// The template that it is based on, where it does.
    #[must_use]
    pub fn base_template(&self) -> Option<&str> {
        match &self.base {
            Base::Template(below) => Some(below),
            _ => None,
        }
    }

    /// The paths of all scripts that its source must have.
    pub fn script_paths(&self) -> impl Iterator<Item = &String> {
        let own = self.scripts.iter().map(|script| &script.path);
        own.chain(&self.verify).chain(&self.seal.script)
    }
}

/// What separates these AMIs from all others in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(pub String);

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Template {
    /// The template in a region that its AMIs are copied to: with the consumers there, and
    /// copied no further. `None` where it is not copied to.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Option<Template> {
        let mut destinations = self.distribution.destinations.iter();
        let destination = destinations.find(|it| it.region == region)?;
        let mut there = self.clone();
        there.consumers.clone_from(&destination.consumers);
        there.distribution.destinations.clear();
        Some(there)
    }

    /// The consumers in all regions, each with its region; `None` stands for the first.
    pub fn all_consumers(&self) -> impl Iterator<Item = (Option<&str>, &Consumer)> + Clone {
        let here = self.consumers.iter().map(|consumer| (None, consumer));
        let there = self.distribution.destinations.iter();
        here.chain(there.flat_map(|it| {
            it.consumers.iter().map(move |consumer| (Some(it.region.as_str()), consumer))
        }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A template for the tests of other modules.
    pub(crate) fn template() -> Template {
        let minute = Duration::from_secs(60);
        Template {
            name: "agent".into(),
            system: "jenkins".into(),
            os: "debian-12".into(),
            arch: Architecture::X86_64,
            base: Base::Ami("ami-12345678".into()),
            source: Source {
                repository: Repository::Path("/nonexistent".into()),
                on: CheckoutOn::Operator,
            },
            scripts: vec![Script::plain("setup")],
            run_as: None,
            workdir: None,
            description: None,
            metadata: BTreeMap::new(),
            env: BTreeMap::new(),
            launch: LaunchSpec { instance_types: vec!["t3.small".into()], ..LaunchSpec::default() },
            ssh_user: "debian".into(),
            ssh_port: 22,
            ssh_from: Vec::new(),
            reach: Reach::default(),
            may_reboot: false,
            timeouts: Timeouts {
                boot: minute,
                script: minute,
                stop: minute,
                image: minute,
                verify: minute,
                copy: minute,
                bake: None,
            },
            key_pair: KeyPair::None,
            host_key: HostKey::Injected,
            user_data: None,
            seal: Seal::default(),
            verify: None,
            smoke: None,
            agent: None,
            consumers: Vec::new(),
            boot_script: None,
            keep: Keep { before: 2, younger: Duration::ZERO, launched: None, retire: None },
            max_age: None,
            imds_v2: false,
            distribution: Distribution::default(),
        }
    }
}
