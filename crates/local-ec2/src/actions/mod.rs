//! The actions: one file a kind of resource. Each action is a type that is decoded
//! from the parameters and then run.

mod account;
mod action;
mod allowed_images;
mod auto_scaling_answers;
mod auto_scaling_groups;
mod block_devices;
mod connect_endpoints;
mod encryption;
mod identity;
mod image_attributes;
mod image_deprecation;
mod image_protection;
mod image_states;
mod images;
mod instance_answer;
mod instance_attributes;
mod instance_refreshes;
mod instance_status;
mod instance_types;
mod instances;
mod key_pairs;
mod launch;
mod launch_options;
mod launch_template_data;
mod launch_template_key;
mod launch_template_versions;
mod launch_templates;
mod network;
mod new_images;
mod parameters;
mod places;
mod query;
mod recycle_bin;
mod register_image;
mod security_groups;
mod security_rules;
mod snapshot_attributes;
mod snapshots;
mod spot;
mod subnets;
mod tags;
mod usage_reports;
mod volume_type;
mod volumes;

pub(crate) use auto_scaling_groups::specification;
pub(crate) use launch::launch_one;
pub(crate) use new_images::{NewImage, check_image_name, insert_image};

use crate::actions::action::{Action, JsonAction};
use crate::actions::query::missing;
use crate::ec2::Call;
use crate::protocol::{Api, ApiError, ApiResult, Params, Reference, Xml};
use crate::throttle::Demand;

/// Decodes and runs one action and writes its whole answer.
fn perform<A: Action>(
    call: &Call,
    params: Params,
    name: &str,
    request_id: &str,
) -> ApiResult<String> {
    let params = A::complete(call, params)?;
    let action = A::decode(&params)?;
    let dry_run = params.flag("DryRun")?;
    params.finish(&A::REFERENCE).inspect_err(|error| tracing::warn!("{name}: {error}"))?;
    if dry_run {
        return Err(ApiError::dry_run());
    }
    let mut xml = Xml::new();
    let mut outcome = Ok(());
    xml.root(&format!("{name}Response"), &A::API.namespace(), |xml| match A::API {
        Api::Ec2 => {
            xml.text("requestId", request_id);
            outcome = action.run(call, xml);
        }
        _ => {
            xml.node(&format!("{name}Result"), |xml| outcome = action.run(call, xml));
            xml.node("ResponseMetadata", |xml| xml.text("RequestId", request_id));
        }
    });
    outcome.map(|()| xml.finish())
}

/// The same for an action that answers in JSON.
fn perform_json<A: JsonAction>(call: &Call, params: &Params, name: &str) -> ApiResult<String> {
    let action = A::decode(params)?;
    params.finish(&A::REFERENCE).inspect_err(|error| tracing::warn!("{name}: {error}"))?;
    action.run(call).map(|answer| answer.to_string())
}

macro_rules! actions {
    (
        xml { $($name:literal => $kind:ty,)* }
        json { $($json_name:literal => $json_kind:ty,)* }
    ) => {
        /// Answers one request.
        pub(crate) fn dispatch(
            call: &Call,
            params: Params,
            name: &str,
            request_id: &str,
        ) -> ApiResult<String> {
            match name {
                $($name => perform::<$kind>(call, params, name, request_id),)*
                $($json_name => perform_json::<$json_kind>(call, &params, name),)*
                _ => Err(invalid_action(name)),
            }
        }

        /// Every action, the API that it is of, and what it takes, by name.
        pub(crate) const REFERENCES: &[(&str, Api, Reference)] = &[
            $(($name, <$kind as Action>::API, <$kind as Action>::REFERENCE),)*
            $(($json_name, Api::Ssm, <$json_kind as JsonAction>::REFERENCE),)*
        ];
    };
}

/// Refuses an action that an API has not, or that is not served.
pub(crate) fn check_known(api: Api, name: &str) -> ApiResult<()> {
    if name.is_empty() {
        return Err(ApiError::new("MissingAction", "The request is missing an action"));
    }
    let mut known = REFERENCES.iter().filter(|(_, of, _)| *of == api);
    if known.any(|(it, _, _)| *it == name) { Ok(()) } else { Err(invalid_action(name)) }
}

