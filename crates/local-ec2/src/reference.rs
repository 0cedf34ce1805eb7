//! What is served, as data: `docs/local-ec2.md` and the tests are made of it.

use crate::actions::REFERENCES;

/// One action and what it takes. Names of parameters stand without their numbers, as
/// in EC2's own reference, and for all that is below them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionReference {
    /// The action, such as `RunInstances`.
    pub name: &'static str,
    /// The service that has it, as requests are signed: `ec2`, `autoscaling`, `ssm` or `sts`.
    pub service: &'static str,
    /// Parameters that are honoured, besides Action, Version and DryRun.
    pub honours: &'static [&'static str],
    /// Parameters that are accepted and mean nothing here. All others are refused.
    pub ignores: &'static [&'static str],
    /// Parameters that are accepted with this value, which is EC2's default, and no other.
    pub defaults: &'static [(&'static str, &'static str)],
    /// Filters; all others are refused.
    pub filters: &'static [&'static str],
    /// What differs from EC2.
    pub notes: &'static str,
}

/// All actions, by name.
#[must_use]
pub fn reference() -> Vec<ActionReference> {
    let references = REFERENCES.iter();
    let mut all: Vec<ActionReference> = references
        .map(|(name, api, it)| ActionReference {
            name,
            service: api.service(),
            honours: it.honours,
            ignores: it.ignores,
            defaults: it.defaults,
            filters: it.filters,
            notes: it.notes,
        })
        .collect();
    all.sort_by_key(|action| action.name);
    all
}
