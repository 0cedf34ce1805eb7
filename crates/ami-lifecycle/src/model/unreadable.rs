//! Tags whose values are not what amiable writes. Pure.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::model::retirement::Retired;
use crate::model::tags::{self, Tags};

const TIME: &str = "a time as in 2026-11-29T12:00:00Z";

/// A tag whose value is not what amiable writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", said(key, value.as_deref(), wants))]
pub struct UnreadableTag {
    /// Its key.
    pub key: &'static str,
    /// Its value; `None` where the tag is missing.
    pub value: Option<String>,
    /// What it has to be.
    pub wants: &'static str,
}

impl Serialize for UnreadableTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn said(key: &str, value: Option<&str>, wants: &str) -> String {
    match value {
        Some(value) => format!("tag {key} is {value:?}, which is not {wants}"),
        None => format!("tag {key} is missing"),
    }
}

/// The tags of an AMI that could not be read. Pure.
pub(crate) fn unreadable(tags: &Tags) -> Vec<UnreadableTag> {
    const STAGE: &str = "a stage with a time, as in `disabled 2026-11-29T12:00:00Z`";
    let wanted = [
        (tags::GENERATION, "a number"),
        (tags::PROMOTED, TIME),
        (tags::VERIFIED, TIME),
        (tags::QUARANTINED, TIME),
        (tags::LEASE, TIME),
        (tags::RETIRED, STAGE),
    ];
    let is_good = |key: &str, text: &str| match key {
        tags::GENERATION => text.parse::<u64>().is_ok(),
        tags::LEASE if text == tags::NO_LEASE => true,
        tags::RETIRED => text.is_empty() || Retired::read(text).is_some(),
        _ => text.is_empty() || text.parse::<Timestamp>().is_ok(),
    };
    let bad = wanted.into_iter().filter_map(|(key, wants)| {
        let value = tags.get(key);
        let is_bad = match value {
            Some(value) => !is_good(key, value),
            // Each AMI is given one together with its template.
            None => key == tags::GENERATION && tags.contains_key(tags::PROMOTED),
        };
        is_bad.then(|| UnreadableTag { key, value: value.cloned(), wants })
    });
    bad.collect()
}

/// The lease of anything else, if it could not be read. Pure.
pub(crate) fn unreadable_lease(tags: &Tags) -> Option<UnreadableTag> {
    unreadable(tags).into_iter().find(|tag| tag.key == tags::LEASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_amiable_never_writes_is_told() {
        let now = "2026-11-29T12:00:00Z";
        let told = |key: &str, value: &str| {
            let tags = tags::of([(tags::GENERATION, "1".into()), (key, value.into())]);
            unreadable(&tags).first().map(ToString::to_string)
        };
        for (key, value) in [
            (tags::GENERATION, "7"),
            (tags::PROMOTED, now),
            (tags::PROMOTED, ""),
            (tags::LEASE, tags::NO_LEASE),
            (tags::QUARANTINED, ""),
            (tags::RETIRED, ""),
            (tags::RETIRED, "disabled 2026-11-29T12:00:00Z"),
            (tags::OWNER, "whoever"),
        ] {
            assert_eq!(told(key, value), None, "{key} {value}");
        }
        let text = told(tags::GENERATION, "abc").unwrap();
        assert_eq!(text, "tag amiable:generation is \"abc\", which is not a number");
        for (key, value) in [
            (tags::GENERATION, ""),
            (tags::GENERATION, "-1"),
            (tags::PROMOTED, "yesterday"),
            (tags::VERIFIED, "yes"),
            (tags::QUARANTINED, "true"),
            (tags::LEASE, "soon"),
            (tags::RETIRED, "gone"),
        ] {
            assert!(told(key, value).is_some(), "{key} {value}");
        }
        let bare = tags::of([(tags::PROMOTED, now.into())]);
        assert_eq!(unreadable(&bare)[0].to_string(), "tag amiable:generation is missing");
    }
}
