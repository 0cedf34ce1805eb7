//! What a bake, a verification and what follows them have in common.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::ec2::client::Cloud;
use crate::guest::site::Site;
use crate::model::event::Observer;
use crate::model::ownership::{OwnershipTags, lease_end, new_bake};
use crate::model::template::{Namespace, Template};
use crate::model::variable::Environment;
use crate::operations::claim::Actor;
use crate::operations::undo::Holdings;

/// Who works where, and who is told.
#[derive(Clone)]
pub struct Context<'a> {
    /// The account in the first region.
    pub cloud: &'a Cloud,
    /// What separates these AMIs from others.
    pub namespace: &'a Namespace,
    /// Who asks.
    pub actor: Actor<'a>,
    /// The version of amiable, for the record.
    pub version: &'a str,
    /// Takes events.
    pub observer: Arc<dyn Observer>,
    /// Tells others what would be left if the process ended now.
    pub holdings: Holdings,
    /// The operator's environment, for variables that scripts are given.
    pub environment: Environment<'a>,
    /// Cancelled when it is to end early; what was begun is undone then.
    pub cancel: CancellationToken,
}

impl<'a> Context<'a> {
    /// Where a machine of a template is brought up.
    pub(crate) fn site<'s>(&'s self, template: &'s Template) -> Site<'s> {
        let Context { cloud, observer, cancel, environment, .. } = self;
        Site { cloud, template, observer, cancel, environment: *environment }
    }

    /// What everything carries that is made for a template from now on, under an id of its own.
    pub(crate) fn new_marks(&self, template: &'a Template) -> OwnershipTags<'a> {
        let Actor { operator, owner, .. } = self.actor;
        OwnershipTags {
            namespace: self.namespace,
            template: &template.name,
            bake: new_bake(),
            lease: lease_end(Timestamp::now(), template.timeouts.whole()),
            owner,
            operator,
            version: self.version,
        }
    }
}
