//! What a template says of the launch of its machines.

use std::collections::BTreeMap;
use std::fmt;

/// What RunInstances is told of a template's machines. The call, and the fingerprint of an AMI, take it
/// apart field by field: what is added here is missed in neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchSpec {
    /// The instance types to bake on: the first that EC2 has capacity for.
    pub instance_types: Vec<String>,
    /// Security groups, by name or `sg-…` id. Without any, amiable brings its own.
    pub security_groups: Vec<String>,
    /// Tags that name them instead: all that have these.
    pub security_group_tags: BTreeMap<String, String>,
    /// The subnets to launch in, each with each instance type; the default VPC's without one.
    pub subnets: Vec<String>,
    /// Tags that name them instead: those with most free addresses first.
    pub subnet_tags: BTreeMap<String, String>,
    /// Whether a machine gets a public address; as its subnet has it where that is not said.
    pub public_ip: Option<bool>,
    /// An instance profile for the bake, by name.
    pub instance_profile: Option<String>,
    /// Whether builders are Spot Instances.
    pub spot: Option<Spot>,
    /// The root volume.
    pub volume: VolumeSpec,
    /// Volumes besides it, which the verified instance has of the AMI.
    pub volumes: Vec<FurtherVolume>,
    /// Tags on instances, their volumes, their network interfaces and their Spot requests, besides
    /// amiable's own.
    pub run_tags: BTreeMap<String, String>,
    /// How many hops an answer of the metadata service may take, 1 to 64; EC2's default without one.
    pub hop_limit: Option<u8>,
}

/// That machines are Spot Instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spot {
    /// The most that one may cost an hour, in US dollars as EC2 takes it; the On-Demand price without.
    pub max_price: Option<String>,
    /// Whether instances for verification are, too.
    pub verifies: bool,
}

/// An instance type in a subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) kind: &'a str,
    /// The default VPC's without one.
    pub(crate) subnet: Option<&'a str>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)?;
        self.subnet.map_or(Ok(()), |subnet| write!(f, " in {subnet}"))
    }
}

/// What is asked of a volume; as the image or EC2 has it where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeSpec {
    /// In GiB.
    pub size: Option<u32>,
    /// EC2's name of its type.
    pub kind: Option<String>,
    /// IOPS.
    pub iops: Option<u32>,
    /// In MiB/s.
    pub throughput: Option<u32>,
    /// At which rate the blocks of its snapshot are fetched, in MiB/s. The AMI does not record it.
    pub initialization_rate: Option<u32>,
}

/// A volume besides the root volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FurtherVolume {
    /// Its device name, such as `/dev/sdf`.
    pub device: String,
    /// What it is like.
    pub spec: VolumeSpec,
    /// The snapshot that it is a copy of; it begins empty without one.
    pub snapshot: Option<String>,
    /// Whether the AMI has it, too; otherwise it ends with the builder.
    pub keep: bool,
}

impl VolumeSpec {
    /// What an AMI records of it besides the size, as one text; `None` where nothing is said.
    pub(crate) fn recorded(&self) -> Option<String> {
        let VolumeSpec { size: _, kind, iops, throughput, initialization_rate: _ } = self;
        let is_said = kind.is_some() || iops.is_some() || throughput.is_some();
        is_said.then(|| format!("{kind:?} {iops:?} {throughput:?}"))
    }
}

impl LaunchSpec {
    /// Whether amiable brings a security group of its own.
    #[must_use]
    pub fn has_own_group(&self) -> bool {
        self.security_groups.is_empty() && self.security_group_tags.is_empty()
    }

    /// Whether it names subnets.
    #[must_use]
    pub fn names_subnets(&self) -> bool {
        !self.subnets.is_empty() || !self.subnet_tags.is_empty()
    }

    /// Where machines are tried to be started, in this order: each instance type in each subnet.
    pub(crate) fn places(&self) -> Vec<Place<'_>> {
        let subnets: Vec<Option<&str>> = match self.subnets.as_slice() {
            [] => vec![None],
            all => all.iter().map(|it| Some(it.as_str())).collect(),
        };
        let of = |kind| subnets.iter().map(move |subnet| Place { kind, subnet: *subnet });
        self.instance_types.iter().flat_map(|kind| of(kind.as_str())).collect()
    }

    /// What an AMI records of the volumes besides the root volume, as one text; `None` without any.
    pub(crate) fn recorded_volumes(&self) -> Option<String> {
        let mut kept: Vec<&FurtherVolume> = self.volumes.iter().filter(|it| it.keep).collect();
        kept.sort_by_key(|it| &it.device);
        let text = |it: &FurtherVolume| {
            let FurtherVolume { device, spec, snapshot, keep: _ } = it;
            format!("{device} {:?} {snapshot:?} {:?}", spec.size, spec.recorded())
        };
        let texts: Vec<String> = kept.into_iter().map(text).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    /// The devices that only the builder has.
    pub(crate) fn builders_devices(&self) -> Vec<String> {
        self.volumes.iter().filter(|it| !it.keep).map(|it| it.device.clone()).collect()
    }
}
