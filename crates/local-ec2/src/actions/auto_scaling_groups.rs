//! Auto Scaling groups: create, update, delete, and how many instances they have
//! (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html>).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::launch::check_launch;
use super::launch_template_key::{Key, version_not_found};
use super::query::find;
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{AutoScalingGroup, GroupSource, GroupTag, State};
use crate::protocol::{Api, ApiError, ApiResult, Params, Reference, Xml};

/// What ends in these is a specification of a launch template.
const ID: &str = "LaunchTemplateId";
const NAME: &str = "LaunchTemplateName";

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

pub(super) fn find_group<'s>(
    state: &'s mut State,
    region: &str,
    name: &str,
) -> ApiResult<&'s mut AutoScalingGroup> {
    let group = state.auto_scaling_groups.get_mut(&AutoScalingGroup::key(region, name));
    group.ok_or_else(|| invalid(format!("AutoScalingGroup name not found - {name}")))
}

/// What a request says of where instances come from: one of the two, or nothing.
pub(super) fn decode_source(params: &Params) -> ApiResult<Option<GroupSource>> {
    let mut source = GroupSource::new();
    for whole in ["LaunchTemplate", "MixedInstancesPolicy"] {
        let below = params.all_below(whole).into_iter();
        let below: GroupSource =
            below.map(|(path, value)| (format!("{whole}.{path}"), value)).collect();
        if !below.is_empty() && !source.is_empty() {
            let message =
                "Valid requests must contain either LaunchTemplate or MixedInstancesPolicy";
            return Err(invalid(message));
        }
        source.extend(below);
    }
    Ok((!source.is_empty()).then_some(source))
}

/// Writes id, name and version into each specification, and has all of them looked at: an instance must
/// be able to start from it.
///
/// Whoever lets a group start instances must be allowed to start them
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html>).
pub(super) fn completed(
    call: &Call,
    state: &State,
    mut source: GroupSource,
) -> ApiResult<GroupSource> {
    let region = call.region.as_str();
    call.ec2.faults.authorize("RunInstances").map_err(|error| {
        let message = "You are not authorized to use the launch template".into();
        ApiError { message, ..error }
    })?;
    let paths: BTreeSet<String> = source
        .keys()
        .filter_map(|path| {
            let prefix = path.strip_suffix(ID).or_else(|| path.strip_suffix(NAME))?;
            Some(prefix.to_owned())
        })
        .collect();
    if paths.is_empty() {
        return Err(invalid("Valid requests must contain a launch template"));
    }
    for prefix in paths {
        let get = |name: &str| source.get(&format!("{prefix}{name}")).cloned();
        let key = match (get(ID), get(NAME)) {
            (Some(_), Some(_)) => {
                let message = "Valid requests must contain either launchTemplateId or \
                               launchTemplateName";
                return Err(invalid(message));
            }
            (Some(id), None) => Key::Id(id),
            (None, name) => Key::Name(name.unwrap_or_default()),
        };
        let unusable = |error: ApiError| {
            let why = error.message;
            invalid(format!("You must use a valid fully-formed launch template. {why}"))
        };
        let template = key.find(state, region).map_err(unusable)?;
        let wanted = get("Version").unwrap_or_else(|| "$Default".into());
        let version = template
            .version(&wanted)
            .ok_or_else(|| unusable(version_not_found(template, &wanted)))?;
        let launch = [
            ("LaunchTemplate.LaunchTemplateId", template.id.clone()),
            ("LaunchTemplate.Version", version.number.to_string()),
        ];
        check_launch(state, region, launch).map_err(unusable)?;
        let whole = [(ID, template.id.clone()), (NAME, template.name.clone()), ("Version", wanted)];
        source.extend(whole.map(|(name, value)| (format!("{prefix}{name}"), value)));
    }
    Ok(source)
}

/// `VPCZoneIdentifier`: subnets with commas in between.
fn decode_subnets(params: &Params) -> Option<Vec<String>> {
    let text = params.string("VPCZoneIdentifier")?;
    Some(text.split(',').map(|id| id.trim().to_owned()).collect())
}

fn check_subnets(state: &State, subnets: &[String]) -> ApiResult<()> {
    for id in subnets {
        find(&state.subnets, id)
            .map_err(|_| invalid(format!("The subnet ID '{id}' does not exist")))?;
    }
    Ok(())
}

/// The three sizes must fit.
fn check_sizes(group: &AutoScalingGroup) -> ApiResult<()> {
    let AutoScalingGroup { least, most, desired, .. } = *group;
    if least > most {
        return Err(invalid("Max bound, must be greater than or equal to min bound."));
    }
    if desired < least || desired > most {
        return Err(invalid(format!(
            "Desired capacity:{desired} must be between the specified min size:{least} and max size:{most}"
        )));
    }
    Ok(())
}

pub(super) struct CreateAutoScalingGroup {
    name: String,
    sizes: Sizes,
    source: GroupSource,
    subnets: Vec<String>,
    has_zones: bool,
    protects_new: bool,
    warmup: u32,
    tags: Vec<GroupTag>,
}

