//! Which actions each command calls, and the IAM policy that allows these and no others. A
//! test runs the commands with these rights alone, and counts that all are called.

mod policy;

use std::collections::BTreeSet;

pub use self::policy::{PolicyRequest, policy};
use crate::consumer::Consumer;
use crate::naming::Pattern;
use crate::reach::{AddressKind, Connect};
use crate::template::{Base, HostKey, KeyPair, Template};

/// What a person does with amiable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// `create` and `update`.
    Bake,
    /// `verify`.
    Verify,
    /// `plan`.
    Plan,
    /// `list`.
    Look,
    /// `info`.
    Info,
    /// `roll`.
    Roll,
    /// `rollback`.
    Rollback,
    /// `delete`.
    Delete,
    /// `prune`.
    Prune,
    /// `sweep`.
    Sweep,
    /// `doctor`.
    Doctor,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 11] = [
        Operation::Bake,
        Operation::Verify,
        Operation::Plan,
        Operation::Look,
        Operation::Info,
        Operation::Roll,
        Operation::Rollback,
        Operation::Delete,
        Operation::Prune,
        Operation::Sweep,
        Operation::Doctor,
    ];

    /// What it calls, whatever the templates say, in IAM's words.
    fn always(self) -> &'static [&'static str] {
        match self {
            Operation::Bake => &[
                "ec2:CreateImage",
                "ec2:CreateTags",
                "ec2:DeleteSnapshot",
                "ec2:DeregisterImage",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeSnapshots",
                "ec2:RunInstances",
                "ec2:StopInstances",
                "ec2:TerminateInstances",
            ],
            Operation::Verify => &[
                "ec2:CreateTags",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:RunInstances",
                "ec2:TerminateInstances",
            ],
            Operation::Plan | Operation::Roll => &["ec2:DescribeImages"],
            Operation::Look => &["ec2:DescribeImages", "ec2:DescribeRegions"],
            Operation::Info => &[
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeLaunchConfigurations",
                "ec2:DescribeImageAttribute",
                "ec2:DescribeImageReferences",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplateVersions",
            ],
            Operation::Rollback => &["ec2:CreateTags", "ec2:DescribeImages"],
            Operation::Delete => &[
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeLaunchConfigurations",
                "ec2:CreateTags",
                "ec2:DeleteSnapshot",
                "ec2:DeregisterImage",
                "ec2:DescribeImageReferences",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeSnapshots",
                "ec2:DisableImageDeregistrationProtection",
            ],
            Operation::Prune => &[
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeLaunchConfigurations",
                "ec2:CreateTags",
                "ec2:DeleteKeyPair",
                "ec2:DeleteSecurityGroup",
                "ec2:DeleteSnapshot",
                "ec2:DeleteVolume",
                "ec2:DeregisterImage",
                "ec2:DescribeImageReferences",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeKeyPairs",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeSecurityGroupRules",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSnapshots",
                "ec2:DescribeVolumes",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:TerminateInstances",
            ],
            Operation::Sweep => &[
                "ec2:CreateTags",
                "ec2:DeleteKeyPair",
                "ec2:DeleteSecurityGroup",
                "ec2:DeleteSnapshot",
                "ec2:DeleteVolume",
                "ec2:DeregisterImage",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeKeyPairs",
                "ec2:DescribeSecurityGroupRules",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSnapshots",
                "ec2:DescribeVolumes",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:TerminateInstances",
            ],
            Operation::Doctor => &[
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeVpcs",
                "servicequotas:GetAWSDefaultServiceQuota",
                "servicequotas:GetServiceQuota",
            ],
        }
    }

    /// What it calls for these templates, in IAM's words.
    #[must_use]
    pub fn actions(self, templates: &[Template], pattern: &Pattern) -> BTreeSet<&'static str> {
        let mut actions: BTreeSet<&'static str> = self.always().iter().copied().collect();
        let any = |is_so: fn(&Template) -> bool| templates.iter().any(is_so);
        let starts = matches!(self, Operation::Bake | Operation::Verify);
        if starts && any(|it| it.key_pair == KeyPair::Temporary) {
            actions.extend(["ec2:ImportKeyPair", "ec2:DeleteKeyPair"]);
        }
        let own_group = any(|it| it.security_groups.is_empty());
        if starts && own_group {
            actions.extend(OWN_GROUP);
        }
        if self == Operation::Doctor && any(|it| !it.security_groups.is_empty()) {
            actions.insert("ec2:DescribeSecurityGroups");
        }
        if starts && own_group && any(|it| it.subnet.is_some()) {
            actions.insert("ec2:DescribeSubnets");
        }
        actions.extend(self.reach_actions(templates));
        if starts && any(|it| it.host_key == HostKey::Console || it.agent.is_some()) {
            actions.insert("ec2:GetConsoleOutput");
        }
        if starts && any(|it| it.instance_profile.is_some()) {
            actions.insert("iam:PassRole");
        }
        let resolves = matches!(self, Operation::Bake | Operation::Doctor);
        if resolves && any(|it| matches!(it.base, Base::Ssm(_))) {
            actions.insert("ssm:GetParameter");
        }
        // `update --all` begins with a plan.
        let plans = matches!(self, Operation::Bake | Operation::Plan);
        if plans && any(|it| matches!(it.base, Base::Ssm(_))) {
            actions.insert("ssm:GetParameters");
        }
        let consumers = all_consumers(templates);
        actions.extend(consumers.flat_map(|consumer| self.consumer_actions(consumer)));
        actions.extend(self.distribution_actions(templates));
        if self == Operation::Bake && pattern.names_recur() {
            actions.insert("ec2:CopyImage");
            actions.extend(USAGE);
        }
        actions
    }
}