actions! {
xml {
    "AuthorizeSecurityGroupEgress" => security_rules::AuthorizeSecurityGroupEgress,
    "AuthorizeSecurityGroupIngress" => security_rules::AuthorizeSecurityGroupIngress,
    "CancelInstanceRefresh" => instance_refreshes::CancelInstanceRefresh,
    "CopyImage" => new_images::CopyImage,
    "CreateAutoScalingGroup" => auto_scaling_groups::CreateAutoScalingGroup,
    "CreateImage" => new_images::CreateImage,
    "CreateImageUsageReport" => usage_reports::CreateImageUsageReport,
    "CreateInstanceConnectEndpoint" => connect_endpoints::CreateInstanceConnectEndpoint,
    "CreateKeyPair" => key_pairs::CreateKeyPair,
    "CreateLaunchTemplate" => launch_templates::CreateLaunchTemplate,
    "CreateLaunchTemplateVersion" => launch_templates::CreateLaunchTemplateVersion,
    "CreateSecurityGroup" => security_groups::CreateSecurityGroup,
    "CreateSnapshot" => snapshots::CreateSnapshot,
    "CreateSubnet" => subnets::CreateSubnet,
    "CreateTags" => tags::CreateTags,
    "DeleteAutoScalingGroup" => auto_scaling_groups::DeleteAutoScalingGroup,
    "DeleteInstanceConnectEndpoint" => connect_endpoints::DeleteInstanceConnectEndpoint,
    "DeleteKeyPair" => key_pairs::DeleteKeyPair,
    "DeleteLaunchTemplate" => launch_templates::DeleteLaunchTemplate,
    "DeleteLaunchTemplateVersions" => launch_templates::DeleteLaunchTemplateVersions,
    "DeleteSecurityGroup" => security_groups::DeleteSecurityGroup,
    "DeleteSnapshot" => snapshots::DeleteSnapshot,
    "DeleteSubnet" => subnets::DeleteSubnet,
    "DeleteTags" => tags::DeleteTags,
    "DeleteVolume" => volumes::DeleteVolume,
    "DeregisterImage" => images::DeregisterImage,
    "DescribeAccountAttributes" => account::DescribeAccountAttributes,
    "DescribeAutoScalingGroups" => auto_scaling_answers::DescribeAutoScalingGroups,
    "DescribeAutoScalingInstances" => auto_scaling_answers::DescribeAutoScalingInstances,
    "DescribeAvailabilityZones" => places::DescribeAvailabilityZones,
    "DescribeImageAttribute" => image_attributes::DescribeImageAttribute,
    "DescribeImageReferences" => image_protection::DescribeImageReferences,
    "DescribeImageUsageReportEntries" => usage_reports::DescribeImageUsageReportEntries,
    "DescribeImageUsageReports" => usage_reports::DescribeImageUsageReports,
    "DescribeImages" => images::DescribeImages,
    "DescribeInstanceAttribute" => instance_attributes::DescribeInstanceAttribute,
    "DescribeInstanceConnectEndpoints" => connect_endpoints::DescribeInstanceConnectEndpoints,
    "DescribeInstanceRefreshes" => instance_refreshes::DescribeInstanceRefreshes,
    "DescribeInstanceStatus" => instance_status::DescribeInstanceStatus,
    "DescribeInstanceTypeOfferings" => instance_types::DescribeInstanceTypeOfferings,
    "DescribeInstanceTypes" => instance_types::DescribeInstanceTypes,
    "DescribeInstances" => instances::DescribeInstances,
    "DescribeKeyPairs" => key_pairs::DescribeKeyPairs,
    "DescribeLaunchConfigurations" => auto_scaling_answers::DescribeLaunchConfigurations,
    "DescribeLaunchTemplateVersions" => launch_template_versions::DescribeLaunchTemplateVersions,
    "DescribeLaunchTemplates" => launch_templates::DescribeLaunchTemplates,
    "DescribeRegions" => places::DescribeRegions,
    "DescribeScalingActivities" => auto_scaling_answers::DescribeScalingActivities,
    "DescribeSecurityGroupRules" => security_rules::DescribeSecurityGroupRules,
    "DescribeSecurityGroups" => security_groups::DescribeSecurityGroups,
    "DescribeSnapshotAttribute" => snapshot_attributes::DescribeSnapshotAttribute,
    "DescribeSnapshots" => snapshots::DescribeSnapshots,
    "DescribeSpotInstanceRequests" => spot::DescribeSpotInstanceRequests,
    "DescribeSubnets" => subnets::DescribeSubnets,
    "DescribeTags" => tags::DescribeTags,
    "DescribeVolumes" => volumes::DescribeVolumes,
    "DescribeVpcs" => network::DescribeVpcs,
    "DisableAllowedImagesSettings" => allowed_images::DisableAllowedImagesSettings,
    "DisableImage" => image_states::DisableImage,
    "DisableImageDeprecation" => image_deprecation::DisableImageDeprecation,
    "DisableImageDeregistrationProtection" =>
        image_protection::DisableImageDeregistrationProtection,
    "EnableAllowedImagesSettings" => allowed_images::EnableAllowedImagesSettings,
    "EnableImage" => image_states::EnableImage,
    "EnableImageDeprecation" => image_deprecation::EnableImageDeprecation,
    "EnableImageDeregistrationProtection" => image_protection::EnableImageDeregistrationProtection,
    "GetAllowedImagesSettings" => allowed_images::GetAllowedImagesSettings,
    "GetCallerIdentity" => identity::GetCallerIdentity,
    "GetConsoleOutput" => instances::GetConsoleOutput,
    "ImportKeyPair" => key_pairs::ImportKeyPair,
    "ListImagesInRecycleBin" => recycle_bin::ListImagesInRecycleBin,
    "ListSnapshotsInRecycleBin" => recycle_bin::ListSnapshotsInRecycleBin,
    "ModifyImageAttribute" => image_attributes::ModifyImageAttribute,
    "ModifyInstanceAttribute" => instance_attributes::ModifyInstanceAttribute,
    "ModifyLaunchTemplate" => launch_templates::ModifyLaunchTemplate,
    "ModifySnapshotAttribute" => snapshot_attributes::ModifySnapshotAttribute,
    "ModifySubnetAttribute" => subnets::ModifySubnetAttribute,
    "RebootInstances" => instances::RebootInstances,
    "RegisterImage" => register_image::RegisterImage,
    "ReplaceImageCriteriaInAllowedImagesSettings" =>
        allowed_images::ReplaceImageCriteriaInAllowedImagesSettings,
    "ResetImageAttribute" => image_attributes::ResetImageAttribute,
    "ResetSnapshotAttribute" => snapshot_attributes::ResetSnapshotAttribute,
    "RestoreImageFromRecycleBin" => recycle_bin::RestoreImageFromRecycleBin,
    "RestoreSnapshotFromRecycleBin" => recycle_bin::RestoreSnapshotFromRecycleBin,
    "RevokeSecurityGroupEgress" => security_rules::RevokeSecurityGroupEgress,
    "RevokeSecurityGroupIngress" => security_rules::RevokeSecurityGroupIngress,
    "RollbackInstanceRefresh" => instance_refreshes::RollbackInstanceRefresh,
    "RunInstances" => launch::RunInstances,
    "SetDesiredCapacity" => auto_scaling_groups::SetDesiredCapacity,
    "SetInstanceProtection" => auto_scaling_groups::SetInstanceProtection,
    "StartInstanceRefresh" => instance_refreshes::StartInstanceRefresh,
    "StartInstances" => instances::StartInstances,
    "StopInstances" => instances::StopInstances,
    "TerminateInstances" => instances::TerminateInstances,
    "UpdateAutoScalingGroup" => auto_scaling_groups::UpdateAutoScalingGroup,
}
json {
    "DeleteParameter" => parameters::DeleteParameter,
    "GetParameter" => parameters::GetParameter,
    "GetParameters" => parameters::GetParameters,
    "PutParameter" => parameters::PutParameter,
}
}

