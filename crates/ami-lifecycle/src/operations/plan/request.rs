//! What a plan is asked for.

use std::sync::Arc;

use jiff::Timestamp;

use crate::consumer::JenkinsServer;
use crate::ec2::client::Cloud;
use crate::model::fleet::Fleet;
use crate::model::naming::Pattern;
use crate::model::template::{Namespace, Template};

/// A plan to be made.
pub struct PlanRequest<'a> {
    /// The account and region.
    pub cloud: &'a Cloud,
    /// What separates these AMIs from others.
    pub namespace: &'a Namespace,
    /// How AMIs are named.
    pub pattern: &'a Pattern,
    /// For which templates.
    pub templates: &'a [&'a Template],
    /// The running Jenkins, where there is one.
    pub jenkins: Option<&'a JenkinsServer>,
    /// The AMIs there, if they have just been looked up.
    pub fleet: Option<&'a Arc<Fleet>>,
    /// Whether it matters what consumers name.
    pub with_consumers: bool,
    /// What time it is.
    pub now: Timestamp,
}
