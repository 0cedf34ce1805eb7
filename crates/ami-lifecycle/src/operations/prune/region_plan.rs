//! What pruning comes to in a region.

use std::sync::Arc;

use crate::Ami;

use crate::Fleet;

use crate::Decision;

use crate::Deletion;

use crate::Leftover;

use crate::Place;

use crate::RetireStep;

/// A plan for pruning a region.
#[derive(Debug, Clone)]
pub struct RegionPrune {
    /// The region.
    pub place: Place,
    /// The AMIs there.
    pub fleet: Arc<Fleet>,
    /// For every AMI that was looked at, by template, newest first.
    pub fates: Vec<Decision>,
    /// What is to be deleted, oldest first.
    pub deletions: Vec<Deletion>,
    /// What is retired before it is deleted, or needed after all.
    pub retirements: Vec<Retirement>,
    /// What dead bakes have left besides AMIs.
    pub left: Vec<Leftover>,
    /// What could not be looked up, and why: nothing goes then, in no region.
    pub unknown: Vec<(String, String)>,
    /// What is to be told of users that name what is not there.
    pub dangling: Vec<String>,
}

/// An AMI that is retired, or taken back.
#[derive(Debug, Clone)]
pub struct Retirement {
    /// The AMI.
    pub ami: Ami,
    /// What is done with it.
    pub step: RetireStep,
}
