//! The ways in to machines that this process holds in a region.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use tokio::sync::Mutex;

/// The bakes of this process that a way in serves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accesses(pub(super) Arc<Mutex<HashMap<Scope, Access>>>);

/// What bakes must have in common to share a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) namespace: String,
    pub(crate) subnet: Option<String>,
    /// The port of sshd.
    pub(crate) port: u16,
    pub(crate) from: Vec<IpNet>,
}

/// A way in that bakes share.
#[derive(Debug, Default)]
pub(super) struct Access {
    /// The VPC of the scope's subnet.
    pub(super) vpc: Option<String>,
    /// The group that was used last.
    pub(super) group: Option<String>,
    pub(super) rules: Vec<String>,
    /// Whose tag the rules have.
    pub(super) bake: String,
    /// Until when the rules are this process's, whatever becomes of it.
    pub(super) lease: Option<Timestamp>,
    pub(super) holders: BTreeSet<String>,
}
