//! The account's quotas, and what counts against them.

use aws_sdk_ec2::types::{Instance, InstanceLifecycleType, InstanceStateName};

use crate::ec2::action::Action;
use crate::ec2::client::{Cloud, filter};
use crate::ec2::error::CloudError;

/// A running instance, as quotas count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunningMachine {
    pub(crate) instance_type: String,
    pub(crate) vcpus: i32,
    pub(crate) is_spot: bool,
}

impl RunningMachine {
    fn read(instance: &Instance) -> Option<RunningMachine> {
        let state = instance.state().and_then(|state| state.name());
        let options = instance.cpu_options();
        let vcpus =
            options.map(|it| it.core_count().unwrap_or(0) * it.threads_per_core().unwrap_or(1));
        (state == Some(&InstanceStateName::Running)).then(|| RunningMachine {
            instance_type: instance.instance_type().map_or("", |it| it.as_str()).to_owned(),
            vcpus: vcpus.unwrap_or(0),
            is_spot: instance.instance_lifecycle() == Some(&InstanceLifecycleType::Spot),
        })
    }
}

impl Cloud {
    /// The value of one of EC2's quotas, by its code.
    pub(crate) async fn quota(&self, code: &str) -> Result<f64, CloudError> {
        let request = self.quotas.get_service_quota().service_code("ec2").quota_code(code);
        let value = match self.call(Action::GetServiceQuota, code, request.send()).await {
            Ok(answer) => answer.quota().and_then(|quota| quota.value()),
            // Where none was ever applied to the account, AWS' default holds.
            Err(error) if error.code.as_deref() == Some("NoSuchResourceException") => {
                let request = self.quotas.get_aws_default_service_quota();
                let request = request.service_code("ec2").quota_code(code);
                let action = Action::GetAWSDefaultServiceQuota;
                let answer = self.call(action, code, request.send()).await?;
                answer.quota().and_then(|quota| quota.value())
            }
            Err(error) => return Err(error),
        };
        let missing =
            || CloudError::answer(Action::GetServiceQuota, format!("{code} has no value"));
        value.ok_or_else(missing)
    }

    /// How many vCPUs instances of some types have.
    pub(crate) async fn vcpus_of(&self, types: &[String]) -> Result<Vec<i32>, CloudError> {
        if types.is_empty() {
            return Ok(Vec::new());
        }
        let named = types.iter().map(|name| name.as_str().into()).collect();
        let request = self.ec2.describe_instance_types().set_instance_types(Some(named));
        let answer = self.call(Action::DescribeInstanceTypes, types, request.send()).await?;
        let types = answer.instance_types().iter();
        Ok(types.filter_map(|it| it.v_cpu_info()?.default_v_cpus()).collect())
    }

    /// All instances that run in the region, whoever has started them.
    pub(crate) async fn running_machines(&self) -> Result<Vec<RunningMachine>, CloudError> {
        let running = filter("instance-state-name", "running");
        let request = self.ec2.describe_instances().filters(running);
        let pages = request.into_paginator().items().send();
        let found = self.pages(Action::DescribeInstances, "running", pages).await?;
        let instances = found.iter().flat_map(|it| it.instances());
        Ok(instances.filter_map(RunningMachine::read).collect())
    }
}
