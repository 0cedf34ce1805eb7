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

use super::table::resource;
use super::tags::Tags;
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
    /// Since when, as `reason` tells it
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html>).
    #[serde(default)]
    pub(crate) since: Option<Timestamp>,
}

impl StateReason {
    pub(crate) fn now(code: &str, message: &str) -> StateReason {
        StateReason { code: code.into(), message: message.into(), since: Some(Timestamp::now()) }
    }

    /// What DescribeInstances tells as `reason`: `User initiated (2026-11-29 12:00:00 GMT)`.
    pub(crate) fn transition(&self) -> String {
        let text = match self.code.as_str() {
            "Client.UserInitiatedShutdown" => "User initiated",
            _ => &self.message,
        };
        match self.since {
            Some(since) => format!("{text} ({})", since.strftime("%Y-%m-%d %H:%M:%S GMT")),
            None => text.to_owned(),
        }
    }
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
    /// The tags of its network interface.
    #[serde(default)]
    pub(crate) interface_tags: Tags,
    /// The id of its Spot request; an On-Demand Instance has none.
    #[serde(default)]
    pub(crate) spot_request: Option<String>,
    #[serde(default)]
    pub(crate) options: InstanceOptions,
    pub(crate) tags: Tags,
}

impl Instance {
    /// The id of its one network interface (`eni`), or its attachment: what is behind its own.
    pub(crate) fn interface_id(&self, prefix: &str) -> String {
        let digits = self.id.split_once('-').map_or("", |(_, digits)| digits);
        format!("{prefix}-{digits}")
    }
}

/// What is told of an instance, and, but for the token, makes no difference here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct InstanceOptions {
    pub(crate) architecture: String,
    pub(crate) monitoring: bool,
    pub(crate) ebs_optimized: bool,
    pub(crate) ena_support: bool,
    pub(crate) source_dest_check: bool,
    pub(crate) sriov: Option<String>,
    pub(crate) boot_mode: Option<String>,
    /// The metadata service answers nobody without a token.
    pub(crate) wants_token: bool,
    pub(crate) hop_limit: u8,
}

impl Default for InstanceOptions {
    fn default() -> Self {
        InstanceOptions {
            architecture: "x86_64".into(),
            monitoring: false,
            ebs_optimized: false,
            ena_support: true,
            source_dest_check: true,
            sriov: None,
            boot_mode: None,
            wants_token: true,
            hop_limit: 1,
        }
    }
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
