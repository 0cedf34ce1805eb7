//! What scripts learn of their bake.

use crate::guest::script_env::ScriptEnv;
use crate::guest::shell::quote;
use crate::model::template::Architecture;

/// What a script finds in its environment, besides the number of the boot.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) template: String,
    /// The generation that is baked, or verified.
    pub(crate) generation: u64,
    pub(crate) base_ami: String,
    pub(crate) arch: Architecture,
    /// The template's own variables.
    pub(crate) env: ScriptEnv,
}

impl About {
    /// As words for `env`.
    pub(super) fn words(&self) -> String {
        let About { template, generation, base_ami, arch, env: _ } = self;
        let all = [
            ("AMIABLE_TEMPLATE", template.clone()),
            ("AMIABLE_GENERATION", generation.to_string()),
            ("AMIABLE_BASE_AMI", base_ami.clone()),
            ("AMIABLE_ARCH", arch.to_string()),
        ];
        all.map(|(name, value)| format!("{name}={}", quote(&value))).join(" ")
    }
}
