//! Launch templates.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::resource;
use super::tags::Tags;

/// What a version says, as RunInstances takes it: `ImageId` or `SecurityGroupId.1`, and the value.
pub(crate) type LaunchTemplateData = BTreeMap<String, String>;

/// A launch template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LaunchTemplate {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    /// The number of the version that counts where none is named.
    pub(crate) default: u64,
    pub(crate) versions: BTreeMap<u64, LaunchTemplateVersion>,
    /// How many versions were ever made: a number is not given twice.
    pub(crate) made: u64,
    pub(crate) client_token: Option<String>,
    pub(crate) tags: Tags,
}

/// One version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LaunchTemplateVersion {
    pub(crate) number: u64,
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) client_token: Option<String>,
    /// What was said of it, without what is from another version.
    pub(crate) request: LaunchTemplateData,
    pub(crate) data: LaunchTemplateData,
}

impl LaunchTemplate {
    /// The number of the newest version.
    pub(crate) fn latest(&self) -> u64 {
        self.versions.keys().next_back().copied().unwrap_or_default()
    }

    /// A version by its number, `$Default` or `$Latest`.
    pub(crate) fn version(&self, text: &str) -> Option<&LaunchTemplateVersion> {
        let number = match text {
            "$Default" => self.default,
            "$Latest" => self.latest(),
            number => number.parse().ok()?,
        };
        self.versions.get(&number)
    }
}

resource!(LaunchTemplate {
    table: "launch-templates",
    prefix: "lt",
    kind: "launch-template",
    malformed: "InvalidLaunchTemplateId",
    not_found: "InvalidLaunchTemplateId",
    noun: "specified launch template, with template ID",
});
