//! Parameters of Systems Manager.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::Record;

/// One parameter, with all of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parameter {
    /// Region and name: parameters have no other id.
    pub(crate) key: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// `String` or `StringList`.
    pub(crate) kind: String,
    /// The oldest first. The number of a version is its place, from 1.
    pub(crate) versions: Vec<ParameterVersion>,
    /// A value of the data type `aws:ec2:image` that Systems Manager has accepted and not yet looked at.
    pub(crate) pending: Option<String>,
}

/// A value that a parameter has, or had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParameterVersion {
    pub(crate) value: String,
    /// `text` or `aws:ec2:image`.
    pub(crate) data_type: String,
    pub(crate) modified: Timestamp,
}

impl Parameter {
    pub(crate) fn key(region: &str, name: &str) -> String {
        format!("{region} {name}")
    }

    /// What it holds now; nothing before its first value has been looked at.
    pub(crate) fn current(&self) -> Option<&ParameterVersion> {
        self.versions.last()
    }
}

impl Record for Parameter {
    const TABLE: &'static str = "parameters";

    fn id(&self) -> &str {
        &self.key
    }
}