/// What a request says of sizes.
struct Sizes {
    least: Option<u32>,
    most: Option<u32>,
    desired: Option<u32>,
}

impl Sizes {
    fn decode(params: &Params) -> ApiResult<Sizes> {
        Ok(Sizes {
            least: params.parsed("MinSize")?,
            most: params.parsed("MaxSize")?,
            desired: params.parsed("DesiredCapacity")?,
        })
    }
}

impl Action for CreateAutoScalingGroup {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference = Reference {
        honours: &[
            "AutoScalingGroupName",
            "LaunchTemplate",
            "MixedInstancesPolicy",
            "MinSize",
            "MaxSize",
            "DesiredCapacity",
            "VPCZoneIdentifier",
            "NewInstancesProtectedFromScaleIn",
            "DefaultInstanceWarmup",
            "AvailabilityZones",
            "Tags",
        ],
        ignores: &[
            "CapacityRebalance",
            "DefaultCooldown",
            "HealthCheckGracePeriod",
            "HealthCheckType",
            "TerminationPolicies",
        ],
        notes: "Instances come from launch templates only, by the first override of a mixed instances policy. \
                They are started again a second after a launch that failed.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let tags = params.structures("Tags").into_iter().map(|tag| {
            // Of these groups there is one kind only.
            let (_, _) = (tag.string("ResourceId"), tag.string("ResourceType"));
            Ok(GroupTag {
                key: tag.required("Key")?,
                value: tag.string("Value").unwrap_or_default(),
                propagates: tag.parsed("PropagateAtLaunch")?.unwrap_or(true),
            })
        });
        let source = decode_source(params)?;
        let missing = "Valid requests must contain either launchTemplate, LaunchConfigurationName, \
                       InstanceId or MixedInstancesPolicy parameter.";
        Ok(CreateAutoScalingGroup {
            name: params.required("AutoScalingGroupName")?,
            sizes: Sizes::decode(params)?,
            source: source.ok_or_else(|| invalid(missing))?,
            subnets: decode_subnets(params).unwrap_or_default(),
            has_zones: !params.list("AvailabilityZones").is_empty(),
            protects_new: params.flag("NewInstancesProtectedFromScaleIn")?,
            warmup: params.parsed("DefaultInstanceWarmup")?.unwrap_or_default(),
            tags: tags.collect::<ApiResult<_>>()?,
        })
    }

    fn run(self, call: &Call, _: &mut Xml) -> ApiResult<()> {
        let key = AutoScalingGroup::key(&call.region, &self.name);
        call.ec2.change(|state| {
            if state.auto_scaling_groups.get(&key).is_some() {
                let message = "AutoScalingGroup by this name already exists - A group with the name \
                               already exists";
                return Err(ApiError::new("AlreadyExists", message));
            }
            check_subnets(state, &self.subnets)?;
            if self.subnets.is_empty() && !self.has_zones {
                let message = "At least one Availability Zone or VPC Subnet is required.";
                return Err(invalid(message));
            }
            let least = self.sizes.least.ok_or_else(|| ApiError::missing("MinSize"))?;
            let most = self.sizes.most.ok_or_else(|| ApiError::missing("MaxSize"))?;
            let group = AutoScalingGroup {
                key: key.clone(),
                region: call.region.clone(),
                name: self.name.clone(),
                created: Timestamp::now(),
                least,
                most,
                desired: self.sizes.desired.unwrap_or(least),
                source: completed(call, state, self.source.clone())?,
                subnets: self.subnets.clone(),
                protects_new: self.protects_new,
                warmup: self.warmup,
                instances: Vec::new(),
                tags: self.tags.clone(),
                is_deleting: false,
                activities: Vec::new(),
                refreshes: Vec::new(),
                failures: 0,
                not_before: None,
            };
            check_sizes(&group)?;
            state.auto_scaling_groups.insert(group);
            Ok(())
        })
    }
}

pub(super) struct UpdateAutoScalingGroup {
    name: String,
    sizes: Sizes,
    source: Option<GroupSource>,
    subnets: Option<Vec<String>>,
    protects_new: Option<bool>,
    warmup: Option<u32>,
}

impl Action for UpdateAutoScalingGroup {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference = Reference {
        honours: &[
            "AutoScalingGroupName",
            "LaunchTemplate",
            "MixedInstancesPolicy",
            "MinSize",
            "MaxSize",
            "DesiredCapacity",
            "VPCZoneIdentifier",
            "NewInstancesProtectedFromScaleIn",
            "DefaultInstanceWarmup",
        ],
        ignores: &[
            "AvailabilityZones",
            "CapacityRebalance",
            "DefaultCooldown",
            "HealthCheckGracePeriod",
            "HealthCheckType",
            "TerminationPolicies",
        ],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(UpdateAutoScalingGroup {
            name: params.required("AutoScalingGroupName")?,
            sizes: Sizes::decode(params)?,
            source: decode_source(params)?,
            subnets: decode_subnets(params),
            protects_new: params.parsed("NewInstancesProtectedFromScaleIn")?,
            warmup: params.parsed("DefaultInstanceWarmup")?,
        })
    }

