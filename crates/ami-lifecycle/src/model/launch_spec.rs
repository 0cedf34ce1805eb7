//! What a template says of the launch of its machines.

/// What RunInstances is told of a template's machines. The call, and the fingerprint of an AMI, take it
/// apart field by field: what is added here is missed in neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchSpec {
    /// The instance type to bake on.
    pub instance_type: String,
    /// Security groups, by name or `sg-…` id. Without any, amiable brings its own.
    pub security_groups: Vec<String>,
    /// The subnet to launch in; the default VPC's without one.
    pub subnet: Option<String>,
    /// Whether a machine gets a public address; as its subnet has it where that is not said.
    pub public_ip: Option<bool>,
    /// An instance profile for the bake, by name.
    pub instance_profile: Option<String>,
    /// The root volume's size in GiB; the base's without one.
    pub volume_size: Option<u64>,
    /// How many hops an answer of the metadata service may take, 1 to 64; EC2's default without one.
    pub hop_limit: Option<u8>,
}
