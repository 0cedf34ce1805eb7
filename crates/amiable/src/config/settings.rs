//! What a configuration says.

use std::path::PathBuf;

use ami_lifecycle::{Limits, Namespace, Pattern, Template};

/// Where the cloud is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloudEndpoint {
    /// AWS' own, by the region.
    Aws,
    /// The local endpoint, started when it is needed.
    Local,
    /// Any other that speaks EC2's protocol.
    Url(String),
}

impl CloudEndpoint {
    /// AWS documents its limits; nobody knows those of others.
    pub(crate) fn limits(&self) -> Limits {
        match self {
            CloudEndpoint::Aws => Limits::Documented,
            CloudEndpoint::Local | CloudEndpoint::Url(_) => Limits::Learned,
        }
    }
}

/// The `[cloud]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloudSettings {
    pub(crate) endpoint: CloudEndpoint,
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    /// The accounts that may be meant; any where there is none.
    pub(crate) accounts: Vec<String>,
    /// How often it may be called.
    pub(crate) limits: Limits,
}

/// The `[jenkins]` table: a running Jenkins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JenkinsSettings {
    pub(crate) url: String,
    pub(crate) user: String,
    /// The variable that has the user's API token.
    pub(crate) token_env: String,
}

/// What a configuration is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Bakes: the scripts must be there.
    Bake,
    /// What is there already: an AMI can be deleted, or rolled back to, without its script.
    Look,
}

/// A configuration that holds no mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) path: PathBuf,
    pub(crate) cloud: CloudSettings,
    pub(crate) jenkins: Option<JenkinsSettings>,
    pub(crate) namespace: Namespace,
    pub(crate) pattern: Pattern,
    /// In the order of their names.
    pub(crate) templates: Vec<Template>,
}
