//! What a template asks for: the typed form of a `[template.…]` table.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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

/// The AMI that a template starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// This one.
    Ami(String),
    /// The newest of an owner whose name matches.
    Newest {
        /// An account id, `self`, `amazon` or `aws-marketplace`. Required: names are not
        /// reserved, anyone may publish an AMI under any name.
        owner: String,
        /// A name with EC2's wildcards.
        name: String,
    },
    /// The one that an SSM parameter names.
    Ssm(String),
    /// The current AMI of another template.
    Template(String),
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Base::Ami(id) => f.write_str(id),
            Base::Newest { owner, name } => write!(f, "newest {name} of {owner}"),
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

    /// The URL or path, without a password that may be in it.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.repository {
            Repository::Vcs { url, .. } => without_password(url),
            Repository::Path(path) => path.display().to_string(),
        }
    }
}

/// `https://user:secret@host/x` becomes `https://user@host/x`: tags and logs can be
/// read by more people than may read the repository.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    let user = user.split(':').next().unwrap_or_default();
    let slash = if rest.contains('/') { "/" } else { "" };
    format!("{scheme}://{user}@{host}{slash}{path}")
}

/// How long each wait of a bake may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From RunInstances to a login.
    pub boot: Duration,
    /// The init script.
    pub script: Duration,
    /// From StopInstances to `stopped`.
    pub stop: Duration,
    /// From CreateImage to `available`.
    pub image: Duration,
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
        self.bake.unwrap_or(self.boot + self.script + self.stop + self.image + MARGIN)
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
    /// The script's path in the checkout.
    pub script: String,
    /// The user that runs the script; root without one.
    pub run_as: Option<String>,
    /// The AMI's description.
    pub description: Option<String>,
    /// Free keys and values, kept as tags.
    pub metadata: BTreeMap<String, String>,
    /// The instance type to bake on.
    pub instance_type: String,
    /// The user to log in as.
    pub ssh_user: String,
    /// The port of sshd.
    pub ssh_port: u16,
    /// Security groups, by name or `sg-…` id.
    pub security_groups: Vec<String>,
    /// The subnet to launch in; the default VPC's without one.
    pub subnet: Option<String>,
    /// An instance profile for the bake, by name.
    pub instance_profile: Option<String>,
    /// The root volume's size in GiB; the base's without one.
    pub volume_size: Option<u64>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// What separates these AMIs from all others in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(pub String);

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_reach_tags() {
        for (url, expected) in [
            ("https://ci:hunter2@host/x.git", "https://ci@host/x.git"),
            ("https://host/x@y", "https://host/x@y"),
            ("lp:linaro-android-build-tools", "lp:linaro-android-build-tools"),
            ("git@host:x.git", "git@host:x.git"),
            ("https://token@host", "https://token@host"),
        ] {
            assert_eq!(without_password(url), expected);
        }
    }
}
