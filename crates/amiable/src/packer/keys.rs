//! Every key of Packer's `amazon-ebs` builder, with what amiable has for it: the import, its report and
//! the table in docs/ are made from it
//! (<https://developer.hashicorp.com/packer/integrations/hashicorp/amazon/latest/components/builder/ebs>).

/// What amiable has for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// A key, which the import writes.
    Taken,
    /// Nothing needs to be said: it does this by itself.
    Own,
    /// Nothing, or something else.
    Not,
}

use How::{Not, Own, Taken};

/// A key, how it is dealt with, and what it is here; in Markdown.
pub(crate) type Row = (&'static str, How, &'static str);

/// Keys of blocks inside have the block's name before them.
pub(crate) static KEYS: &[Row] = &[
    // Access.
    ("access_key", Not, "credentials are never in the file: the SDK's credential chain finds them"),
    ("secret_key", Not, "credentials are never in the file: the SDK's credential chain finds them"),
    ("token", Not, "credentials are never in the file: the SDK's credential chain finds them"),
    ("profile", Taken, "`profile` under `[cloud]`"),
    ("shared_credentials_file", Not, "`AWS_SHARED_CREDENTIALS_FILE` in the environment"),
    ("region", Taken, "`region` under `[cloud]`"),
    ("custom_endpoint_ec2", Taken, "`endpoint` under `[cloud]`"),
    ("assume_role", Not, "an AWS profile with `role_arn`, named by `profile` under `[cloud]`"),
    (
        "mfa_code",
        Not,
        "the AWS profile asks for it through its `credential_process`, or use `aws sso login`",
    ),
    ("vault_aws_engine", Not, "an AWS profile with a `credential_process`"),
    ("max_retries", Own, "calls are repeated and paced"),
    ("decode_authorization_messages", Not, "`aws sts decode-authorization-message` does that"),
    ("insecure_skip_tls_verify", Not, "certificates are always verified: `AWS_CA_BUNDLE` adds one"),
    ("skip_metadata_api_check", Own, "nothing to skip"),
    ("skip_credential_validation", Own, "nothing to skip"),
    ("aws_polling", Own, "waits end by `timeouts`"),
    // AMI.
    ("ami_name", Taken, "`pattern` under `[naming]`"),
    ("ami_description", Taken, "`description`"),
    ("ami_virtualization_type", Own, "the AMI has it from its base"),
    ("ami_users", Taken, "`share_with`"),
    ("ami_groups", Not, "amiable makes no AMI public"),
    ("ami_org_arns", Taken, "`share_with`"),
    ("ami_ou_arns", Taken, "`share_with`"),
    ("ami_product_codes", Not, "amiable publishes nothing in AWS Marketplace"),
    ("ami_regions", Taken, "`regions`"),
    ("skip_region_validation", Own, "nothing to skip"),
    ("snapshot_copy_duration_minutes", Not, "time-based copies are not used"),
    ("tags", Taken, "`metadata`"),
    ("tag", Taken, "`metadata`"),
    ("ena_support", Own, "the AMI has it from its base"),
    ("sriov_support", Own, "the AMI has it from its base"),
    (
        "force_deregister",
        Own,
        "names have a generation; a `pattern` without one takes the name from the AMI before",
    ),
    ("force_delete_snapshot", Own, "`amiable prune` deletes AMIs with their snapshots"),
    ("encrypt_boot", Taken, "`encrypt`"),
    ("kms_key_id", Taken, "`encrypt`"),
    ("region_kms_key_ids", Taken, "`encrypt`"),
    ("skip_save_build_region", Not, "the AMI is in the region where it was baked, too"),
    ("imds_support", Taken, "`imds_support`"),
    ("deprecate_at", Not, "`deprecate_after`, which counts from the AMI's creation"),
    ("snapshot_tags", Own, "snapshots have the AMI's tags"),
    ("snapshot_tag", Own, "snapshots have the AMI's tags"),
    ("snapshot_users", Taken, "`snapshot_users`"),
    ("snapshot_groups", Not, "amiable makes no snapshot public"),
    ("deregistration_protection", Taken, "`deregistration_protection`"),
    ("skip_create_ami", Not, "`amiable create --no-ami` does that for one bake"),
    ("skip_ami_run_tags", Own, "the AMI has none of `run_tags`"),
    // Volumes.
    ("launch_block_device_mappings", Taken, "`volume` and `volumes`"),
    ("ami_block_device_mappings", Not, "the AMI has the builder's volumes: see `volumes`"),
    (
        "launch_block_device_mappings.device_name",
        Taken,
        "`device` of `volumes`; the root device is `volume`",
    ),
    ("launch_block_device_mappings.volume_size", Taken, "`size`"),
    ("launch_block_device_mappings.volume_type", Taken, "`type`"),
    ("launch_block_device_mappings.iops", Taken, "`iops`"),
    ("launch_block_device_mappings.throughput", Taken, "`throughput`"),
    ("launch_block_device_mappings.volume_initialization_rate", Taken, "`initialization_rate`"),
    ("launch_block_device_mappings.snapshot_id", Taken, "`snapshot`"),
    ("launch_block_device_mappings.delete_on_termination", Own, "a builder's volumes go with it"),
    ("launch_block_device_mappings.encrypted", Taken, "`encrypt`, for all volumes"),
    ("launch_block_device_mappings.kms_key_id", Not, "`encrypt` names the key for all volumes"),
    ("launch_block_device_mappings.omit_from_artifact", Taken, "`keep = false`"),
    ("launch_block_device_mappings.no_device", Not, "a device of the base cannot be left out"),
    ("launch_block_device_mappings.virtual_name", Not, "instance store volumes are not mapped"),
    ("run_volume_tags", Taken, "`run_tags`"),
    ("run_volume_tag", Taken, "`run_tags`"),
    ("no_ephemeral", Not, "for Windows"),
    ("fast_launch", Not, "for Windows"),
    ("ebs_optimized", Own, "current instance types always are"),
    // The instance.
    ("source_ami", Taken, "`base`"),
    ("source_ami_filter", Taken, "`base` by `owner`, `name` and `tags`"),
    ("instance_type", Taken, "`instance_type`"),
    ("iam_instance_profile", Taken, "`instance_profile`"),
    ("skip_profile_validation", Own, "nothing to skip"),
    (
        "temporary_iam_instance_profile_policy_document",
        Not,
        "make an instance profile, and name it by `instance_profile`",
    ),
    ("subnet_id", Taken, "`subnet`"),
    ("subnet_filter", Taken, "`subnet` by `tags`"),
    ("vpc_id", Own, "the subnet decides"),
    ("vpc_filter", Not, "`subnet` names the subnets, by id or by tags"),
    ("availability_zone", Not, "`subnet` decides on the zone"),
    ("associate_public_ip_address", Taken, "`public_ip`"),
    ("security_group_id", Taken, "`security_groups`"),
    ("security_group_ids", Taken, "`security_groups`"),
    ("security_group_filter", Taken, "`security_groups` by `tags`"),
    ("temporary_security_group_source_cidr", Taken, "`ssh_from`"),
    ("temporary_security_group_source_cidrs", Taken, "`ssh_from`"),
    (
        "temporary_security_group_source_public_ip",
        Own,
        "amiable's own security group allows the address under which AWS sees this machine",
    ),
    ("user_data", Taken, "`user_data`, in a file"),
    ("user_data_file", Taken, "`user_data`"),
    ("metadata_options", Taken, "`hop_limit`; tokens are always required"),
    ("run_tags", Taken, "`run_tags`"),
    ("run_tag", Taken, "`run_tags`"),
    ("spot_price", Taken, "`spot`"),
    ("spot_price_auto_product", Own, "`spot = true` pays at most the On-Demand price"),
    ("spot_instance_types", Taken, "`instance_type`"),
    ("spot_allocation_strategy", Own, "the first instance type with capacity is taken"),
    ("spot_tags", Taken, "`run_tags`"),
    ("spot_tag", Taken, "`run_tags`"),
    ("block_duration_minutes", Not, "EC2 does not offer it any more"),
    ("fleet_tags", Not, "no fleet is used: `run_tags` is for instances"),
    ("fleet_tag", Not, "no fleet is used: `run_tags` is for instances"),
    ("shutdown_behavior", Own, "a builder that shuts down is terminated"),
    ("disable_stop_instance", Not, "amiable stops the builder before the image is created"),
    ("enable_nitro_enclave", Not, "not supported"),
    ("enable_t2_unlimited", Not, "the account's default holds"),
    ("enable_unlimited_credits", Not, "the account's default holds"),
    ("capacity_reservation_preference", Own, "open reservations are used"),
    ("capacity_reservation_id", Not, "not supported"),
    ("capacity_reservation_group_arn", Not, "not supported"),
    ("license_specifications", Not, "not supported"),
    ("placement", Not, "not supported"),
    ("tenancy", Not, "not supported"),
    ("windows_password_timeout", Not, "for Windows"),
    // The connection.
    ("communicator", Own, "amiable uses SSH"),
    ("ssh_interface", Taken, "`address`, or `connect`"),
    ("session_manager_port", Own, "a free one is used"),
    ("pause_before_ssm", Own, "amiable waits for the connection"),
    ("ssh_host", Not, "the address is that of the instance"),
    ("ssh_port", Taken, "`ssh_port`"),
    ("ssh_username", Taken, "`ssh_user`"),
    ("ssh_password", Not, "amiable logs in with a key"),
    ("ssh_keypair_name", Taken, "`key_pair`"),
    ("ssh_private_key_file", Taken, "`ssh_key_file`"),
    ("temporary_key_pair_name", Own, "each bake has a key of its own"),
    ("temporary_key_pair_type", Own, "each bake has an Ed25519 key of its own"),
    ("temporary_key_pair_bits", Own, "each bake has an Ed25519 key of its own"),
    ("ssh_certificate_file", Not, "not supported"),
    ("ssh_agent_auth", Not, "amiable reads the key's file: `ssh_key_file`"),
    ("ssh_disable_agent_forwarding", Own, "no agent is forwarded"),
    ("ssh_pty", Not, "scripts run without a terminal, and do not depend on the connection"),
    ("ssh_timeout", Taken, "`timeouts = { boot = … }`"),
    ("ssh_wait_timeout", Taken, "`timeouts = { boot = … }`"),
    ("ssh_handshake_attempts", Own, "amiable tries until `timeouts.boot`"),
    ("ssh_keep_alive_interval", Own, "a lost connection is made again"),
    ("ssh_read_write_timeout", Own, "a lost connection is made again"),
    ("ssh_ciphers", Own, "current ones are used"),
    ("ssh_key_exchange_algorithms", Own, "current ones are used"),
    ("ssh_clear_authorized_keys", Own, "sealing removes the bake's key"),
    ("ssh_file_transfer_method", Own, "files come in one archive"),
    ("ssh_bastion_host", Taken, "`connect = { bastion = … }`"),
    ("ssh_bastion_username", Taken, "`connect = { bastion = … }`"),
    ("ssh_bastion_port", Not, "`~/.ssh/config` has the port of the bastion"),
    ("ssh_bastion_password", Not, "`ssh` asks for no password: use a key"),
    ("ssh_bastion_interactive", Not, "`ssh` asks for no password: use a key"),
    ("ssh_bastion_agent_auth", Own, "`ssh` uses the agent"),
    ("ssh_bastion_private_key_file", Not, "`~/.ssh/config` has the bastion's key"),
    ("ssh_bastion_certificate_file", Not, "`~/.ssh/config` has the bastion's certificate"),
    ("ssh_proxy_host", Not, "`connect = { command = […] }` runs any program"),
    ("ssh_proxy_port", Not, "`connect = { command = […] }` runs any program"),
    ("ssh_proxy_username", Not, "`connect = { command = […] }` runs any program"),
    ("ssh_proxy_password", Not, "`connect = { command = […] }` runs any program"),
    ("ssh_remote_tunnels", Not, "not supported"),
    ("ssh_local_tunnels", Not, "not supported"),
    ("ssh_public_key", Own, "each bake has a key of its own"),
    ("ssh_private_key", Own, "each bake has a key of its own"),
    ("pause_before_connecting", Own, "amiable waits for cloud-init"),
    ("winrm_username", Not, "for Windows"),
    ("winrm_password", Not, "for Windows"),
    ("winrm_host", Not, "for Windows"),
    ("winrm_port", Not, "for Windows"),
    ("winrm_timeout", Not, "for Windows"),
    ("winrm_use_ssl", Not, "for Windows"),
    ("winrm_insecure", Not, "for Windows"),
    ("winrm_use_ntlm", Not, "for Windows"),
    ("winrm_no_proxy", Not, "for Windows"),
];

