//! The actions of AWS that amiable, EC2 for it, or a program that it starts calls. Each place that
//! must know something of every action takes it from this table, or matches on it exhaustively:
//! rights, policy, pace and `doctor`.

use std::fmt;

/// What an action does to resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Tells.
    Reads,
    /// Makes one, with its tags from the beginning.
    Makes,
    /// Changes or ends one. EC2 knows the tags of what it names
    /// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>).
    Changes,
    /// Makes one inside another one, which must be there.
    MakesWithin,
}

/// How many calls a bucket holds, and how many it gains in a second
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Calls that may be made at once.
    pub(crate) capacity: u32,
    /// Calls a second after that.
    pub(crate) rate: u32,
}

const fn pace(capacity: u32, rate: u32) -> Pace {
    Pace { capacity, rate }
}

const READS: Pace = pace(100, 20);
const WRITES: Pace = pace(50, 5);
const FREQUENT: Pace = pace(100, 5);
const TAGS: Pace = pace(100, 10);

macro_rules! actions {
    ($($service:literal $name:ident $effect:ident $pace:expr;)*) => {
        /// An action, by its name in the API or, where there is none, in IAM.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(
                #[doc = concat!("`", $service, ":", stringify!($name), "`")]
                $name,
            )*
        }

        impl Action {
            /// All of them, in the order of IAM's names.
            pub const ALL: &[Action] = &[$(Action::$name),*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Action::$name => stringify!($name),)*
                }
            }

            /// IAM's name of the right to it.
            #[must_use]
            pub fn right(self) -> &'static str {
                match self {
                    $(Action::$name => concat!($service, ":", stringify!($name)),)*
                }
            }

            /// The action of a name.
            pub(crate) fn named(name: &str) -> Option<Action> {
                Action::ALL.iter().copied().find(|action| action.name() == name)
            }

            pub(crate) fn effect(self) -> Effect {
                match self {
                    $(Action::$name => Effect::$effect,)*
                }
            }

            pub(crate) fn pace(self) -> Pace {
                match self {
                    $(Action::$name => $pace,)*
                }
            }
        }
    };
}

actions! {
    "autoscaling" DescribeAutoScalingGroups Reads READS;
    "autoscaling" DescribeLaunchConfigurations Reads READS;
    "ec2-instance-connect" OpenTunnel Reads READS;
    "ec2" AuthorizeSecurityGroupIngress MakesWithin WRITES;
    "ec2" CopyImage Makes pace(100, 1);
    "ec2" CreateImage Makes WRITES;
    // It counts, and changes no resource.
    "ec2" CreateImageUsageReport Reads WRITES;
    "ec2" CreateLaunchTemplateVersion Changes WRITES;
    "ec2" CreateSecurityGroup Makes WRITES;
    "ec2" CreateTags Changes TAGS;
    "ec2" DeleteKeyPair Changes WRITES;
    "ec2" DeleteSecurityGroup Changes WRITES;
    "ec2" DeleteSnapshot Changes FREQUENT;
    "ec2" DeleteTags Changes TAGS;
    "ec2" DeleteVolume Changes WRITES;
    "ec2" DeregisterImage Changes FREQUENT;
    "ec2" DescribeAvailabilityZones Reads READS;
    "ec2" DescribeImageAttribute Reads READS;
    "ec2" DescribeImageReferences Reads READS;
    "ec2" DescribeImageUsageReportEntries Reads READS;
    "ec2" DescribeImageUsageReports Reads READS;
    "ec2" DescribeImages Reads READS;
    "ec2" DescribeInstanceConnectEndpoints Reads READS;
    "ec2" DescribeInstanceTypes Reads READS;
    "ec2" DescribeInstances Reads READS;
    "ec2" DescribeKeyPairs Reads READS;
    "ec2" DescribeLaunchTemplateVersions Reads READS;
    "ec2" DescribeRegions Reads READS;
    "ec2" DescribeSecurityGroupRules Reads READS;
    "ec2" DescribeSecurityGroups Reads READS;
    "ec2" DescribeSnapshots Reads READS;
    "ec2" DescribeSubnets Reads READS;
    "ec2" DescribeVolumes Reads READS;
    "ec2" DescribeVpcs Reads READS;
    "ec2" DisableImage Changes WRITES;
    "ec2" DisableImageDeprecation Changes WRITES;
    "ec2" DisableImageDeregistrationProtection Changes WRITES;
    "ec2" EnableImage Changes WRITES;
    "ec2" EnableImageDeprecation Changes WRITES;
    "ec2" EnableImageDeregistrationProtection Changes WRITES;
    "ec2" GetAllowedImagesSettings Reads READS;
    "ec2" GetConsoleOutput Reads READS;
    "ec2" ImportKeyPair Makes WRITES;
    "ec2" ListImagesInRecycleBin Reads READS;
    "ec2" ListSnapshotsInRecycleBin Reads READS;
    "ec2" ModifyImageAttribute Changes FREQUENT;
    "ec2" ModifyLaunchTemplate Changes WRITES;
    "ec2" RestoreImageFromRecycleBin Changes WRITES;
    "ec2" RestoreSnapshotFromRecycleBin Changes WRITES;
    "ec2" RevokeSecurityGroupIngress Changes WRITES;
    "ec2" RunInstances Makes pace(5, 2);
    "ec2" StopInstances Changes WRITES;
    "ec2" TerminateInstances Changes FREQUENT;
    "iam" PassRole Reads READS;
    "kms" CreateGrant Makes WRITES;
    "kms" Decrypt Reads READS;
    "kms" DescribeKey Reads READS;
    "kms" GenerateDataKeyWithoutPlaintext Reads READS;
    "kms" ReEncryptFrom Reads READS;
    "kms" ReEncryptTo Reads READS;
    "servicequotas" GetAWSDefaultServiceQuota Reads READS;
    "servicequotas" GetServiceQuota Reads READS;
    "ssm" GetParameter Reads READS;
    "ssm" GetParameters Reads READS;
    "ssm" PutParameter Changes WRITES;
    "ssm" StartSession Makes WRITES;
    "sts" GetCallerIdentity Reads READS;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_iams_names() {
        let rights: Vec<&str> = Action::ALL.iter().map(|it| it.right()).collect();
        assert!(rights.is_sorted(), "{rights:?}");
    }
}
