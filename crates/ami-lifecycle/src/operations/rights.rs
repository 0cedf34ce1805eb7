//! Which actions each command calls, and the IAM policy that allows these and no others. A
//! test runs the commands with these rights alone, and counts that all are called.

mod policy;

use std::collections::BTreeSet;

pub use self::policy::{PolicyRequest, policy};

use crate::consumer::kind::kind;
use crate::ec2::action::Action;
use crate::model::consumer::Consumer;
use crate::model::naming::Pattern;
use crate::model::operation::Operation;
use crate::model::reach::{AddressKind, Connect};
use crate::model::template::{Base, KeyPair, Template};

impl Operation {
    /// What it calls for these templates.
    #[must_use]
    pub fn actions(self, templates: &[Template], pattern: &Pattern) -> BTreeSet<Action> {
        let mut actions: BTreeSet<Action> =
            Action::ALL.iter().copied().filter(|it| it.operations().contains(&self)).collect();
        let any = |is_so: fn(&Template) -> bool| templates.iter().any(is_so);
        let starts = matches!(self, Operation::Bake | Operation::Verify);
        if starts && any(|it| it.key_pair == KeyPair::Temporary) {
            actions.extend([Action::ImportKeyPair, Action::DeleteKeyPair]);
        }
        let own_group = any(|it| it.launch.has_own_group());
        if starts && own_group {
            actions.extend(OWN_GROUP);
        }
        if self == Operation::Doctor && any(|it| !it.launch.has_own_group()) {
            actions.insert(Action::DescribeSecurityGroups);
        }
        if starts && own_group && any(|it| it.launch.names_subnets()) {
            actions.insert(Action::DescribeSubnets);
        }
        actions.extend(self.reach_actions(templates));
        let places = starts || self == Operation::Doctor;
        if places && any(|it| !it.launch.subnet_tags.is_empty()) {
            actions.insert(Action::DescribeSubnets);
        }
        if places && any(|it| !it.launch.security_group_tags.is_empty()) {
            actions.insert(Action::DescribeSecurityGroups);
            let vpc = |it: &Template| match it.launch.names_subnets() {
                true => Action::DescribeSubnets,
                false => Action::DescribeVpcs,
            };
            let tagged = templates.iter().filter(|it| !it.launch.security_group_tags.is_empty());
            actions.extend(tagged.map(vpc));
        }
        if starts && any(|it| it.launch.instance_profile.is_some()) {
            actions.insert(Action::PassRole);
        }
        // What copies an AMI brings it along.
        let marks = starts || self == Operation::Rollback;
        if marks && any(|it| it.imds_v2) {
            actions.insert(Action::ModifyImageAttribute);
        }
        let resolves = matches!(self, Operation::Bake | Operation::Doctor);
        if resolves && any(|it| matches!(it.base, Base::Ssm(_))) {
            actions.insert(Action::GetParameter);
        }
        // `update --all` begins with a plan.
        let plans = matches!(self, Operation::Bake | Operation::Plan | Operation::Report);
        if plans && any(|it| matches!(it.base, Base::Ssm(_))) {
            actions.insert(Action::GetParameters);
        }
        let asks_accounts =
            [Operation::Delete, Operation::Info, Operation::Prune, Operation::Report];
        if asks_accounts.contains(&self) {
            // What was shared once may be shared still.
            actions.extend([
                Action::DescribeImageUsageReportEntries,
                Action::DescribeImageUsageReports,
            ]);
            actions.extend((self != Operation::Info).then_some(Action::CreateImageUsageReport));
        }
        if any(|it| it.keep.retire.is_some()) {
            actions.extend(self.retirement_actions(templates));
        }
        let consumers = all_consumers(templates);
        actions.extend(consumers.flat_map(|consumer| self.consumer_actions(consumer)));
        actions.extend(self.distribution_actions(templates));
        if self == Operation::Bake {
            // What a dead bake has left goes only when nobody uses it.
            actions.extend(USAGE);
            if pattern.names_recur() {
                actions.extend([
                    Action::CopyImage,
                    Action::EnableImage,
                    Action::ListImagesInRecycleBin,
                ]);
            }
        }
        actions
    }
}

impl Operation {
    /// What it calls to retire AMIs, and to take them back.
    fn retirement_actions(self, templates: &[Template]) -> Vec<Action> {
        let any = |is_so: fn(&Template) -> bool| templates.iter().any(is_so);
        let copies = any(|it| !it.distribution.destinations.is_empty());
        let takes_back = match self {
            Operation::Prune | Operation::Restore | Operation::Rollback | Operation::Verify => true,
            Operation::Bake => copies,
            _ => false,
        };
        let mut actions = Vec::new();
        if takes_back {
            actions.extend([
                Action::DisableImageDeprecation,
                Action::EnableImage,
                Action::EnableImageDeprecation,
            ]);
            if any(|it| !it.distribution.snapshot_users.is_empty()) {
                actions.extend(SNAPSHOT_SHARING);
            }
            if any(|it| !it.distribution.share_with.is_empty()) {
                actions.extend([Action::DescribeImageAttribute, Action::ModifyImageAttribute]);
            }
            if any(|it| it.distribution.protect) {
                actions.push(Action::EnableImageDeregistrationProtection);
            }
        }
        actions.extend((self == Operation::Prune).then_some(Action::DisableImage));
        actions
    }
}

