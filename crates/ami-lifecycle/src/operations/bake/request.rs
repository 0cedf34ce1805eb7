//! What a bake is asked for, and what it comes to.

use crate::consumer::Consumers;
use crate::model::fleet::Mode;
use crate::model::id::AmiId;
use crate::model::naming::Pattern;
use crate::model::template::Template;
use crate::operations::context::Context;

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
    /// Who bakes, and where.
    pub context: Context<'a>,
    /// How AMIs are named.
    pub pattern: &'a Pattern,
    /// What to bake.
    pub template: &'a Template,
    /// The consumers of all templates: an AMI that one of them names is left alone.
    pub consumers: Consumers<'a>,
    /// The current AMI of the template that it is based on, where it was made current just now
    /// and EC2 may not show that yet.
    pub below: Option<AmiId>,
    /// Whether a current AMI is expected.
    pub mode: Mode,
    /// What becomes of the instance after a failure.
    pub on_failure: OnFailure,
    /// Whether the new AMI is proven; without that it stays pending.
    pub verify: bool,
}

/// A finished bake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baked {
    /// The new AMI.
    pub ami: AmiId,
    /// Its name.
    pub name: String,
    /// Its generation.
    pub generation: u64,
    /// It is current; otherwise it is waiting to be verified.
    pub promoted: bool,
    /// A digest of the boot script that it was baked to boot with.
    pub boot_script: Option<String>,
    /// The AMI that was current until now, and stays as backup.
    pub previous: Option<AmiId>,
}
