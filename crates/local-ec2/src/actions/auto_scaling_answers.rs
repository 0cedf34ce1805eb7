//! What Auto Scaling tells of its groups, of their instances, and of what it did.

use super::query::{Page, newest_first};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{
    Activity, AutoScalingGroup, GroupInstance, GroupSource, InstanceState, LifecycleState, State,
};
use crate::network;
use crate::protocol::{Api, ApiResult, Params, Reference, Xml};

/// The rows of a page are at most so many.
fn decode_page(params: &Params) -> ApiResult<Page> {
    Page::decode_as(params, "MaxRecords")
}

/// Writes parameters as the Query protocol answers with them: numbers are members of lists.
pub(super) fn write_parameters(xml: &mut Xml, parameters: &GroupSource) {
    let rows: Vec<(Vec<&str>, &str)> = parameters
        .iter()
        .map(|(path, value)| (path.split('.').collect(), value.as_str()))
        .collect();
    write_rows(xml, &rows);
}

fn write_rows(xml: &mut Xml, rows: &[(Vec<&str>, &str)]) {
    let mut at = 0;
    while let Some((path, value)) = rows.get(at) {
        let Some(name) = path.first() else { return xml.value(value) };
        let same = rows[at..].iter().take_while(|(path, _)| path.first() == Some(name));
        let below: Vec<(Vec<&str>, &str)> =
            same.map(|(path, value)| (path[1..].to_vec(), *value)).collect();
        at += below.len();
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        xml.node(if is_number { "member" } else { name }, |xml| write_rows(xml, &below));
    }
}

pub(super) struct DescribeAutoScalingGroups {
    names: Vec<String>,
    page: Page,
}

