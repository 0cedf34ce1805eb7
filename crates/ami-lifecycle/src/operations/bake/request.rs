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

/// How far a bake goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Until the machine is sealed; then it is terminated, and nothing is left. Other bakes of the
    /// template do not matter to it, nor it to them.
    Trial,
    /// Until there is an AMI, which stays pending.
    Pending,
    /// Until the new AMI is proven and current.
    Current,
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
    /// How far it goes.
    pub goal: Goal,
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
