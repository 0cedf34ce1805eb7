//! The table of actions: a new call is a row here, and the call itself.
//!
//! A row has the service, the action, what it does to resources, its pace, the commands that call it
//! whatever the templates say ([`Operation`](crate::model::operation::Operation)), and how the right
//! to it is found out: by a DryRun of a request, by its use in other checks, or never, as it has no
//! DryRun. Calls that depend on the templates stand in `operations/rights.rs`.

/// Gives all rows to a macro.
macro_rules! for_each_action {
    ($then:ident) => {
        $then! {
            "autoscaling" DescribeAutoScalingGroups Reads READS [Info Delete Prune Report Sweep] ByUse;
            "autoscaling" DescribeInstanceRefreshes Reads READS [] ByUse;
            "autoscaling" DescribeLaunchConfigurations Reads READS [Info Delete Prune Report Sweep] ByUse;
            "autoscaling" RollbackInstanceRefresh Changes WRITES [] Never;
            "autoscaling" StartInstanceRefresh Changes WRITES [] Never;
            "autoscaling" UpdateAutoScalingGroup Changes WRITES [] Never;
            "cloudformation" DescribeStackEvents Reads READS [] ByUse;
            "cloudformation" DescribeStacks Reads READS [] ByUse;
            "cloudformation" UpdateStack Changes WRITES [] Never;
            "ec2-instance-connect" OpenTunnel Reads READS [] Never;
            "ec2" AuthorizeSecurityGroupIngress MakesWithin WRITES [] (|ec2, _at|
                ec2.authorize_security_group_ingress().group_id(NO_GROUP).ip_protocol("tcp")
                    .from_port(22).to_port(22).cidr_ip("192.0.2.1/32"));
            "ec2" CopyImage Makes COPIES [] (|ec2, at|
                ec2.copy_image().source_image_id(at.image).source_region(at.region)
                    .name("amiable doctor"));
            "ec2" CreateImage Makes WRITES [Bake] (|ec2, _at|
                ec2.create_image().instance_id(NO_INSTANCE).name("amiable doctor"));
            // It counts, and changes no resource.
            "ec2" CreateImageUsageReport Reads WRITES [] (|ec2, _at| {
                let kind = ImageUsageResourceTypeRequest::builder().resource_type("ec2:Instance");
                ec2.create_image_usage_report().image_id(NO_IMAGE).resource_types(kind.build())
            });
            "ec2" CreateLaunchTemplateVersion Changes WRITES [] (|ec2, at| {
                let data = RequestLaunchTemplateData::builder().image_id(at.image).build();
                ec2.create_launch_template_version().launch_template_id(NO_LAUNCH_TEMPLATE)
                    .source_version("1").launch_template_data(data)
            });
            "ec2" CreateSecurityGroup Makes WRITES [] (|ec2, _at|
                ec2.create_security_group().group_name("amiable doctor")
                    .description("for a DryRun"));
            "ec2" CreateTags Changes TAGS [Bake Verify Rollback Delete Prune Restore Sweep Adopt] (|ec2, _at| {
                let tag = Tag::builder().key("amiable:doctor").value("x").build();
                ec2.create_tags().resources(NO_IMAGE).tags(tag)
            });
            "ec2" DeleteKeyPair Changes WRITES [Prune Sweep] (|ec2, _at|
                ec2.delete_key_pair().key_name(NO_KEY_PAIR));
            "ec2" DeleteSecurityGroup Changes WRITES [Prune Sweep] (|ec2, _at|
                ec2.delete_security_group().group_id(NO_GROUP));
            "ec2" DeleteSnapshot Changes FREQUENT [Bake Delete Prune Sweep] (|ec2, _at|
                ec2.delete_snapshot().snapshot_id(NO_SNAPSHOT));
            "ec2" DeleteTags Changes TAGS [] (|ec2, _at| {
                let tag = Tag::builder().key("amiable:doctor").value("x").build();
                ec2.delete_tags().resources(NO_IMAGE).tags(tag)
            });
            "ec2" DeleteVolume Changes WRITES [Prune Sweep] (|ec2, _at|
                ec2.delete_volume().volume_id(NO_VOLUME));
            "ec2" DeregisterImage Changes FREQUENT [Bake Delete Prune Sweep] (|ec2, _at|
                ec2.deregister_image().image_id(NO_IMAGE));
            "ec2" DescribeAvailabilityZones Reads READS [Doctor] ByUse;
            "ec2" DescribeImageAttribute Reads READS [Info Delete Prune] (|ec2, at|
                ec2.describe_image_attribute().image_id(at.image)
                    .attribute(ImageAttributeName::LaunchPermission));
            "ec2" DescribeImageReferences Reads READS [Info Delete Prune Report Sweep] (|ec2, at|
                ec2.describe_image_references().image_ids(at.image)
                    .include_all_resource_types(true));
            "ec2" DescribeImageUsageReportEntries Reads READS [] (|ec2, _at|
                ec2.describe_image_usage_report_entries());
            "ec2" DescribeImageUsageReports Reads READS [] (|ec2, _at|
                ec2.describe_image_usage_reports());
            "ec2" DescribeImages Reads READS [Bake Verify Plan Roll Look Info
                Rollback Delete Prune Report Restore Sweep Doctor Adopt] ByUse;
            "ec2" DescribeInstanceConnectEndpoints Reads READS [] (|ec2, _at|
                ec2.describe_instance_connect_endpoints());
            "ec2" DescribeInstanceTypes Reads READS [Doctor] ByUse;
            "ec2" DescribeInstances Reads READS [Bake Verify Roll Info Delete Prune Report Sweep Doctor Adopt] (|ec2, _at|
                ec2.describe_instances());
            "ec2" DescribeKeyPairs Reads READS [Prune Report Sweep] (|ec2, _at| ec2.describe_key_pairs());
            "ec2" DescribeLaunchTemplateVersions Reads READS [Info Delete Prune Report Sweep] (|ec2, _at|
                ec2.describe_launch_template_versions().versions("$Default"));
            "ec2" DescribeRegions Reads READS [Look] (|ec2, _at| ec2.describe_regions());
            "ec2" DescribeSecurityGroupRules Reads READS [Prune Report Sweep] (|ec2, _at|
                ec2.describe_security_group_rules());
            "ec2" DescribeSecurityGroups Reads READS [Prune Report Sweep] (|ec2, _at|
                ec2.describe_security_groups());
            "ec2" DescribeSnapshotAttribute Reads READS [] (|ec2, _at|
                ec2.describe_snapshot_attribute().snapshot_id(NO_SNAPSHOT)
                    .attribute(SnapshotAttributeName::CreateVolumePermission));
            "ec2" DescribeSnapshots Reads READS [Bake Delete Prune Report Sweep] (|ec2, _at|
                ec2.describe_snapshots().owner_ids("self"));
            "ec2" DescribeSubnets Reads READS [] (|ec2, _at| ec2.describe_subnets());
            "ec2" DescribeVolumes Reads READS [Prune Report Sweep] (|ec2, _at| ec2.describe_volumes());
            "ec2" DescribeVpcs Reads READS [Doctor] ByUse;
            "ec2" DisableImage Changes WRITES [Bake Verify] (|ec2, _at|
                ec2.disable_image().image_id(NO_IMAGE));
            "ec2" DisableImageDeprecation Changes WRITES [] (|ec2, _at|
                ec2.disable_image_deprecation().image_id(NO_IMAGE));
            "ec2" DisableImageDeregistrationProtection Changes WRITES [Delete] (|ec2, _at|
                ec2.disable_image_deregistration_protection().image_id(NO_IMAGE));
            "ec2" EnableImage Changes WRITES [Verify] (|ec2, _at|
                ec2.enable_image().image_id(NO_IMAGE));
            "ec2" EnableImageDeprecation Changes WRITES [] (|ec2, _at| {
                let soon = SystemTime::now() + Duration::from_secs(3600);
                ec2.enable_image_deprecation().image_id(NO_IMAGE).deprecate_at(soon.into())
            });
            "ec2" EnableImageDeregistrationProtection Changes WRITES [] (|ec2, _at|
                ec2.enable_image_deregistration_protection().image_id(NO_IMAGE));
            "ec2" GetAllowedImagesSettings Reads READS [Doctor] ByUse;
            "ec2" GetConsoleOutput Reads READS [Bake Verify] (|ec2, _at|
                ec2.get_console_output().instance_id(NO_INSTANCE));
            "ec2" ImportKeyPair Makes WRITES [] (|ec2, _at|
                ec2.import_key_pair().key_name(NO_KEY_PAIR)
                    .public_key_material(Blob::new(PUBLIC_KEY)));
            "ec2" ListImagesInRecycleBin Reads READS [Delete Prune Restore] (|ec2, _at|
                ec2.list_images_in_recycle_bin());
            "ec2" ListSnapshotsInRecycleBin Reads READS [Restore] (|ec2, _at|
                ec2.list_snapshots_in_recycle_bin());
            "ec2" ModifyImageAttribute Changes FREQUENT [] (|ec2, _at| {
                let nobody = LaunchPermission::builder().user_id("000000000000").build();
                let nobody = LaunchPermissionModifications::builder().remove(nobody).build();
                ec2.modify_image_attribute().image_id(NO_IMAGE).launch_permission(nobody)
            });
            "ec2" ModifyLaunchTemplate Changes WRITES [] (|ec2, _at|
                ec2.modify_launch_template().launch_template_id(NO_LAUNCH_TEMPLATE)
                    .default_version("1"));
            "ec2" ModifySnapshotAttribute Changes FREQUENT [] (|ec2, _at| {
                let nobody = CreateVolumePermission::builder().user_id("000000000000").build();
                let nobody = CreateVolumePermissionModifications::builder().remove(nobody).build();
                ec2.modify_snapshot_attribute().snapshot_id(NO_SNAPSHOT)
                    .create_volume_permission(nobody)
            });
            "ec2" RestoreImageFromRecycleBin Changes WRITES [Restore] (|ec2, _at|
                ec2.restore_image_from_recycle_bin().image_id(NO_IMAGE));
            "ec2" RestoreSnapshotFromRecycleBin Changes WRITES [Restore] (|ec2, _at|
                ec2.restore_snapshot_from_recycle_bin().snapshot_id(NO_SNAPSHOT));
            "ec2" RevokeSecurityGroupIngress Changes WRITES [Prune Sweep] (|ec2, _at|
                ec2.revoke_security_group_ingress().group_id(NO_GROUP)
                    .security_group_rule_ids(NO_RULE));
            "ec2" RunInstances Makes LAUNCHES [Bake Verify] (|ec2, at|
                ec2.run_instances().image_id(at.image).instance_type("t3.micro".into())
                    .min_count(1).max_count(1));
            "ec2" StopInstances Changes WRITES [Bake] (|ec2, _at|
                ec2.stop_instances().instance_ids(NO_INSTANCE));
            "ec2" TerminateInstances Changes FREQUENT [Bake Verify Prune Sweep] (|ec2, _at|
                ec2.terminate_instances().instance_ids(NO_INSTANCE));
            "iam" PassRole Reads READS [] Never;
            "kms" CreateGrant Makes WRITES [] Never;
            "kms" Decrypt Reads READS [] Never;
            "kms" DescribeKey Reads READS [] Never;
            "kms" GenerateDataKeyWithoutPlaintext Reads READS [] Never;
            "kms" ReEncryptFrom Reads READS [] Never;
            "kms" ReEncryptTo Reads READS [] Never;
            "servicequotas" GetAWSDefaultServiceQuota Reads READS [Doctor] ByUse;
            "servicequotas" GetServiceQuota Reads READS [Doctor] ByUse;
            "ssm" GetParameter Reads READS [] ByUse;
            "ssm" GetParameters Reads READS [] ByUse;
            "ssm" PutParameter Changes WRITES [] Never;
            "ssm" StartSession Makes WRITES [] Never;
            "sts" GetCallerIdentity Reads READS [] ByUse;
        }
    };
}

pub(crate) use for_each_action;
