//! Asking EC2 for a right by DryRun, so that nothing is done.

use std::time::{Duration, SystemTime};

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    ImageAttributeName, ImageUsageResourceTypeRequest, LaunchPermission,
    LaunchPermissionModifications, RequestLaunchTemplateData, Tag,
};

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;

/// Ids that no resource has.
const NO_INSTANCE: &str = "i-0123456789abcdef0";
pub(crate) const NO_IMAGE: &str = "ami-0123456789abcdef0";
const NO_SNAPSHOT: &str = "snap-0123456789abcdef0";
const NO_VOLUME: &str = "vol-0123456789abcdef0";
const NO_LAUNCH_TEMPLATE: &str = "lt-0123456789abcdef0";
const NO_KEY_PAIR: &str = "amiable-doctor";
const NO_GROUP: &str = "sg-0123456789abcdef0";
const NO_RULE: &str = "sgr-0123456789abcdef0";
/// A public key, for a DryRun that makes no key pair of it.
const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g doctor";

/// How the right to an action is found out.
pub(crate) enum Asked {
    /// By a DryRun, with this answer.
    ByDryRun(Result<(), CloudError>),
    /// By other checks, which call it.
    ByUse,
    /// Not at all: it has no DryRun.
    Never,
}

impl Cloud {
    /// Asks for the right to an action. The image is in the region `from`.
    pub(crate) async fn dry_run(&self, action: Action, from: &str, image: &str) -> Asked {
        let ec2 = &self.ec2;
        macro_rules! dry_run {
            ($request:expr) => {{ self.call(action, "by DryRun", $request.dry_run(true).send()).await.map(drop) }};
        }
        Asked::ByDryRun(match action {
            Action::AuthorizeSecurityGroupIngress => {
                let request = ec2.authorize_security_group_ingress().group_id(NO_GROUP);
                let request = request.ip_protocol("tcp").from_port(22).to_port(22);
                dry_run!(request.cidr_ip("192.0.2.1/32"))
            }
            Action::CopyImage => {
                let request = ec2.copy_image().source_image_id(image).source_region(from);
                dry_run!(request.name("amiable doctor"))
            }
            Action::CreateImage => {
                dry_run!(ec2.create_image().instance_id(NO_INSTANCE).name("amiable doctor"))
            }
            Action::CreateLaunchTemplateVersion => {
                let data = RequestLaunchTemplateData::builder().image_id(image).build();
                let request = ec2.create_launch_template_version().source_version("1");
                dry_run!(request.launch_template_id(NO_LAUNCH_TEMPLATE).launch_template_data(data))
            }
            Action::CreateSecurityGroup => {
                let request = ec2.create_security_group().group_name("amiable doctor");
                dry_run!(request.description("for a DryRun"))
            }
            Action::CreateTags => {
                let tag = Tag::builder().key("amiable:doctor").value("x").build();
                dry_run!(ec2.create_tags().resources(NO_IMAGE).tags(tag))
            }
            Action::DeleteKeyPair => dry_run!(ec2.delete_key_pair().key_name(NO_KEY_PAIR)),
            Action::DeleteSecurityGroup => dry_run!(ec2.delete_security_group().group_id(NO_GROUP)),
            Action::DeleteSnapshot => dry_run!(ec2.delete_snapshot().snapshot_id(NO_SNAPSHOT)),
            Action::DeleteTags => {
                let tag = Tag::builder().key("amiable:doctor").value("x").build();
                dry_run!(ec2.delete_tags().resources(NO_IMAGE).tags(tag))
            }
            Action::DeleteVolume => dry_run!(ec2.delete_volume().volume_id(NO_VOLUME)),
            Action::DeregisterImage => dry_run!(ec2.deregister_image().image_id(NO_IMAGE)),
            Action::DescribeImageAttribute => {
                let request = ec2.describe_image_attribute().image_id(image);
                dry_run!(request.attribute(ImageAttributeName::LaunchPermission))
            }
            Action::DescribeImageReferences => {
                let request = ec2.describe_image_references().image_ids(image);
                dry_run!(request.include_all_resource_types(true))
            }
            Action::DescribeInstanceConnectEndpoints => {
                dry_run!(ec2.describe_instance_connect_endpoints())
            }
            Action::DescribeInstances => dry_run!(ec2.describe_instances()),
            Action::DescribeKeyPairs => dry_run!(ec2.describe_key_pairs()),
            Action::DescribeLaunchTemplateVersions => {
                dry_run!(ec2.describe_launch_template_versions().versions("$Default"))
            }
            Action::DescribeRegions => dry_run!(ec2.describe_regions()),
            Action::DescribeSecurityGroupRules => dry_run!(ec2.describe_security_group_rules()),
            Action::DescribeSecurityGroups => dry_run!(ec2.describe_security_groups()),
            Action::DescribeSnapshots => dry_run!(ec2.describe_snapshots().owner_ids("self")),
            Action::DescribeSubnets => dry_run!(ec2.describe_subnets()),
            Action::CreateImageUsageReport => {
                let kind = ImageUsageResourceTypeRequest::builder().resource_type("ec2:Instance");
                let request = ec2.create_image_usage_report().image_id(NO_IMAGE);
                dry_run!(request.resource_types(kind.build()))
            }
            Action::DescribeImageUsageReportEntries => {
                dry_run!(ec2.describe_image_usage_report_entries())
            }
            Action::DescribeImageUsageReports => dry_run!(ec2.describe_image_usage_reports()),
            Action::DescribeVolumes => dry_run!(ec2.describe_volumes()),
            Action::DisableImage => dry_run!(ec2.disable_image().image_id(NO_IMAGE)),
            Action::DisableImageDeprecation => {
                dry_run!(ec2.disable_image_deprecation().image_id(NO_IMAGE))
            }
            Action::DisableImageDeregistrationProtection => {
                dry_run!(ec2.disable_image_deregistration_protection().image_id(NO_IMAGE))
            }
            Action::EnableImage => dry_run!(ec2.enable_image().image_id(NO_IMAGE)),
            Action::EnableImageDeprecation => {
                let soon = SystemTime::now() + Duration::from_secs(3600);
                let request = ec2.enable_image_deprecation().image_id(NO_IMAGE);
                dry_run!(request.deprecate_at(soon.into()))
            }
            Action::EnableImageDeregistrationProtection => {
                dry_run!(ec2.enable_image_deregistration_protection().image_id(NO_IMAGE))
            }
            Action::GetConsoleOutput => dry_run!(ec2.get_console_output().instance_id(NO_INSTANCE)),
            Action::ImportKeyPair => {
                let request = ec2.import_key_pair().key_name(NO_KEY_PAIR);
                dry_run!(request.public_key_material(Blob::new(PUBLIC_KEY)))
            }
            Action::ListImagesInRecycleBin => dry_run!(ec2.list_images_in_recycle_bin()),
            Action::ListSnapshotsInRecycleBin => dry_run!(ec2.list_snapshots_in_recycle_bin()),
            Action::ModifyImageAttribute => {
                let nobody = LaunchPermission::builder().user_id("000000000000").build();
                let nobody = LaunchPermissionModifications::builder().remove(nobody).build();
                dry_run!(ec2.modify_image_attribute().image_id(NO_IMAGE).launch_permission(nobody))
            }
            Action::ModifyLaunchTemplate => {
                let request = ec2.modify_launch_template().launch_template_id(NO_LAUNCH_TEMPLATE);
                dry_run!(request.default_version("1"))
            }
            Action::RestoreImageFromRecycleBin => {
                dry_run!(ec2.restore_image_from_recycle_bin().image_id(NO_IMAGE))
            }
            Action::RestoreSnapshotFromRecycleBin => {
                dry_run!(ec2.restore_snapshot_from_recycle_bin().snapshot_id(NO_SNAPSHOT))
            }
            Action::RevokeSecurityGroupIngress => {
                let request = ec2.revoke_security_group_ingress().group_id(NO_GROUP);
                dry_run!(request.security_group_rule_ids(NO_RULE))
            }
            Action::RunInstances => {
                let request = ec2.run_instances().image_id(image).instance_type("t3.micro".into());
                dry_run!(request.min_count(1).max_count(1))
            }
            Action::StopInstances => dry_run!(ec2.stop_instances().instance_ids(NO_INSTANCE)),
            Action::TerminateInstances => {
                dry_run!(ec2.terminate_instances().instance_ids(NO_INSTANCE))
            }
            Action::DescribeAutoScalingGroups
            | Action::DescribeAvailabilityZones
            | Action::DescribeImages
            | Action::DescribeInstanceTypes
            | Action::DescribeLaunchConfigurations
            | Action::DescribeVpcs
            | Action::GetAllowedImagesSettings
            | Action::GetAWSDefaultServiceQuota
            | Action::GetCallerIdentity
            | Action::GetParameter
            | Action::GetParameters
            | Action::GetServiceQuota => return Asked::ByUse,
            Action::CreateGrant
            | Action::Decrypt
            | Action::DescribeKey
            | Action::GenerateDataKeyWithoutPlaintext
            | Action::OpenTunnel
            | Action::PassRole
            | Action::PutParameter
            | Action::ReEncryptFrom
            | Action::ReEncryptTo
            | Action::StartSession => return Asked::Never,
        })
    }

    /// Calls what Auto Scaling has no DryRun for: it changes nothing.
    pub(crate) async fn try_auto_scaling(&self) -> [(Action, Result<(), CloudError>); 2] {
        let (groups, configurations) =
            (Action::DescribeAutoScalingGroups, Action::DescribeLaunchConfigurations);
        let client = &self.autoscaling;
        let one = client.describe_auto_scaling_groups().max_records(1);
        let other = client.describe_launch_configurations().max_records(1);
        [
            (groups, self.call(groups, "one", one.send()).await.map(drop)),
            (configurations, self.call(configurations, "one", other.send()).await.map(drop)),
        ]
    }
}
