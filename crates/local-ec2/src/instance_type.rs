//! Instance types by rule instead of by list: a family gives the memory for each
//! virtual CPU, a size the number of CPUs
//! (<https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html>).

/// What an instance type amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InstanceType {
    pub(crate) vcpus: u32,
    pub(crate) memory_mib: u64,
    /// `arm64` of AWS' own processors, else `x86_64`.
    pub(crate) architecture: &'static str,
}

/// The least a guest gets: a Debian cloud image boots in it.
const LEAST_MEMORY_MIB: u64 = 512;

impl InstanceType {
    /// Reads a name such as `m5.large`.
    pub(crate) fn parse(name: &str) -> Option<InstanceType> {
        let (family, size) = name.split_once('.')?;
        let mut letters = family.chars();
        let class = letters.next()?;
        letters.next().filter(|letter| letter.is_ascii_alphanumeric())?;
        // The general purpose and other families begin at `medium`, with one CPU; the second
        // generation of burstable ones has one in its smallest sizes.
        // <https://docs.aws.amazon.com/ec2/latest/instancetypes/gp.html>
        let burstable = class == 't';
        let least = if burstable && !family.starts_with("t2") { 2 } else { 1 };
        let (vcpus, burstable_mib) = match size {
            "nano" => (least, 512),
            "micro" => (least, 1024),
            "small" => (least, 2048),
            "medium" => (if burstable { 2 } else { 1 }, 4096),
            "large" => (2, 8192),
            "xlarge" => (4, 16384),
            _ => {
                let times: u32 = size.strip_suffix("xlarge")?.parse().ok()?;
                (times.checked_mul(4)?, 16384 * u64::from(times))
            }
        };
        let per_vcpu_mib = match class {
            'c' => 2048,
            'r' | 'x' | 'z' => 8192,
            _ => 4096,
        };
        let small = matches!(size, "nano" | "micro" | "small") || burstable && size == "medium";
        let memory_mib = if small { burstable_mib } else { u64::from(vcpus) * per_vcpu_mib };
        let architecture = if is_graviton(family) { "arm64" } else { "x86_64" };
        Some(InstanceType { vcpus, memory_mib, architecture })
    }

    /// The same, cut down to what this host can spare: its CPUs, and a quarter of its memory.
    pub(crate) fn on_this_host(self) -> InstanceType {
        let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32);
        let quarter = host_memory_mib() / 4;
        InstanceType {
            vcpus: self.vcpus.min(cpus),
            memory_mib: self.memory_mib.min(quarter).max(LEAST_MEMORY_MIB),
            architecture: self.architecture,
        }
    }
}

/// `a1`, and families with a `g` after their generation, such as `m6gd`.
fn is_graviton(family: &str) -> bool {
    let after_letters = family.trim_start_matches(|it: char| it.is_ascii_lowercase());
    let attributes = after_letters.trim_start_matches(|it: char| it.is_ascii_digit());
    family == "a1" || attributes.starts_with('g')
}

fn host_memory_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(4 << 20) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_types_have_their_documented_sizes() {
        for (name, vcpus, memory_mib) in [
            ("t3.micro", 2, 1024),
            ("t3.medium", 2, 4096),
            ("t2.small", 1, 2048),
            ("t2.medium", 2, 4096),
            ("m7a.medium", 1, 4096),
            ("c7a.medium", 1, 2048),
            ("r7a.medium", 1, 8192),
            ("m5.large", 2, 8192),
            ("c5.xlarge", 4, 8192),
            ("r6i.2xlarge", 8, 65536),
            ("m5.24xlarge", 96, 393_216),
        ] {
            let found = InstanceType::parse(name).unwrap();
            assert_eq!((found.vcpus, found.memory_mib), (vcpus, memory_mib), "{name}");
        }
    }

    #[test]
    fn aws_own_processors_are_told_by_the_family() {
        let of = |name| InstanceType::parse(name).unwrap().architecture;
        for name in ["t4g.small", "m6gd.large", "c7gn.xlarge", "is4gen.large", "a1.medium"] {
            assert_eq!(of(name), "arm64", "{name}");
        }
        for name in ["t3.small", "g4dn.xlarge", "m7a.medium", "c5.large"] {
            assert_eq!(of(name), "x86_64", "{name}");
        }
    }

    #[test]
    fn other_texts_are_no_types() {
        for name in [
            "",
            "large",
            "m5",
            "m5.",
            "m5.huge",
            "m.large",
            ".large",
            "m5.-1xlarge",
            "m5.9999999999xlarge",
        ] {
            assert_eq!(InstanceType::parse(name), None, "{name}");
        }
    }
}
