//! Whether the account's quotas leave room for a bake.

use aws_sdk_ec2::types::{Instance, InstanceLifecycleType, InstanceStateName};

use crate::action::Action;
use crate::cloud::{Cloud, filter};
use crate::error::CloudError;
use crate::template::Template;

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
        format!("{used} of {limit} {of} are used, and a bake needs {needed}")
    }
}

/// AMIs: the new one.
///
/// # Errors
/// When a call fails.
pub(crate) async fn amis(cloud: &Cloud) -> Result<Room, CloudError> {
    let limit = limit(cloud, AMIS).await?;
    let used = cloud.images(Some("self"), Vec::new()).await?.len();
    Ok(Room { of: "AMIs", limit, used: used as f64, needed: 1.0 })
}

/// vCPUs: the builder of the template that needs most.
///
/// # Errors
/// When a call fails.
pub(crate) async fn vcpus(cloud: &Cloud, templates: &[Template]) -> Result<Room, CloudError> {
    let limit = limit(cloud, STANDARD_VCPUS).await?;
    let mut types: Vec<String> = templates.iter().map(|it| it.instance_type.clone()).collect();
    types.retain(|name| is_standard(name));
    let needed = largest(cloud, types).await?;
    let mut used = 0;
    let request =
        cloud.ec2().describe_instances().filters(filter("instance-state-name", "running"));
    let mut pages = request.into_paginator().items().send();
    while let Some(reservation) = pages.next().await {
        let reservation =
            reservation.map_err(|error| CloudError::new(Action::DescribeInstances, error))?;
        used += reservation.instances().iter().map(vcpus_of).sum::<i32>();
    }
    Ok(Room { of: "vCPUs", limit, used: used.into(), needed: needed.into() })
}

async fn limit(cloud: &Cloud, code: &str) -> Result<f64, CloudError> {
    let request = cloud.quotas().get_service_quota().service_code("ec2").quota_code(code);
    let answer =
        request.send().await.map_err(|error| CloudError::new(Action::GetServiceQuota, error));
    let value = match answer {
        Ok(answer) => answer.quota().and_then(|quota| quota.value()),
        // Where none was ever applied to the account, AWS' default holds.
        Err(error) if error.code.as_deref() == Some("NoSuchResourceException") => {
            let request = cloud.quotas().get_aws_default_service_quota();
            let answer = request.service_code("ec2").quota_code(code).send().await;
            let answer = answer
                .map_err(|error| CloudError::new(Action::GetAWSDefaultServiceQuota, error))?;
            answer.quota().and_then(|quota| quota.value())
        }
        Err(error) => return Err(error),
    };
    value.ok_or_else(|| CloudError::answer(Action::GetServiceQuota, format!("{code} has no value")))
}

async fn largest(cloud: &Cloud, types: Vec<String>) -> Result<i32, CloudError> {
    if types.is_empty() {
        return Ok(0);
    }
    let types = types.iter().map(|name| name.as_str().into()).collect();
    let request = cloud.ec2().describe_instance_types().set_instance_types(Some(types));
    let answer = request.send().await;
    let answer = answer.map_err(|error| CloudError::new(Action::DescribeInstanceTypes, error))?;
    let vcpus = answer.instance_types().iter().filter_map(|it| it.v_cpu_info()?.default_v_cpus());
    Ok(vcpus.max().unwrap_or(0))
}

/// Whether an instance type is of a standard family: the letters before the generation
/// begin with one of those.
fn is_standard(name: &str) -> bool {
    let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    let is_special = ["hpc", "inf", "trn", "dl", "mac", "im", "is"].contains(&family.as_str());
    family.starts_with(STANDARD) && !is_special
}

/// What a running on-demand instance counts for.
fn vcpus_of(instance: &Instance) -> i32 {
    let is_running =
        instance.state().and_then(|state| state.name()) == Some(&InstanceStateName::Running);
    let is_spot = instance.instance_lifecycle() == Some(&InstanceLifecycleType::Spot);
    let name = instance.instance_type().map_or("", |it| it.as_str());
    if !is_running || is_spot || !is_standard(name) {
        return 0;
    }
    let options = instance.cpu_options();
    options.map_or(0, |it| it.core_count().unwrap_or(0) * it.threads_per_core().unwrap_or(1))
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
        assert_eq!(room.text(), "6 of 8 vCPUs are used, and a bake needs 2");
    }
}
