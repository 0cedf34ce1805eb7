//! What a template wants of its AMIs besides their contents: the regions that they are copied
//! to, who may use them, and for how long.
//!
//! A template in one of the regions that its AMIs are copied to is a template again, see
//! [`Template::in_region`]: what holds in the first region holds there by the same functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::model::consumer::Consumer;
use crate::model::digest::{changed_of, record_of};

/// The key of the protection from being deregistered.
pub(crate) const PROTECTION: &str = "deregistration_protection";
/// The key of those that it is shared with.
pub(crate) const SHARING: &str = "share_with";

/// The key of those that its snapshots are shared with.
pub(crate) const SNAPSHOT_USERS: &str = "snapshot_users";

/// What a template wants of its AMIs besides their contents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    /// The region where they are baked, where the template names it.
    pub first: Option<String>,
    /// The regions that they are copied to from the first, in the order of the configuration.
    pub destinations: Vec<Destination>,
    /// Who may launch them besides the account that bakes.
    pub share_with: BTreeSet<Principal>,
    /// The accounts that may make volumes of their snapshots, by number.
    pub snapshot_users: BTreeSet<String>,
    /// Whether their disks are encrypted, and how; as the base's are without it.
    pub encrypt: Option<Encryption>,
    /// How old they are when EC2 begins to call them deprecated.
    pub deprecate_after: Option<Duration>,
    /// EC2 is not to deregister them until that is switched off.
    pub protect: bool,
}

/// A region that AMIs are copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its name.
    pub region: String,
    /// The places that name the current AMI there, in the order in which they are told.
    pub consumers: Vec<Consumer>,
}

/// Who may launch an AMI, in EC2's words
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LaunchPermission.html>).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// An account, by its number.
    Account(String),
    /// An organisation, by its ARN.
    Organization(String),
    /// An organisational unit, by its ARN.
    OrganizationalUnit(String),
    /// Everybody: never wanted, but somebody may have made an AMI public.
    Everybody,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::Account(text)
            | Principal::Organization(text)
            | Principal::OrganizationalUnit(text) => f.write_str(text),
            Principal::Everybody => f.write_str("everybody"),
        }
    }
}

/// With which KMS key disks are encrypted. Keys are a region's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// The one that the account uses by default for EBS.
    AccountKey,
    /// The one of this name in each region, such as `alias/ci`.
    Key(String),
    /// One for each region, by the region's name.
    Keys(BTreeMap<String, String>),
}

impl Encryption {
    /// The key in a region; `None` for the account's default.
    #[must_use]
    pub fn key_in(&self, region: &str) -> Option<&str> {
        match self {
            Encryption::AccountKey => None,
            Encryption::Key(key) => Some(key),
            Encryption::Keys(keys) => keys.get(region).map(String::as_str),
        }
    }

    /// What decides on a bake in a region, as text: keys of others are theirs.
    pub(crate) fn text(&self, region: Option<&str>) -> String {
        match (self, region) {
            (Encryption::AccountKey, _) => "true".into(),
            (Encryption::Key(key), _) => key.clone(),
            (Encryption::Keys(keys), Some(region)) => keys.get(region).cloned().unwrap_or_default(),
            (Encryption::Keys(keys), None) => format!("{keys:?}"),
        }
    }
}

impl Distribution {
    /// Whether anything is to be done for a new AMI besides making it current.
    #[must_use]
    pub fn is_something(&self) -> bool {
        !self.destinations.is_empty() || !self.terms_record().is_empty()
    }

    /// Whether an AMI is given to others on other terms.
    #[must_use]
    pub fn differs_from(&self, recorded: &str) -> bool {
        !self.changed_terms(recorded).is_empty()
    }

    /// The terms that an AMI is given to others on, each with a digest, as one text that fits
    /// into a tag; what is not wanted is left out.
    pub(crate) fn terms_record(&self) -> String {
        record_of(self.terms().into_iter().filter(|(_, value)| !value.is_empty()))
    }

    /// The terms that differ from what was recorded.
    pub(crate) fn changed_terms(&self, record: &str) -> Vec<String> {
        changed_of(record, self.terms())
    }

    fn terms(&self) -> [(&'static str, String); 4] {
        let shared: Vec<String> = self.share_with.iter().map(ToString::to_string).collect();
        let age = self.deprecate_after.map(|age| age.as_secs().to_string());
        [
            (SHARING, shared.join(" ")),
            (SNAPSHOT_USERS, Vec::from_iter(self.snapshot_users.iter().cloned()).join(" ")),
            ("deprecate_after", age.unwrap_or_default()),
            (PROTECTION, if self.protect { "true".into() } else { String::new() }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::consumer::SsmParameter;
    use crate::model::tags;
    use crate::model::template::Template;
    use crate::model::template::tests::template;

    fn terms() -> Distribution {
        Distribution {
            share_with: [Principal::Account("123456789012".into())].into(),
            deprecate_after: Some(Duration::from_secs(3600)),
            ..Distribution::default()
        }
    }

    #[test]
    fn terms_that_have_changed_are_told_and_none_is_nothing() {
        assert_eq!(Distribution::default().terms_record(), "");
        assert!(!Distribution::default().is_something());
        let record = terms().terms_record();
        assert!(record.len() <= tags::LONGEST_VALUE && terms().is_something());
        assert!(terms().changed_terms(&record).is_empty());
        assert_eq!(terms().changed_terms(""), ["share_with", "deprecate_after"]);
        let now = Distribution { protect: true, share_with: BTreeSet::new(), ..terms() };
        assert_eq!(now.changed_terms(&record), ["share_with", "deregistration_protection"]);
        assert!(Distribution::default().changed_terms("").is_empty());
    }

    #[test]
    fn a_template_in_a_region_has_that_regions_consumers() {
        let there = Consumer::Ssm(SsmParameter { name: "/there".into() });
        let destination =
            Destination { region: "eu-west-1".into(), consumers: vec![there.clone()] };
        let distribution = Distribution { destinations: vec![destination], ..terms() };
        let consumers = vec![Consumer::Ssm(SsmParameter { name: "/here".into() })];
        let template = Template { distribution, consumers, ..template() };
        let copy = template.in_region("eu-west-1").unwrap();
        assert_eq!(copy.consumers, [there]);
        assert!(
            copy.distribution.destinations.is_empty() && !copy.distribution.share_with.is_empty()
        );
        assert_eq!(template.in_region("us-east-1"), None);
        let regions: Vec<_> = template.all_consumers().map(|(region, _)| region).collect();
        assert_eq!(regions, [None, Some("eu-west-1")]);
    }
}