/// What shares snapshots.
const SNAPSHOT_SHARING: [Action; 2] =
    [Action::DescribeSnapshotAttribute, Action::ModifySnapshotAttribute];

/// The consumers of templates, in all of their regions.
fn all_consumers(templates: &[Template]) -> impl Iterator<Item = &Consumer> + Clone {
    templates.iter().flat_map(Template::all_consumers).map(|(_, consumer)| consumer.bare())
}

impl Operation {
    /// What it, and the programs that it starts, call to reach machines.
    fn reach_actions(self, templates: &[Template]) -> BTreeSet<Action> {
        let mut actions = BTreeSet::new();
        let starts = matches!(self, Operation::Bake | Operation::Verify);
        for template in templates {
            let by_program = template.reach.connect.as_ref();
            let is_inside = match by_program {
                Some(connect) => *connect != Connect::SessionManager,
                None => template.reach.address == Some(AddressKind::Private),
            };
            let asks_for_networks = template.launch.has_own_group() && template.ssh_from.is_empty();
            if starts && is_inside && asks_for_networks {
                actions.insert(Action::DescribeVpcs);
            }
            // A network interface takes groups by id.
            let by_name = template.launch.security_groups.iter().any(|it| !it.starts_with("sg-"));
            if starts && by_name && template.launch.public_ip.is_some() {
                actions.extend([Action::DescribeSecurityGroups, Action::DescribeVpcs]);
            }
            let looks_for_vpc = self == Operation::Doctor && is_inside;
            if looks_for_vpc && template.launch.names_subnets() {
                actions.insert(Action::DescribeSubnets);
            }
            match by_program {
                Some(Connect::SessionManager) if starts => {
                    actions.insert(Action::StartSession);
                }
                Some(Connect::InstanceConnect) if starts => {
                    actions.insert(Action::OpenTunnel);
                    actions.insert(Action::DescribeInstanceConnectEndpoints);
                }
                Some(Connect::InstanceConnect) if self == Operation::Doctor => {
                    actions.insert(Action::DescribeInstanceConnectEndpoints);
                }
                _ => {}
            }
        }
        actions
    }

    /// What it calls to distribute, in the regions that AMIs are copied to and the first.
    fn distribution_actions(self, templates: &[Template]) -> Vec<Action> {
        let any = |is_so: fn(&Template) -> bool| templates.iter().any(is_so);
        let distributes = matches!(self, Operation::Bake | Operation::Verify | Operation::Rollback);
        let mut actions = Vec::new();
        if distributes && any(|it| !it.distribution.destinations.is_empty()) {
            actions.extend([Action::CopyImage, Action::DeleteSnapshot, Action::DeregisterImage]);
            actions.extend([Action::DescribeInstances, Action::DescribeSnapshots]);
            actions.extend(USAGE);
        }
        // A policy is of the configuration as it is: to take a term back, its rights are still
        // needed when the configuration does not name it any more.
        if distributes && any(|it| !it.distribution.snapshot_users.is_empty()) {
            actions.extend(SNAPSHOT_SHARING);
        }
        if distributes && any(|it| !it.distribution.share_with.is_empty()) {
            actions.extend([Action::DescribeImageAttribute, Action::ModifyImageAttribute]);
        }
        if distributes && any(|it| it.distribution.deprecate_after.is_some()) {
            actions.extend([Action::DisableImageDeprecation, Action::EnableImageDeprecation]);
        }
        let protects = any(|it| it.distribution.protect);
        if distributes && protects {
            actions.push(Action::EnableImageDeregistrationProtection);
        }
        if (distributes || matches!(self, Operation::Prune | Operation::Sweep)) && protects {
            actions.push(Action::DisableImageDeregistrationProtection);
        }
        let encrypts = any(|it| it.distribution.encrypt.is_some());
        if encrypts && (distributes || self == Operation::Bake) {
            actions.extend(KEYS);
        }
        actions
    }

    /// What it calls for a consumer. All commands read them, but rolling changes them.
    fn consumer_actions(self, consumer: &Consumer) -> &'static [Action] {
        let rolls = matches!(
            self,
            Operation::Bake | Operation::Verify | Operation::Rollback | Operation::Roll
        );
        kind(consumer).actions(rolls)
    }
}

/// What a security group of amiable's own needs.
const OWN_GROUP: [Action; 5] = [
    Action::AuthorizeSecurityGroupIngress,
    Action::CreateSecurityGroup,
    Action::DescribeSecurityGroupRules,
    Action::DescribeSecurityGroups,
    Action::RevokeSecurityGroupIngress,
];

/// What EC2 does with KMS keys for whoever starts, images and copies encrypted disks
/// (<https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html>).
const KEYS: [Action; 6] = [
    Action::CreateGrant,
    Action::Decrypt,
    Action::DescribeKey,
    Action::GenerateDataKeyWithoutPlaintext,
    Action::ReEncryptFrom,
    Action::ReEncryptTo,
];

/// What tells who uses an AMI, besides DescribeInstances.
const USAGE: [Action; 4] = [
    Action::DescribeAutoScalingGroups,
    Action::DescribeLaunchConfigurations,
    Action::DescribeImageReferences,
    Action::DescribeLaunchTemplateVersions,
];