/// What amiable has for a key.
pub(crate) fn row(name: &str) -> Option<&'static Row> {
    KEYS.iter().find(|(key, ..)| *key == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The keys of packer-plugin-amazon 5028903 (2026-07-15), with those of its blocks.
    const LIST: &str = include_str!("../../tests/cli/packer/keys.txt");

    #[test]
    fn every_key_of_amazon_ebs_is_dealt_with() {
        let short = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
        let all: BTreeSet<&str> = KEYS.iter().map(|(key, ..)| short(key)).collect();
        let missing: Vec<&str> = LIST.lines().filter(|it| !all.contains(it)).collect();
        assert_eq!(missing, Vec::<&str>::new());
        let mut seen = BTreeSet::new();
        assert!(KEYS.iter().all(|(key, ..)| seen.insert(key)), "none is there twice");
    }

    /// docs/reference/packer-keys.md is written by this test.
    #[test]
    fn the_table_in_the_documents_is_what_the_import_does() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/packer-keys.md");
        let text = markdown();
        if std::env::var_os("AMIABLE_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "docs/reference/packer-keys.md is to be written anew");
    }

    fn markdown() -> String {
        let count = |wanted: How| KEYS.iter().filter(|(_, how, _)| *how == wanted).count();
        let mut text = format!(
            "# Packer's keys\n\nEvery key of Packer's `amazon-ebs` builder, and what `amiable packer import` makes \
             of it. The tests write\nthis page from the code. Of {} keys, {} become keys of amiable's, {} need nothing \
             because amiable does that by\nitself, and {} have no counterpart: the import reports them.\n\n\
             | Packer | | amiable |\n|---|---|---|\n",
            KEYS.len(),
            count(Taken),
            count(Own),
            count(Not)
        );
        for (key, how, what) in KEYS {
            let how = match how {
                Taken => "taken over",
                Own => "by itself",
                Not => "reported",
            };
            text += &format!("| `{key}` | {how} | {what} |\n");
        }
        text
    }
}
