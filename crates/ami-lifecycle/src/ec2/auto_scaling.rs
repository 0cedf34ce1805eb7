//! Auto Scaling groups that are made to start instances from another AMI, and what replaces the instances
//! that they have (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html>).

use std::time::Duration;

use aws_sdk_autoscaling::types::{
    DesiredConfiguration, InstanceRefresh, LaunchTemplateSpecification, MixedInstancesPolicy,
    RefreshPreferences,
};

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::consumer::RefreshOptions;

/// A group as it is.
#[derive(Debug, Clone)]
pub(crate) struct GroupToRoll {
    /// The launch template's id; `None` where the group has a launch configuration.
    pub(crate) template: Option<String>,
    /// A number, `$Default` or `$Latest`.
    pub(crate) version: String,
    /// Where the launch template is in a policy, all of that.
    policy: Option<MixedInstancesPolicy>,
    /// The launch template's id and version of each instance.
    pub(crate) instances: Vec<(String, String)>,
}

/// A replacement of a group's instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refresh {
    pub(crate) id: String,
    /// As Auto Scaling names it.
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    /// In percent.
    pub(crate) complete: i32,
    /// How many instances are left.
    pub(crate) left: i32,
    /// What the group is to start instances from after it: the launch template's id, and a version.
    pub(crate) desired: Option<(String, String)>,
}

impl Refresh {
    fn read(refresh: InstanceRefresh) -> Refresh {
        let desired = refresh
            .desired_configuration
            .unwrap_or_else(|| DesiredConfiguration::builder().build());
        let policy = desired.mixed_instances_policy.and_then(|it| it.launch_template);
        let specification = policy.and_then(|it| it.launch_template_specification);
        let specification = desired.launch_template.or(specification);
        let named = |it: LaunchTemplateSpecification| {
            Some((it.launch_template_id?, it.version.unwrap_or_default()))
        };
        Refresh {
            id: refresh.instance_refresh_id.unwrap_or_default(),
            status: refresh.status.map(|it| it.as_str().to_owned()).unwrap_or_default(),
            reason: refresh.status_reason,
            complete: refresh.percentage_complete.unwrap_or_default(),
            left: refresh.instances_to_update.unwrap_or_default(),
            desired: specification.and_then(named),
        }
    }

    /// It is still under way
    /// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceRefresh.html>).
    pub(crate) fn is_active(&self) -> bool {
        let active = ["Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress"];
        active.contains(&self.status.as_str())
    }

    /// It goes back to what was before.
    pub(crate) fn is_rollback(&self) -> bool {
        self.status == "RollbackInProgress"
    }

    /// It has replaced all.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.status == "Successful"
    }
}

impl GroupToRoll {
    fn read(group: aws_sdk_autoscaling::types::AutoScalingGroup) -> GroupToRoll {
        let in_policy = |policy: &MixedInstancesPolicy| {
            policy.launch_template.as_ref()?.launch_template_specification.clone()
        };
        let policy = group.mixed_instances_policy;
        let specification = group.launch_template.or_else(|| policy.as_ref().and_then(in_policy));
        let (template, version) = match specification {
            Some(it) => (it.launch_template_id, it.version),
            None => (None, None),
        };
        let instances = group.instances.unwrap_or_default().into_iter().filter_map(|it| {
            let it = it.launch_template?;
            Some((it.launch_template_id?, it.version?))
        });
        GroupToRoll {
            template,
            version: version.unwrap_or_else(|| "$Default".into()),
            policy,
            instances: instances.collect(),
        }
    }

    /// A group of a launch template and a version, with instances of these versions.
    #[cfg(test)]
    pub(crate) fn named(template: &str, version: &str, instances: &[&str]) -> GroupToRoll {
        let instances = instances.iter().map(|it| (template.to_owned(), (*it).to_owned()));
        GroupToRoll {
            template: Some(template.into()),
            version: version.into(),
            policy: None,
            instances: instances.collect(),
        }
    }

    /// The version is a number, which only an update of the group changes.
    pub(crate) fn is_pinned(&self) -> bool {
        !self.version.starts_with('$')
    }

    /// The AMI that an override of its policy names by itself.
    pub(crate) fn image_of_override(&self) -> Option<&str> {
        let template = self.policy.as_ref()?.launch_template.as_ref()?;
        template.overrides().iter().find_map(|it| it.image_id())
    }