    fn run(self, call: &Call, _: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            let source = self.source.clone().map(|it| completed(call, state, it)).transpose()?;
            check_subnets(state, self.subnets.as_deref().unwrap_or_default())?;
            let group = find_group(state, &call.region, &self.name)?;
            if let Some(source) = source {
                let refresh = group.active_refresh();
                if refresh.is_some_and(|it| it.desired.is_some()) {
                    let message = "An active instance refresh with a desired configuration exists. All \
                                   configuration options derived from the desired configuration are not \
                                   available for update while the instance refresh is active.";
                    return Err(invalid(message));
                }
                group.source = source;
            }
            group.least = self.sizes.least.unwrap_or(group.least);
            group.most = self.sizes.most.unwrap_or(group.most);
            let fitted = || group.desired.clamp(group.least, group.most.max(group.least));
            group.desired = self.sizes.desired.unwrap_or_else(fitted);
            group.protects_new = self.protects_new.unwrap_or(group.protects_new);
            group.warmup = self.warmup.unwrap_or(group.warmup);
            if let Some(subnets) = self.subnets.clone() {
                group.subnets = subnets;
            }
            group.not_before = None;
            check_sizes(group)
        })
    }
}

pub(super) struct SetDesiredCapacity(String, u32);

impl Action for SetDesiredCapacity {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference = Reference {
        honours: &["AutoScalingGroupName", "DesiredCapacity"],
        ignores: &["HonorCooldown"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let desired = params.parsed("DesiredCapacity")?;
        let desired = desired.ok_or_else(|| ApiError::missing("DesiredCapacity"))?;
        Ok(SetDesiredCapacity(params.required("AutoScalingGroupName")?, desired))
    }

    fn run(self, call: &Call, _: &mut Xml) -> ApiResult<()> {
        let SetDesiredCapacity(name, desired) = self;
        call.ec2.change(|state| {
            let group = find_group(state, &call.region, &name)?;
            group.desired = desired;
            check_sizes(group)
        })
    }
}

pub(super) struct SetInstanceProtection {
    name: String,
    instances: Vec<String>,
    is_protected: bool,
}

impl Action for SetInstanceProtection {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference = Reference {
        honours: &["AutoScalingGroupName", "InstanceIds", "ProtectedFromScaleIn"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let is_protected = params.parsed("ProtectedFromScaleIn")?;
        Ok(SetInstanceProtection {
            name: params.required("AutoScalingGroupName")?,
            instances: params.list("InstanceIds"),
            is_protected: is_protected.ok_or_else(|| ApiError::missing("ProtectedFromScaleIn"))?,
        })
    }

    fn run(self, call: &Call, _: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            let group = find_group(state, &call.region, &self.name)?;
            for id in &self.instances {
                let instance = group.instances.iter_mut().find(|it| it.id == *id);
                let instance = instance.ok_or_else(|| {
                    invalid(format!(
                        "The instance {id} is not part of Auto Scaling group {}.",
                        self.name
                    ))
                })?;
                instance.is_protected = self.is_protected;
            }
            Ok(())
        })
    }
}

pub(super) struct DeleteAutoScalingGroup {
    name: String,
    force: bool,
}

impl Action for DeleteAutoScalingGroup {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference =
        Reference { honours: &["AutoScalingGroupName", "ForceDelete"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        let name = params.required("AutoScalingGroupName")?;
        Ok(DeleteAutoScalingGroup { name, force: params.flag("ForceDelete")? })
    }

    fn run(self, call: &Call, _: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            let group = find_group(state, &call.region, &self.name)?;
            if !self.force && !group.instances.is_empty() {
                let message = "You cannot delete an AutoScalingGroup while there are instances or pending \
                               Spot instance request(s) still in the group.";
                return Err(ApiError::new("ResourceInUse", message));
            }
            group.is_deleting = true;
            Ok(())
        })
    }
}

/// The launch template's specification that instances start from, and the type that overrides its own.
pub(crate) fn specification(source: &GroupSource) -> (BTreeMap<&str, &str>, Option<&str>) {
    let below = |prefix: &str| -> BTreeMap<&str, &str> {
        let below = source
            .iter()
            .filter_map(|(path, value)| Some((path.strip_prefix(prefix)?, value.as_str())));
        below.collect()
    };
    let plain = below("LaunchTemplate.");
    if !plain.is_empty() {
        return (plain, None);
    }
    const POLICY: &str = "MixedInstancesPolicy.LaunchTemplate.";
    let own = below(&format!("{POLICY}Overrides.1.LaunchTemplateSpecification."));
    let kind = source.get(&format!("{POLICY}Overrides.1.InstanceType")).map(String::as_str);
    let common = below(&format!("{POLICY}LaunchTemplateSpecification."));
    (if own.is_empty() { common } else { own }, kind)
}
