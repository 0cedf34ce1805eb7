//! Asking EC2 for a right by DryRun, so that nothing is done.

use std::time::{Duration, SystemTime};

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    CreateVolumePermission, CreateVolumePermissionModifications, ImageAttributeName,
    ImageUsageResourceTypeRequest, LaunchPermission, LaunchPermissionModifications,
    RequestLaunchTemplateData, SnapshotAttributeName, Tag,
};

use crate::ec2::action::Action;
use crate::ec2::actions::for_each_action;
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

/// What a DryRun names: an image, and the region that it is in.
struct At<'a> {
    image: &'a str,
    region: &'a str,
}

/// One answer, by the last column of the table.
macro_rules! ask {
    ($cloud:ident $at:ident $action:ident ByUse) => {
        Asked::ByUse
    };
    ($cloud:ident $at:ident $action:ident Never) => {
        Asked::Never
    };
    ($cloud:ident $at:ident $action:ident (|$ec2:ident, $this:ident| $request:expr)) => {{
        let ($ec2, $this) = (&$cloud.ec2, &$at);
        let _ = $this;
        let request = $request.dry_run(true);
        Asked::ByDryRun($cloud.call($action, "by DryRun", request.send()).await.map(drop))
    }};
}

macro_rules! dry_runs {
    ($(
        $service:literal $name:ident $effect:ident $pace:ident
        [$($operation:ident)*] $probe:tt;
    )*) => {
        impl Cloud {
            /// Asks for the right to an action. The image is in the region `from`.
            pub(crate) async fn dry_run(&self, action: Action, from: &str, image: &str) -> Asked {
                let at = At { image, region: from };
                match action {
                    $(Action::$name => ask!(self at action $probe),)*
                }
            }
        }
    };
}

for_each_action!(dry_runs);

impl Cloud {
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
