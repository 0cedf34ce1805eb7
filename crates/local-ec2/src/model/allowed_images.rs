//! The account's Allowed AMIs settings
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-allowed-amis.html>).

use serde::{Deserialize, Serialize};

use super::image::Image;
use super::table::Record;

/// Whether the criteria count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AllowedState {
    Disabled,
    /// What they would leave out is only told.
    AuditMode,
    /// What they leave out is not found.
    Enabled,
}

impl AllowedState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            AllowedState::Disabled => "disabled",
            AllowedState::AuditMode => "audit-mode",
            AllowedState::Enabled => "enabled",
        }
    }
}

/// The settings of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AllowedImages {
    pub(crate) region: String,
    pub(crate) state: AllowedState,
    /// For each criterion the owners that it admits, by account or alias; `none` is nobody.
    pub(crate) providers: Vec<Vec<String>>,
}

impl AllowedImages {
    pub(crate) fn none(region: &str) -> AllowedImages {
        let (state, providers) = (AllowedState::Disabled, Vec::new());
        AllowedImages { region: region.to_owned(), state, providers }
    }

    /// One's own images always are.
    pub(crate) fn admits(&self, image: &Image) -> bool {
        let is_owner = |it: &String| *it == image.owner || image.owner_alias() == Some(it.as_str());
        image.is_own() || self.providers.iter().flatten().any(is_owner)
    }

    /// Whether the caller finds an image.
    pub(crate) fn shows(&self, image: &Image) -> bool {
        self.state != AllowedState::Enabled || self.admits(image)
    }
}

impl Record for AllowedImages {
    const TABLE: &'static str = "allowed-images";

    fn id(&self) -> &str {
        &self.region
    }
}
