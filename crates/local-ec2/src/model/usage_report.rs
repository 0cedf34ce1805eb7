use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::Record;

/// Resources of another account that name an image: nothing acts for that account here, so the owner of
/// the endpoint says what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageUser {
    pub(crate) id: String,
    pub(crate) image: String,
    pub(crate) account: String,
    /// `ec2:Instance` or `ec2:LaunchTemplate`.
    pub(crate) kind: String,
    pub(crate) count: u64,
}

impl Record for ImageUser {
    const TABLE: &'static str = "image-users";

    fn id(&self) -> &str {
        &self.id
    }
}

/// Which accounts used an image when they were counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsageReport {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) image: String,
    pub(crate) kinds: Vec<String>,
    pub(crate) accounts: Vec<String>,
    pub(crate) created: Timestamp,
    /// It is pending until then.
    pub(crate) available: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) entries: Vec<ImageUser>,
}

impl UsageReport {
    pub(crate) fn state(&self) -> &'static str {
        if self.available <= Timestamp::now() { "available" } else { "pending" }
    }
}

impl Record for UsageReport {
    const TABLE: &'static str = "usage-reports";

    fn id(&self) -> &str {
        &self.id
    }
}
