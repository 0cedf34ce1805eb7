//! Attributes of instances.

use super::image_attributes::attribute_name;
use super::instance_answer::{write_attachments, write_groups};
use super::instances::incorrect_state;
use super::launch_options::normal_user_data;
use super::query::{find, find_mut, required_id};
use crate::actions::action::Action;
use crate::actions::query::find_group;
use crate::ec2::Call;
use crate::instance_type::InstanceType;
use crate::model::{Instance, InstanceState, ShutdownBehavior, State};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml, parse};

/// The attributes that are told.
const ATTRIBUTES: [&str; 12] = [
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
    "sriovNetSupport",
    "disableApiStop",
];

pub(super) struct DescribeInstanceAttribute {
    id: String,
    attribute: String,
}

impl Action for DescribeInstanceAttribute {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceId", "Attribute"],
        notes: "Attributes: all but enclaveOptions, kernel, productCodes and ramdisk.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let attribute = attribute_name(&params.required("Attribute")?);
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
        "ebsOptimized" => Some(instance.options.ebs_optimized.to_string()),
        "enaSupport" => Some(instance.options.ena_support.to_string()),
        "sriovNetSupport" => instance.options.sriov.clone(),
        "sourceDestCheck" => Some(instance.options.source_dest_check.to_string()),
        _ => Some("false".into()),
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
    ebs_optimized: Option<bool>,
    ena_support: Option<bool>,
    source_dest_check: Option<bool>,
    sriov: Option<String>,
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
        notes: "EbsOptimized, EnaSupport, SourceDestCheck and SriovNetSupport are stored and returned, and have no other effect. Type, user data and the first two of these change while \
                the instance is stopped.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let named = params.string("Attribute").map(|text| attribute_name(&text));
        let named = named.zip(params.string("Value"));
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
            user_data: value("UserData", "userData")
                .map(|text| normal_user_data(&text))
                .transpose()?,
            groups: params.list("GroupId"),
            ..Self::default()
        };
        let flag = |parameter: &str, attribute: &str| {
            let invalid = |text: String| ApiError::invalid_value(attribute, &text);
            let text = value(parameter, attribute);
            text.map(|text| parse::<bool>(&text).ok_or_else(|| invalid(text))).transpose()
        };
        change.termination_protected = flag("DisableApiTermination", "disableApiTermination")?;
        change.ebs_optimized = flag("EbsOptimized", "ebsOptimized")?;
        change.ena_support = flag("EnaSupport", "enaSupport")?;
        change.source_dest_check = flag("SourceDestCheck", "sourceDestCheck")?;
        change.sriov = value("SriovNetSupport", "sriovNetSupport");
        if let Some(text) = change.sriov.as_ref().filter(|text| *text != "simple") {
            return Err(ApiError::invalid_value("sriovNetSupport", text));
        }
        let behavior =
            value("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior");
        change.shutdown_behavior =
            behavior.map(|text| ShutdownBehavior::parse(&text)).transpose()?;
        for mapping in params.structures("BlockDeviceMapping") {
            let delete = mapping.structure("Ebs").required("DeleteOnTermination")?;
            let delete = parse(&delete)
                .ok_or_else(|| ApiError::invalid_value("DeleteOnTermination", &delete))?;
            change.devices.push((mapping.required("DeviceName")?, delete));
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
            && self.ebs_optimized.is_none()
            && self.ena_support.is_none()
            && self.source_dest_check.is_none()
            && self.sriov.is_none()
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
        Ok(())
    }

    fn apply(&self, instance: &mut Instance, groups: Vec<String>) -> ApiResult<()> {
        let wants_stopped = self.instance_type.is_some()
            || self.user_data.is_some()
            || self.ebs_optimized.is_some()
            || self.ena_support.is_some();
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
        let options = &mut instance.options;
        options.ebs_optimized = self.ebs_optimized.unwrap_or(options.ebs_optimized);
        options.ena_support = self.ena_support.unwrap_or(options.ena_support);
        options.source_dest_check = self.source_dest_check.unwrap_or(options.source_dest_check);
        options.sriov = self.sriov.clone().or(options.sriov.take());
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