/// The consumers of templates, in all of their regions.
fn all_consumers(templates: &[Template]) -> impl Iterator<Item = &Consumer> + Clone {
    templates.iter().flat_map(Template::all_consumers).map(|(_, consumer)| consumer)
}

impl Operation {
    /// What it, and the programs that it starts, call to reach machines.
    fn reach_actions(self, templates: &[Template]) -> BTreeSet<&'static str> {
        let mut actions = BTreeSet::new();
        let starts = matches!(self, Operation::Bake | Operation::Verify);
        for template in templates {
            let by_program = template.reach.connect.as_ref();
            let is_inside = match by_program {
                Some(connect) => *connect != Connect::SessionManager,
                None => template.reach.address == Some(AddressKind::Private),
            };
            let asks_for_networks =
                template.security_groups.is_empty() && template.ssh_from.is_empty();
            if starts && is_inside && asks_for_networks {
                actions.insert("ec2:DescribeVpcs");
            }
            // A network interface takes groups by id.
            let by_name = template.security_groups.iter().any(|it| !it.starts_with("sg-"));
            if starts && by_name && template.reach.public_ip.is_some() {
                actions.extend(["ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"]);
            }
            let looks_for_vpc = self == Operation::Doctor && is_inside;
            if looks_for_vpc && template.subnet.is_some() {
                actions.insert("ec2:DescribeSubnets");
            }
            match by_program {
                Some(Connect::SessionManager) if starts => {
                    actions.insert("ssm:StartSession");
                }
                Some(Connect::InstanceConnect) if starts => {
                    actions.insert("ec2-instance-connect:OpenTunnel");
                    actions.insert("ec2:DescribeInstanceConnectEndpoints");
                }
                Some(Connect::InstanceConnect) if self == Operation::Doctor => {
                    actions.insert("ec2:DescribeInstanceConnectEndpoints");
                }
                _ => {}
            }
        }
        actions
    }

    /// What it calls to distribute, in the regions that AMIs are copied to and the first.
    fn distribution_actions(self, templates: &[Template]) -> Vec<&'static str> {
        let any = |is_so: fn(&Template) -> bool| templates.iter().any(is_so);
        let distributes = matches!(self, Operation::Bake | Operation::Verify | Operation::Rollback);
        let mut actions = Vec::new();
        if distributes && any(|it| !it.distribution.destinations.is_empty()) {
            actions.extend(["ec2:CopyImage", "ec2:DeleteSnapshot", "ec2:DeregisterImage"]);
            actions.push("ec2:DescribeSnapshots");
        }
        // A policy is of the configuration as it is: to take a term back, its rights are still
        // needed when the configuration does not name it any more.
        if distributes && any(|it| !it.distribution.share_with.is_empty()) {
            actions.extend(["ec2:DescribeImageAttribute", "ec2:ModifyImageAttribute"]);
        }
        if distributes && any(|it| it.distribution.deprecate_after.is_some()) {
            actions.extend(["ec2:DisableImageDeprecation", "ec2:EnableImageDeprecation"]);
        }
        let protects = any(|it| it.distribution.protect);
        if distributes && protects {
            actions.push("ec2:EnableImageDeregistrationProtection");
        }
        if (distributes || matches!(self, Operation::Prune | Operation::Sweep)) && protects {
            actions.push("ec2:DisableImageDeregistrationProtection");
        }
        let encrypts = any(|it| it.distribution.encrypt.is_some());
        if encrypts && (distributes || self == Operation::Bake) {
            actions.extend(KEYS);
        }
        actions
    }

    /// What it calls for a consumer. All commands read them, but rolling changes them.
    fn consumer_actions(self, consumer: &Consumer) -> &'static [&'static str] {
        let rolls = matches!(
            self,
            Operation::Bake | Operation::Verify | Operation::Rollback | Operation::Roll
        );
        match (consumer, rolls) {
            (Consumer::Ssm(_), false) => &["ssm:GetParameter"],
            (Consumer::Ssm(_), true) => &["ssm:GetParameter", "ssm:PutParameter"],
            (Consumer::LaunchTemplate(_), false) => &["ec2:DescribeLaunchTemplateVersions"],
            (Consumer::LaunchTemplate(_), true) => &[
                "ec2:CreateLaunchTemplateVersion",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:ModifyLaunchTemplate",
            ],
            (Consumer::Tag { .. }, true) => &["ec2:CreateTags", "ec2:DeleteTags"],
            (Consumer::Tag { .. } | Consumer::Jenkins(_) | Consumer::Command(_), _) => &[],
        }
    }
}

/// What a security group of amiable's own needs.
const OWN_GROUP: [&str; 5] = [
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:RevokeSecurityGroupIngress",
];

/// What EC2 does with KMS keys for whoever starts, images and copies encrypted disks
/// (<https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html>).
const KEYS: [&str; 5] = [
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncrypt*",
];

/// What tells who uses an AMI, besides DescribeInstances.
const USAGE: [&str; 4] = [
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLaunchConfigurations",
    "ec2:DescribeImageReferences",
    "ec2:DescribeLaunchTemplateVersions",
];