impl Action for DescribeAutoScalingGroups {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference = Reference {
        honours: &["AutoScalingGroupNames", "MaxRecords", "NextToken"],
        notes: "There are no filters.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let names = params.list("AutoScalingGroupNames");
        Ok(DescribeAutoScalingGroups { names, page: decode_page(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let is_meant = |it: &&AutoScalingGroup| {
                it.region == call.region && (self.names.is_empty() || self.names.contains(&it.name))
            };
            let rows = state.auto_scaling_groups.iter().filter(is_meant).collect();
            let (rows, token) = self.page.cut(rows, |it| &it.name)?;
            xml.members("AutoScalingGroups", rows, |xml, group| write_group(xml, state, group));
            xml.option("NextToken", token);
            Ok(())
        })
    }
}

fn write_group(xml: &mut Xml, state: &State, group: &AutoScalingGroup) {
    let path = format!("autoScalingGroup:{}:autoScalingGroupName/{}", group.key, group.name);
    xml.text("AutoScalingGroupName", &group.name);
    xml.text("AutoScalingGroupARN", network::arn("autoscaling", &group.region, &path));
    write_parameters(xml, &group.source);
    xml.text("MinSize", group.least);
    xml.text("MaxSize", group.most);
    xml.text("DesiredCapacity", group.desired);
    xml.text("DefaultCooldown", 300);
    xml.text("DefaultInstanceWarmup", group.warmup);
    xml.members("AvailabilityZones", [network::zone(&group.region)], |xml, zone| xml.value(zone));
    xml.text("VPCZoneIdentifier", group.subnets.join(","));
    xml.text("HealthCheckType", "EC2");
    xml.text("HealthCheckGracePeriod", 0);
    xml.time("CreatedTime", group.created);
    xml.text("NewInstancesProtectedFromScaleIn", group.protects_new);
    if group.is_deleting {
        xml.text("Status", "Delete in progress");
    }
    xml.members("Tags", &group.tags, |xml, tag| {
        xml.text("ResourceId", &group.name);
        xml.text("ResourceType", "auto-scaling-group");
        xml.text("Key", &tag.key);
        xml.text("Value", &tag.value);
        xml.text("PropagateAtLaunch", tag.propagates);
    });
    xml.members("Instances", &group.instances, |xml, it| write_instance(xml, state, group, it));
}

fn write_instance(xml: &mut Xml, state: &State, group: &AutoScalingGroup, it: &GroupInstance) {
    let machine = state.instances.get(&it.id).map(|machine| machine.state);
    let is_healthy = matches!(machine, Some(InstanceState::Pending | InstanceState::Running));
    let healthy =
        if is_healthy || it.state == LifecycleState::Terminating { "Healthy" } else { "Unhealthy" };
    let (id, name, version) = &it.template;
    xml.text("InstanceId", &it.id);
    xml.text("InstanceType", &it.instance_type);
    xml.text("AvailabilityZone", network::zone(&group.region));
    xml.text("LifecycleState", it.state.name());
    xml.text("HealthStatus", healthy);
    xml.node("LaunchTemplate", |xml| {
        xml.text("LaunchTemplateId", id);
        xml.text("LaunchTemplateName", name);
        xml.text("Version", version);
    });
    xml.text("ProtectedFromScaleIn", it.is_protected);
}

pub(super) struct DescribeAutoScalingInstances {
    ids: Vec<String>,
    page: Page,
}

impl Action for DescribeAutoScalingInstances {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference =
        Reference { honours: &["InstanceIds", "MaxRecords", "NextToken"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        let ids = params.list("InstanceIds");
        Ok(DescribeAutoScalingInstances { ids, page: decode_page(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let groups = state.auto_scaling_groups.iter().filter(|it| it.region == call.region);
            let all: Vec<(&AutoScalingGroup, &GroupInstance)> = groups
                .flat_map(|group| group.instances.iter().map(move |it| (group, it)))
                .filter(|(_, it)| self.ids.is_empty() || self.ids.contains(&it.id))
                .collect();
            let (rows, token) = self.page.cut(all.iter().collect(), |(_, it)| &it.id)?;
            xml.members("AutoScalingInstances", rows, |xml, (group, it)| {
                write_instance(xml, state, group, it);
                xml.text("AutoScalingGroupName", &group.name);
            });
            xml.option("NextToken", token);
            Ok(())
        })
    }
}

pub(super) struct DescribeScalingActivities {
    name: Option<String>,
    page: Page,
}

impl Action for DescribeScalingActivities {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference = Reference {
        honours: &["AutoScalingGroupName", "MaxRecords", "NextToken"],
        defaults: &[("IncludeDeletedGroups", "false")],
        notes: "The last 100 of each group, each at its end.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let name = params.string("AutoScalingGroupName");
        Ok(DescribeScalingActivities { name, page: decode_page(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let groups = state.auto_scaling_groups.iter().filter(|it| {
                it.region == call.region && self.name.as_ref().is_none_or(|name| *name == it.name)
            });
            let all = groups.flat_map(|group| group.activities.iter().map(move |it| (group, it)));
            let all: Vec<(String, &AutoScalingGroup, &Activity)> =
                all.map(|(group, it)| (newest_first(it.at, &it.id), group, it)).collect();
            let (rows, token) = self.page.cut(all.iter().collect(), |(key, _, _)| key)?;
            xml.members("Activities", rows, |xml, (_, group, it)| {
                xml.text("ActivityId", &it.id);
                xml.text("AutoScalingGroupName", &group.name);
                xml.text("Description", &it.description);
                xml.text("Cause", &it.cause);
                xml.time("StartTime", it.at);
                xml.time("EndTime", it.at);
                xml.text("StatusCode", if it.failure.is_some() { "Failed" } else { "Successful" });
                xml.option("StatusMessage", it.failure.as_ref());
                xml.text("Progress", 100);
            });
            xml.option("NextToken", token);
            Ok(())
        })
    }
}

/// There are none: accounts that are new since 2023 cannot make any, either
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-configurations.html>).
pub(super) struct DescribeLaunchConfigurations;

impl Action for DescribeLaunchConfigurations {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference = Reference {
        ignores: &["LaunchConfigurationNames", "MaxRecords", "NextToken"],
        notes: "There are no launch configurations.",
        ..Reference::NONE
    };

    fn decode(_: &Params) -> ApiResult<Self> {
        Ok(DescribeLaunchConfigurations)
    }

    fn run(self, _: &Call, xml: &mut Xml) -> ApiResult<()> {
        xml.members("LaunchConfigurations", [] as [&str; 0], |xml, it| xml.value(it));
        Ok(())
    }
}