    /// The same with another version.
    fn with(
        &self,
        version: i64,
    ) -> (Option<LaunchTemplateSpecification>, Option<MixedInstancesPolicy>) {
        let specification = LaunchTemplateSpecification::builder()
            .set_launch_template_id(self.template.clone())
            .version(version.to_string())
            .build();
        let Some(mut policy) = self.policy.clone() else { return (Some(specification), None) };
        if let Some(template) = &mut policy.launch_template {
            template.launch_template_specification = Some(specification);
            // Auto Scaling tells id and name, and takes one of the two.
            let overrides = template.overrides.iter_mut().flatten();
            for own in overrides.filter_map(|it| it.launch_template_specification.as_mut()) {
                own.launch_template_name.take_if(|_| own.launch_template_id.is_some());
            }
        }
        (None, Some(policy))
    }
}

fn preferences(options: &RefreshOptions, can_go_back: bool) -> RefreshPreferences {
    let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
    let checkpoints = Some(&options.checkpoints).filter(|it| !it.is_empty());
    RefreshPreferences::builder()
        .skip_matching(true)
        .auto_rollback(can_go_back)
        .set_min_healthy_percentage(options.min_healthy.map(i32::from))
        .set_max_healthy_percentage(options.max_healthy.map(i32::from))
        .set_instance_warmup(options.warmup.map(seconds))
        .set_checkpoint_percentages(
            checkpoints.map(|all| all.iter().map(|it| i32::from(*it)).collect()),
        )
        .set_checkpoint_delay(options.checkpoint_delay.map(seconds))
        .build()
}

impl Cloud {
    /// A group by its name; `None` where there is none.
    pub(crate) async fn group_to_roll(
        &self,
        name: &str,
    ) -> Result<Option<GroupToRoll>, CloudError> {
        let request = self.autoscaling.describe_auto_scaling_groups();
        let request = request.auto_scaling_group_names(name);
        let answer = self.call(Action::DescribeAutoScalingGroups, name, request.send()).await?;
        let group = answer.auto_scaling_groups.unwrap_or_default().into_iter().next();
        Ok(group.map(GroupToRoll::read))
    }

    /// The last replacement of a group's instances, or the one with this id.
    pub(crate) async fn refresh_of(
        &self,
        group: &str,
        id: Option<&str>,
    ) -> Result<Option<Refresh>, CloudError> {
        let request = self.autoscaling.describe_instance_refreshes().auto_scaling_group_name(group);
        let request = request.max_records(1);
        let request = request.set_instance_refresh_ids(id.map(|id| vec![id.to_owned()]));
        let answer =
            self.call(Action::DescribeInstanceRefreshes, (group, id), request.send()).await?;
        let refreshes = answer.instance_refreshes.unwrap_or_default();
        Ok(refreshes.into_iter().next().map(Refresh::read))
    }

    /// Lets a group start its next instances from a version of its launch template.
    pub(crate) async fn set_group_version(
        &self,
        name: &str,
        group: &GroupToRoll,
        version: i64,
    ) -> Result<(), CloudError> {
        let (template, policy) = group.with(version);
        let request = self.autoscaling.update_auto_scaling_group().auto_scaling_group_name(name);
        let request = request.set_launch_template(template).set_mixed_instances_policy(policy);
        let action = Action::UpdateAutoScalingGroup;
        self.call(action, (name, version), request.send()).await.map(drop)
    }

    /// Begins to replace a group's instances, and returns the replacement's id; `None` where one is under
    /// way already. Given a version, the group has it when that has gone well, and goes back to what it has
    /// now when it has not.
    pub(crate) async fn start_refresh(
        &self,
        name: &str,
        group: &GroupToRoll,
        version: Option<i64>,
        options: &RefreshOptions,
    ) -> Result<Option<String>, CloudError> {
        let desired = version.map(|version| {
            let (template, policy) = group.with(version);
            let desired = DesiredConfiguration::builder();
            desired.set_launch_template(template).set_mixed_instances_policy(policy).build()
        });
        let request = self
            .autoscaling
            .start_instance_refresh()
            .auto_scaling_group_name(name)
            .preferences(preferences(options, version.is_some()))
            .set_desired_configuration(desired);
        let answer = self.call(Action::StartInstanceRefresh, (name, version), request.send()).await;
        match answer {
            Ok(answer) => Ok(answer.instance_refresh_id),
            // Maybe by this very call, whose first answer was lost.
            Err(error) if error.code.as_deref() == Some("InstanceRefreshInProgress") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets the replacement that is under way go back.
    pub(crate) async fn roll_refresh_back(&self, name: &str) -> Result<(), CloudError> {
        let request = self.autoscaling.rollback_instance_refresh().auto_scaling_group_name(name);
        self.call(Action::RollbackInstanceRefresh, name, request.send()).await.map(drop)
    }
}
