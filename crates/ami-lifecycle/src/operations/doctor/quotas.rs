//! Whether the account's quotas leave room for a bake.

use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::template::Template;

/// The quota of on-demand instances of the standard families, in vCPUs
/// (<https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html>).
const STANDARD_VCPUS: &str = "L-1216C47A";
/// The families that it counts.
const STANDARD: [char; 9] = ['a', 'c', 'd', 'h', 'i', 'm', 'r', 't', 'z'];
/// The quota of AMIs, public ones included
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-quotas.html>).
const AMIS: &str = "L-B665C33B";

/// A quota, what of it is used, and what a bake needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Room {
    /// Of what.
    pub(crate) of: &'static str,
    pub(crate) limit: f64,
    pub(crate) used: f64,
    pub(crate) needed: f64,
}

impl Room {
    pub(crate) fn is_enough(&self) -> bool {
        self.used + self.needed <= self.limit
    }

    pub(crate) fn text(&self) -> String {
        let Room { of, limit, used, needed } = self;
        format!("{used} of {limit} {of} are in use, and a bake needs {needed}")
    }
}

/// AMIs: the new one.
///
/// # Errors
/// When a call fails.
pub(crate) async fn amis(cloud: &Cloud) -> Result<Room, CloudError> {
    let limit = cloud.quota(AMIS).await?;
    let used = cloud.images(Some("self"), Vec::new()).await?.len();
    Ok(Room { of: "AMIs", limit, used: used as f64, needed: 1.0 })
}

/// vCPUs: the builder of the template that needs most.
///
/// # Errors
/// When a call fails.
pub(crate) async fn vcpus(cloud: &Cloud, templates: &[Template]) -> Result<Room, CloudError> {
    let limit = cloud.quota(STANDARD_VCPUS).await?;
    let mut types: Vec<String> =
        templates.iter().flat_map(|it| it.launch.instance_types.clone()).collect();
    types.retain(|name| is_standard(name));
    let needed = cloud.vcpus_of(&types).await?.into_iter().max().unwrap_or(0);
    let running = cloud.running_machines().await?;
    let counted = running.iter().filter(|it| !it.is_spot && is_standard(&it.instance_type));
    let used: i32 = counted.map(|it| it.vcpus).sum();
    Ok(Room { of: "vCPUs", limit, used: used.into(), needed: needed.into() })
}

/// Whether an instance type is of a standard family: the letters before the generation
/// begin with one of those.
fn is_standard(name: &str) -> bool {
    let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    let is_special = ["hpc", "inf", "trn", "dl", "mac", "im", "is"].contains(&family.as_str());
    family.starts_with(STANDARD) && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_families_are_told_from_others() {
        for (name, standard) in [
            ("m5.large", true),
            ("c6gn.xlarge", true),
            ("t3.micro", true),
            ("g5.xlarge", false),
            ("p4d.24xlarge", false),
            ("inf2.xlarge", false),
            ("mac1.metal", false),
            ("x2idn.large", false),
        ] {
            assert_eq!(is_standard(name), standard, "{name}");
        }
    }

    #[test]
    fn a_bake_needs_room_for_its_own() {
        let room = Room { of: "vCPUs", limit: 8.0, used: 6.0, needed: 2.0 };
        assert!(room.is_enough());
        assert!(!Room { used: 7.0, ..room.clone() }.is_enough());
        assert_eq!(room.text(), "6 of 8 vCPUs are in use, and a bake needs 2");
    }
}
