//! Attributes of instances.

use super::instances::{incorrect_state, write_attachments, write_groups};
use super::launch::check_user_data;
use super::query::{find, find_mut, required_id};
use super::security_groups::find_group;
use super::{Action, Call};
use crate::instance_type::InstanceType;
use crate::model::{Instance, InstanceState, ShutdownBehavior, State};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// The attributes that are told; the last ones never differ here.
const ATTRIBUTES: [&str; 10] = [
    "blockDeviceMapping",
    "disableApiTermination",
    "groupSet",
    "instanceInitiatedShutdownBehavior",
    "instanceType",
    "rootDeviceName",
    "userData",
    "ebsOptimized",
    "enaSupport",
    "sourceDestCheck",
];

pub(super) struct DescribeInstanceAttribute {
    id: String,
    attribute: String,
}

impl Action for DescribeInstanceAttribute {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceId", "Attribute"],
        notes: "Attributes: blockDeviceMapping, disableApiTermination, ebsOptimized, enaSupport, \
                groupSet, instanceInitiatedShutdownBehavior, instanceType, rootDeviceName, \
                sourceDestCheck, userData.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let attribute = params.required("Attribute")?;
        if !ATTRIBUTES.contains(&attribute.as_str()) {
            return Err(ApiError::invalid_value("attribute", &attribute));
        }
        let id = required_id::<Instance>(params, "InstanceId")?;
        Ok(DescribeInstanceAttribute { id, attribute })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let instance = find(&state.instances, &self.id)?;
            xml.text("instanceId", &instance.id);
            write(xml, state, instance, &self.attribute);
            Ok(())
        })
    }
}

fn write(xml: &mut Xml, state: &State, instance: &Instance, attribute: &str) {
    let value = match attribute {
        "blockDeviceMapping" => return write_attachments(xml, state, instance),
        "groupSet" => return write_groups(xml, state, instance),
        "disableApiTermination" => Some(instance.termination_protected.to_string()),
        "instanceInitiatedShutdownBehavior" => Some(instance.shutdown_behavior.name().to_owned()),
        "instanceType" => Some(instance.instance_type.clone()),
        "rootDeviceName" => Some(instance.root_device_name.clone()),
        "userData" => instance.user_data.clone(),
        "ebsOptimized" => Some("false".into()),
        _ => Some("true".into()),
    };
    xml.node(attribute, |xml| xml.option("value", value));
}

/// What is to be changed.
#[derive(Default)]
pub(super) struct ModifyInstanceAttribute {
    id: String,
    instance_type: Option<String>,
    user_data: Option<String>,
    shutdown_behavior: Option<ShutdownBehavior>,
    termination_protected: Option<bool>,
    groups: Vec<String>,
    /// Devices, and whether each is to be deleted on termination.
    devices: Vec<(String, bool)>,
    /// Something was asked for that makes no difference here.
    means_nothing: bool,
}

impl Action for ModifyInstanceAttribute {
    const REFERENCE: Reference = Reference {
        honours: &[
            "InstanceId",
            "Attribute",
            "Value",
            "InstanceType.Value",
            "UserData.Value",
            "InstanceInitiatedShutdownBehavior.Value",
            "DisableApiTermination.Value",
            "GroupId",
            "BlockDeviceMapping.DeviceName",
            "BlockDeviceMapping.Ebs.DeleteOnTermination",
            "EbsOptimized.Value",
            "EnaSupport.Value",
            "SourceDestCheck.Value",
            "SriovNetSupport.Value",
        ],
        notes: "EbsOptimized, EnaSupport, SourceDestCheck and SriovNetSupport are accepted and \
                mean nothing. Type and user data change while the instance is stopped.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let named = params.string("Attribute").zip(params.string("Value"));
        // An attribute has a parameter of its own, or stands beside its value.
        let value = |parameter: &str, attribute: &str| {
            let own = params.structure(parameter).string("Value");
            own.or_else(|| {
                named.as_ref().filter(|(name, _)| name == attribute).map(|(_, value)| value.clone())
            })
        };
        let mut change = ModifyInstanceAttribute {
            id: required_id::<Instance>(params, "InstanceId")?,
            instance_type: value("InstanceType", "instanceType"),
            user_data: value("UserData", "userData"),
            groups: params.list("GroupId"),
            ..Self::default()
        };
        if let Some(text) = value("DisableApiTermination", "disableApiTermination") {
            let flag = text.parse();
            let flag = flag.map_err(|_| ApiError::invalid_value("disableApiTermination", &text))?;
            change.termination_protected = Some(flag);
        }
        let behavior =
            value("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior");
        change.shutdown_behavior =
            behavior.map(|text| ShutdownBehavior::parse(&text)).transpose()?;
        for mapping in params.structures("BlockDeviceMapping") {
            let delete = mapping.structure("Ebs").required("DeleteOnTermination")?;
            let delete = delete.parse();
            let delete = delete.map_err(|_| ApiError::invalid_value("DeleteOnTermination", ""))?;
            change.devices.push((mapping.required("DeviceName")?, delete));
        }
        for name in ["ebsOptimized", "enaSupport", "sourceDestCheck", "sriovNetSupport"] {
            let parameter = name[..1].to_uppercase() + &name[1..];
            change.means_nothing |= value(&parameter, name).is_some();
        }
        change.check()?;
        Ok(change)
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            let groups = self.groups.iter();
            let groups =
                groups.map(|id| Ok(find_group(state, &call.region, Some(id), None)?.id.clone()));
            let groups = groups.collect::<ApiResult<Vec<_>>>()?;
            self.apply(find_mut(&mut state.instances, &self.id)?, groups)
        })?;
        call.ec2.refresh_gates();
        xml.text("return", true);
        Ok(())
    }
}

impl ModifyInstanceAttribute {
    fn is_empty(&self) -> bool {
        self.instance_type.is_none()
            && self.user_data.is_none()
            && self.shutdown_behavior.is_none()
            && self.termination_protected.is_none()
            && self.groups.is_empty()
            && self.devices.is_empty()
            && !self.means_nothing
    }

    fn check(&self) -> ApiResult<()> {
        // An attribute that is not known here leaves nothing to be changed.
        if self.is_empty() {
            return Err(ApiError::combination("No attributes specified."));
        }
        if let Some(name) = &self.instance_type
            && InstanceType::parse(name).is_none()
        {
            return Err(ApiError::invalid_value("instanceType", name));
        }
        self.user_data.as_deref().map_or(Ok(()), check_user_data)
    }

    fn apply(&self, instance: &mut Instance, groups: Vec<String>) -> ApiResult<()> {
        let wants_stopped = self.instance_type.is_some() || self.user_data.is_some();
        if wants_stopped && instance.state != InstanceState::Stopped {
            return Err(incorrect_state(instance, "modified in this way"));
        }
        if let Some(name) = &self.instance_type {
            instance.instance_type.clone_from(name);
        }
        if let Some(text) = &self.user_data {
            instance.user_data = Some(text.clone());
        }
        if let Some(behavior) = self.shutdown_behavior {
            instance.shutdown_behavior = behavior;
        }
        if let Some(protected) = self.termination_protected {
            instance.termination_protected = protected;
        }
        if !groups.is_empty() {
            instance.groups = groups;
        }
        for (device, delete) in &self.devices {
            let attachment = instance.attachments.iter_mut().find(|it| it.device == *device);
            let attachment = attachment.ok_or_else(|| {
                let message = format!("No device is currently mapped at {device}");
                ApiError::new("InvalidInstanceAttributeValue", message)
            })?;
            attachment.delete_on_termination = *delete;
        }
        Ok(())
    }
}
