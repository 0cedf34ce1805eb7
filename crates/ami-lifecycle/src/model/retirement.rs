//! The stages before a deletion: an old AMI is deprecated first, then disabled, and deleted last, so that
//! whoever still needs it is heard before it is gone. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// How far an AMI is retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RetiredStage {
    /// Who takes the newest by its name does not find it.
    Deprecated,
    /// Nothing starts from it.
    Disabled,
}

impl RetiredStage {
    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RetiredStage::Deprecated => "deprecated",
            RetiredStage::Disabled => "disabled",
        }
    }
}

impl RetiredStage {
    /// What comes after it, as it is shown.
    pub(crate) fn next(self) -> &'static str {
        match self {
            RetiredStage::Deprecated => "disabled",
            RetiredStage::Disabled => "deleted",
        }
    }
}

/// How far an AMI is retired, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Retired {
    /// The stage.
    pub stage: RetiredStage,
    /// Since when.
    pub since: Timestamp,
}

impl Retired {
    /// Reads the tag, such as `disabled 2026-11-29T12:00:00Z`.
    pub(crate) fn read(text: &str) -> Option<Retired> {
        let (stage, since) = text.split_once(' ')?;
        let stage = match stage {
            "deprecated" => RetiredStage::Deprecated,
            "disabled" => RetiredStage::Disabled,
            _ => return None,
        };
        Some(Retired { stage, since: since.parse().ok()? })
    }
}

/// What is to be done next with an AMI that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetireStep {
    /// It is deprecated.
    Deprecate,
    /// It is disabled.
    Disable,
    /// It is deleted.
    Delete,
    /// It is needed after all.
    TakeBack,
}

/// What is due for an AMI that goes; else when it reached its stage. Pure.
pub(crate) fn due(
    retired: Option<Retired>,
    after: Option<Duration>,
    now: Timestamp,
) -> Result<RetireStep, Retired> {
    let Some(after) = after else { return Ok(RetireStep::Delete) };
    let Some(retired) = retired else { return Ok(RetireStep::Deprecate) };
    let passed = now.duration_since(retired.since).max(SignedDuration::ZERO);
    match (Duration::try_from(passed).is_ok_and(|passed| passed >= after), retired.stage) {
        (false, _) => Err(retired),
        (true, RetiredStage::Deprecated) => Ok(RetireStep::Disable),
        (true, RetiredStage::Disabled) => Ok(RetireStep::Delete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ami_is_deprecated_then_disabled_then_deleted() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let after = Some(Duration::from_secs(14 * 86_400));
        let read = |text: &str| Retired::read(text);
        assert_eq!(due(None, None, now), Ok(RetireStep::Delete));
        assert_eq!(due(None, after, now), Ok(RetireStep::Deprecate));
        let step = |text: &str| due(read(text), after, now).ok();
        assert_eq!(step("deprecated 2026-11-20T12:00:00Z"), None);
        assert_eq!(step("deprecated 2026-11-15T12:00:00Z"), Some(RetireStep::Disable));
        assert_eq!(step("disabled 2026-11-16T12:00:00Z"), None);
        assert_eq!(step("disabled 2026-11-15T11:59:59Z"), Some(RetireStep::Delete));
        // The setting is gone: what goes goes.
        assert_eq!(due(read("disabled 2026-11-29T11:00:00Z"), None, now), Ok(RetireStep::Delete));
        assert_eq!(read(""), None);
        assert_eq!(read("sold 2026-11-29T11:00:00Z"), None);
    }
}
