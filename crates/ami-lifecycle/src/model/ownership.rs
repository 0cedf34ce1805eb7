//! What every resource of a bake carries from the moment it exists.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::tags::{self, Tags};
use crate::model::template::Namespace;

/// Who makes something, for what, and until when it is theirs.
#[derive(Debug, Clone)]
pub(crate) struct OwnershipTags<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) template: &'a str,
    /// The bake's id.
    pub(crate) bake: String,
    pub(crate) lease: Timestamp,
    pub(crate) owner: &'a str,
    pub(crate) operator: &'a str,
    pub(crate) version: &'a str,
}

impl OwnershipTags<'_> {
    /// The tags of what is named `name`.
    pub(crate) fn on(&self, name: String) -> Tags {
        tags::of([
            (tags::NAME, name),
            (tags::NAMESPACE, self.namespace.0.clone()),
            (tags::TEMPLATE, self.template.to_owned()),
            (tags::BAKE, self.bake.clone()),
            (tags::LEASE, self.lease.to_string()),
            (tags::OWNER, self.owner.to_owned()),
            (tags::OPERATOR, self.operator.to_owned()),
            (tags::VERSION, self.version.to_owned()),
        ])
    }

    /// What makes a dead bake's resource this bake's own.
    pub(crate) fn claim(&self) -> Tags {
        claim(self.lease, self.owner, self.operator)
    }
}

/// What makes a dead process's resource another's own.
pub(crate) fn claim(lease: Timestamp, owner: &str, operator: &str) -> Tags {
    tags::of([
        (tags::LEASE, lease.to_string()),
        (tags::OWNER, owner.to_owned()),
        (tags::OPERATOR, operator.to_owned()),
    ])
}

/// An id that no other bake has.
pub(crate) fn new_bake() -> String {
    use rand::RngExt;
    format!("{:012x}", rand::rng().random::<u64>() >> 16)
}

/// When the lease of a bake ends that begins now, in whole seconds.
pub(crate) fn lease_end(now: Timestamp, whole: Duration) -> Timestamp {
    let end = SignedDuration::try_from(whole).ok().and_then(|whole| now.checked_add(whole).ok());
    let end = end.unwrap_or(Timestamp::MAX);
    Timestamp::from_second(end.as_second()).unwrap_or(end)
}
