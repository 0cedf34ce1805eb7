//! Auto Scaling groups, their instances, and how these are replaced.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::Record;

/// How many activities and instance refreshes a group remembers.
const REMEMBERED: usize = 100;

/// What a group starts instances from: `LaunchTemplate.…` or `MixedInstancesPolicy.…`, as it was sent,
/// with id, name and version in each specification of a launch template.
pub(crate) type GroupSource = BTreeMap<String, String>;

/// An Auto Scaling group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AutoScalingGroup {
    /// Region and name: groups have no other id.
    pub(crate) key: String,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) least: u32,
    pub(crate) most: u32,
    pub(crate) desired: u32,
    pub(crate) source: GroupSource,
    /// By id; the default subnet where there is none.
    pub(crate) subnets: Vec<String>,
    /// New instances are protected from scale-in.
    pub(crate) protects_new: bool,
    /// How long a new instance warms up, in seconds.
    pub(crate) warmup: u32,
    pub(crate) instances: Vec<GroupInstance>,
    pub(crate) tags: Vec<GroupTag>,
    /// It ends its instances, and is gone after the last one.
    pub(crate) is_deleting: bool,
    /// The newest last.
    pub(crate) activities: Vec<Activity>,
    /// The newest last.
    pub(crate) refreshes: Vec<InstanceRefresh>,
    /// Launches that have failed one after the other.
    pub(crate) failures: u32,
    /// No launch is tried before that.
    pub(crate) not_before: Option<Timestamp>,
}

/// A tag of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupTag {
    pub(crate) key: String,
    pub(crate) value: String,
    /// Instances get it too.
    pub(crate) propagates: bool,
}

/// Where an instance is in its group's life
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LifecycleState {
    Pending,
    InService,
    Terminating,
}

impl LifecycleState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            LifecycleState::Pending => "Pending",
            LifecycleState::InService => "InService",
            LifecycleState::Terminating => "Terminating",
        }
    }
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupInstance {
    pub(crate) id: String,
    pub(crate) instance_type: String,
    /// The launch template's id, name, and the number of its version.
    pub(crate) template: (String, String, String),
    pub(crate) state: LifecycleState,
    /// Since when it is in service.
    pub(crate) in_service: Option<Timestamp>,
    /// It is not ended when the group shrinks.
    pub(crate) is_protected: bool,
}

/// What a group did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) description: String,
    pub(crate) cause: String,
    /// Why it failed, if it did.
    pub(crate) failure: Option<String>,
}

/// Where an instance refresh is
/// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceRefresh.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RefreshStatus {
    Pending,
    InProgress,
    Successful,
    Failed,
    Cancelled,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl RefreshStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            RefreshStatus::Pending => "Pending",
            RefreshStatus::InProgress => "InProgress",
            RefreshStatus::Successful => "Successful",
            RefreshStatus::Failed => "Failed",
            RefreshStatus::Cancelled => "Cancelled",
            RefreshStatus::RollbackInProgress => "RollbackInProgress",
            RefreshStatus::RollbackSuccessful => "RollbackSuccessful",
            RefreshStatus::RollbackFailed => "RollbackFailed",
        }
    }

    pub(crate) fn is_active(self) -> bool {
        use RefreshStatus::{InProgress, Pending, RollbackInProgress};
        matches!(self, Pending | InProgress | RollbackInProgress)
    }
}

/// What becomes of instances that are protected from scale-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Protected {
    Refresh,
    Ignore,
    Wait,
}

/// How an instance refresh goes about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefreshPreferences {
    /// Percent of the desired capacity.
    pub(crate) min_healthy: u32,
    /// Percent of the desired capacity.
    pub(crate) max_healthy: u32,
    /// How long a new instance warms up, in seconds.
    pub(crate) warmup: Option<u32>,
    pub(crate) skip_matching: bool,
    pub(crate) auto_rollback: bool,
    pub(crate) checkpoints: Vec<u32>,
    /// How long is waited at each checkpoint, in seconds.
    pub(crate) checkpoint_delay: u32,
    pub(crate) protected: Protected,
}

/// A replacement of a group's instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InstanceRefresh {
    pub(crate) id: String,
    pub(crate) status: RefreshStatus,
    pub(crate) reason: Option<String>,
    pub(crate) started: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) preferences: RefreshPreferences,
    /// What the group is to start instances from when all is done, if that changes.
    pub(crate) desired: Option<GroupSource>,
    /// The instances that are to be replaced.
    pub(crate) old: BTreeSet<String>,
    /// How many they were.
    pub(crate) total: u32,
    /// A checkpoint that was reached, and until when it is waited.
    pub(crate) checkpoint: Option<(u32, Timestamp)>,
}

impl AutoScalingGroup {
    pub(crate) fn key(region: &str, name: &str) -> String {
        format!("{region} {name}")
    }

    /// The refresh that is under way, if one is.
    pub(crate) fn active_refresh(&self) -> Option<&InstanceRefresh> {
        self.refreshes.last().filter(|it| it.status.is_active())
    }

    pub(crate) fn active_refresh_mut(&mut self) -> Option<&mut InstanceRefresh> {
        self.refreshes.last_mut().filter(|it| it.status.is_active())
    }

    /// What instances are started from now: what a refresh is about comes first.
    pub(crate) fn launch_source(&self) -> &GroupSource {
        let refresh = self.active_refresh();
        match refresh.map(|it| (it.status, &it.desired)) {
            Some((RefreshStatus::Pending | RefreshStatus::InProgress, Some(desired))) => desired,
            _ => &self.source,
        }
    }

    /// Notes what it did.
    pub(crate) fn note(&mut self, activity: Activity) {
        self.activities.push(activity);
        let surplus = self.activities.len().saturating_sub(REMEMBERED);
        self.activities.drain(..surplus);
    }

    /// Turns the refresh that is under way around: what it has started is replaced again.
    pub(crate) fn roll_back(&mut self, reason: &str) {
        let live = self.instances.iter().filter(|it| it.state != LifecycleState::Terminating);
        let live: BTreeSet<String> = live.map(|it| it.id.clone()).collect();
        self.failures = 0;
        let Some(refresh) = self.active_refresh_mut() else { return };
        refresh.old = live.difference(&refresh.old).cloned().collect();
        refresh.total = refresh.left();
        refresh.checkpoint = None;
        refresh.status = RefreshStatus::RollbackInProgress;
        refresh.reason = Some(reason.to_owned());
    }

    /// Notes a refresh that begins.
    pub(crate) fn begin(&mut self, refresh: InstanceRefresh) {
        self.refreshes.push(refresh);
        let surplus = self.refreshes.len().saturating_sub(REMEMBERED);
        self.refreshes.drain(..surplus);
    }
}

impl InstanceRefresh {
    /// How many instances are left.
    pub(crate) fn left(&self) -> u32 {
        u32::try_from(self.old.len()).unwrap_or(u32::MAX)
    }

    /// How much is done.
    pub(crate) fn percent(&self) -> u32 {
        let done = self.total.saturating_sub(self.left());
        (done * 100).checked_div(self.total).unwrap_or(100)
    }

    pub(crate) fn end(&mut self, status: RefreshStatus, reason: Option<String>) {
        self.status = status;
        self.reason = reason;
        self.ended = Some(Timestamp::now());
    }
}

impl Record for AutoScalingGroup {
    const TABLE: &'static str = "auto-scaling-groups";

    fn id(&self) -> &str {
        &self.key
    }
}
