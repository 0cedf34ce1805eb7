//! Instances.
//!
//! ```text
//!   pending --> running --> stopping --> stopped
//!      ^           |            |           | |
//!      |           |            |           | '-- StartInstances --> pending
//!      |           v            v           v
//!      '--     shutting-down <-- TerminateInstances
//!                  |
//!                  v
//!              terminated --(an hour later)--> forgotten
//! ```

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Tags;
use super::table::resource;
use crate::network;
use crate::protocol::{ApiError, ApiResult};

/// Where an instance is in its life
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl InstanceState {
    pub(crate) fn code(self) -> u16 {
        match self {
            InstanceState::Pending => 0,
            InstanceState::Running => 16,
            InstanceState::ShuttingDown => 32,
            InstanceState::Terminated => 48,
            InstanceState::Stopping => 64,
            InstanceState::Stopped => 80,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            InstanceState::Pending => "pending",
            InstanceState::Running => "running",
            InstanceState::ShuttingDown => "shutting-down",
            InstanceState::Terminated => "terminated",
            InstanceState::Stopping => "stopping",
            InstanceState::Stopped => "stopped",
        }
    }

    /// There is, or will be, a machine behind it.
    pub(crate) fn is_live(self) -> bool {
        !matches!(self, InstanceState::Terminated | InstanceState::Stopped)
    }
}

/// What happens when the guest powers itself off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ShutdownBehavior {
    Stop,
    Terminate,
}

impl ShutdownBehavior {
    pub(crate) fn parse(text: &str) -> ApiResult<ShutdownBehavior> {
        match text {
            "stop" => Ok(ShutdownBehavior::Stop),
            "terminate" => Ok(ShutdownBehavior::Terminate),
            _ => Err(ApiError::invalid_value("instanceInitiatedShutdownBehavior", text)),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            ShutdownBehavior::Stop => "stop",
            ShutdownBehavior::Terminate => "terminate",
        }
    }
}

/// Why an instance is in its state, as DescribeInstances tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateReason {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A volume of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) device: String,
    pub(crate) volume_id: String,
    pub(crate) delete_on_termination: bool,
}

/// One instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) reservation_id: String,
    pub(crate) image_id: String,
    pub(crate) instance_type: String,
    pub(crate) region: String,
    pub(crate) state: InstanceState,
    pub(crate) state_reason: Option<StateReason>,
    pub(crate) launch_time: Timestamp,
    pub(crate) terminated_at: Option<Timestamp>,
    pub(crate) launch_index: u32,
    pub(crate) key_name: Option<String>,
    /// Base64, as it was sent.
    pub(crate) user_data: Option<String>,
    /// The loopback address that stands for the instance.
    pub(crate) address: Ipv4Addr,
    #[serde(default = "network::default_subnet")]
    pub(crate) subnet_id: String,
    /// It has a public address, by which it is reached from outside its VPC.
    #[serde(default = "yes")]
    pub(crate) is_public: bool,
    pub(crate) mac: String,
    pub(crate) client_token: Option<String>,
    /// The parameters that came with the client token, to tell a repeat from a misuse.
    pub(crate) request: String,
    pub(crate) shutdown_behavior: ShutdownBehavior,
    pub(crate) root_device_name: String,
    pub(crate) attachments: Vec<Attachment>,
    /// Ids of its security groups.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    /// It is being shut down and started again, and is `running` all the while.
    #[serde(default)]
    pub(crate) rebooting: bool,
    #[serde(default)]
    pub(crate) termination_protected: bool,
    /// Its metadata service tells its tags.
    #[serde(default)]
    pub(crate) tags_in_metadata: bool,
    pub(crate) tags: Tags,
}

/// What is said of instances that were stored before there were private ones.
fn yes() -> bool {
    true
}

resource!(Instance {
    table: "instances",
    prefix: "i",
    kind: "instance",
    malformed: "InvalidInstanceID",
    not_found: "InvalidInstanceID",
    noun: "instance ID",
});