fn invalid_action(name: &str) -> ApiError {
    tracing::warn!("the action {name} is not served here");
    ApiError::new("InvalidAction", format!("The action {name} is not valid for this web service."))
}

/// What a call takes from the buckets that throttle it.
pub(crate) fn demand<'a>(name: &'a str, parameters: &[(String, String)]) -> Demand<'a> {
    let has = |prefix: &str| parameters.iter().any(|(key, _)| key.starts_with(prefix));
    let instances = match name {
        "RunInstances" => {
            let most = parameters.iter().find(|(key, _)| key == "MaxCount");
            most.and_then(|(_, count)| count.parse().ok()).unwrap_or(1)
        }
        _ => parameters.iter().filter(|(key, _)| key.starts_with("InstanceId.")).count(),
    };
    Demand {
        action: name,
        unfiltered: !has("Filter.") && !has("MaxResults"),
        instances: instances.try_into().unwrap_or(u32::MAX),
    }
}

/// Refuses a call that names a resource which is in another region, or which, as on EC2, is
/// not known everywhere yet.
pub(crate) fn check_all_found(call: &Call, parameters: &[(String, String)]) -> ApiResult<()> {
    let mut named = parameters.iter().filter(|(key, _)| names_resources(key));
    let is_elsewhere = |key: &str, id: &str| {
        let region = call.ec2.read(|state| state.region_of(id).map(str::to_owned));
        // CopyImage says itself where its source is.
        key != "SourceImageId" && region.is_some_and(|it| !it.is_empty() && it != call.region)
    };
    let unknown = named
        .find(|(key, value)| call.ec2.is_not_found_yet(value) || is_elsewhere(key.as_str(), value));
    match unknown {
        Some((_, id)) => Err(missing(id)),
        None => Ok(()),
    }
}

/// Whether a parameter has ids of resources that are to be there.
fn names_resources(parameter: &str) -> bool {
    let mut words = parameter.split('.').filter(|word| word.parse::<u32>().is_err());
    let last = words.next_back().unwrap_or_default();
    let first = words.next().unwrap_or(last);
    !matches!(first, "Filter" | "LaunchTemplateData")
        && last.ends_with("Id")
        && !matches!(last, "KmsKeyId" | "UserId" | "ZoneId")
}
