//! What a bake is asked for, and what it comes to.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::consumer::Consumers;
use crate::ec2::client::Cloud;
use crate::model::event::Observer;
use crate::model::fleet::Mode;
use crate::model::lease::IsGone;
use crate::model::naming::Pattern;
use crate::model::template::{Namespace, Template};
use crate::operations::claim::Actor;
use crate::operations::undo::Holdings;

/// What becomes of the instance when the bake fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It is terminated.
    Terminate,
    /// It stays, to be looked at.
    Keep,
}

/// A bake to be done.
pub struct BakeRequest<'a> {
    /// The account and region.
    pub cloud: &'a Cloud,
    /// What separates these AMIs from others.
    pub namespace: &'a Namespace,
    /// How AMIs are named.
    pub pattern: &'a Pattern,
    /// What to bake.
    pub template: &'a Template,
    /// The consumers of all templates: an AMI that one of them names is left alone.
    pub consumers: Consumers<'a>,
    /// The current AMI of the template that it is based on, where it was made current just now
    /// and EC2 may not show that yet.
    pub below: Option<String>,
    /// Whether a current AMI is expected.
    pub mode: Mode,
    /// What becomes of the instance after a failure.
    pub on_failure: OnFailure,
    /// Whether the new AMI is proven; without that it stays pending.
    pub verify: bool,
    /// Who bakes, as `user@host`.
    pub operator: &'a str,
    /// The process that bakes, as others can tell whether it still lives.
    pub owner: &'a str,
    /// Tells whether the process of an owner has ended for certain.
    pub is_gone: IsGone<'a>,
    /// The version of amiable, for the record.
    pub version: &'a str,
    /// Takes events.
    pub observer: Arc<dyn Observer>,
    /// Tells others what would be left if the process ended now.
    pub holdings: Holdings,
    /// Cancelled when the bake is to end early; it is undone then.
    pub cancel: CancellationToken,
}

impl<'a> BakeRequest<'a> {
    pub(super) fn actor(&self) -> Actor<'a> {
        Actor { operator: self.operator, owner: self.owner, is_gone: self.is_gone }
    }
}

/// A finished bake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baked {
    /// The new AMI.
    pub ami: String,
    /// Its name.
    pub name: String,
    /// Its generation.
    pub generation: u64,
    /// It is current; otherwise it waits to be verified.
    pub promoted: bool,
    /// A digest of the boot script that it was baked to boot with.
    pub boot_script: Option<String>,
    /// The AMI that was current until now, and stays as backup.
    pub previous: Option<String>,
}
