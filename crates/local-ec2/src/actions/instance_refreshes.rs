//! Instance refreshes of Auto Scaling groups
//! (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html>).

use std::collections::BTreeSet;

use jiff::Timestamp;
use rand::RngExt;

use super::auto_scaling_answers::write_parameters;
use super::auto_scaling_groups::{completed, find_group, invalid, specification};
use super::launch_template_key::Key;
use super::query::{Page, newest_first};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{
    AutoScalingGroup, GroupSource, InstanceRefresh, LifecycleState, Protected, RefreshPreferences,
    RefreshStatus, State,
};
use crate::protocol::{Api, ApiError, ApiResult, Params, Reference, Xml};

/// The longest wait at a checkpoint, in seconds: two days.
const LONGEST_DELAY: u32 = 172_800;
/// The wait at a checkpoint where none is said, in seconds.
const CHECKPOINT_DELAY: u32 = 3600;

pub(super) struct StartInstanceRefresh {
    name: String,
    desired: Option<GroupSource>,
    preferences: RefreshPreferences,
}

fn decode_preferences(params: &Params) -> ApiResult<RefreshPreferences> {
    let preferences = params.structure("Preferences");
    let percent = |name: &str, most: u32, default: u32| {
        let value = preferences.parsed(name)?.unwrap_or(default);
        if value <= most {
            Ok(value)
        } else {
            Err(invalid(format!("{name} must be at most {most}")))
        }
    };
    let (min_healthy, max_healthy) =
        (percent("MinHealthyPercentage", 100, 90)?, percent("MaxHealthyPercentage", 200, 100)?);
    let alone = preferences.string("MaxHealthyPercentage").is_some()
        && preferences.string("MinHealthyPercentage").is_none();
    if alone {
        return Err(invalid("MaxHealthyPercentage needs MinHealthyPercentage"));
    }
    if max_healthy < 100 || max_healthy - min_healthy > 100 {
        return Err(invalid(
            "The difference between MinHealthyPercentage and MaxHealthyPercentage cannot exceed 100",
        ));
    }
    let checkpoints = preferences.list("CheckpointPercentages");
    let checkpoints = checkpoints.iter().map(|text| text.parse::<u32>().ok());
    let checkpoints = checkpoints.collect::<Option<Vec<u32>>>().unwrap_or_default();
    let ascending = checkpoints.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || checkpoints.iter().any(|it| !(1..=100).contains(it)) {
        return Err(invalid(
            "CheckpointPercentages must be numbers from 1 to 100, in ascending order",
        ));
    }
    let checkpoint_delay = preferences.parsed("CheckpointDelay")?.unwrap_or(CHECKPOINT_DELAY);
    if checkpoint_delay > LONGEST_DELAY {
        return Err(invalid(format!("CheckpointDelay must be at most {LONGEST_DELAY}")));
    }
    Ok(RefreshPreferences {
        min_healthy,
        max_healthy,
        warmup: preferences.parsed("InstanceWarmup")?,
        skip_matching: preferences.flag("SkipMatching")?,
        auto_rollback: preferences.flag("AutoRollback")?,
        checkpoints,
        checkpoint_delay,
        protected: match preferences.string("ScaleInProtectedInstances").as_deref() {
            None | Some("Wait") => Protected::Wait,
            Some("Ignore") => Protected::Ignore,
            Some("Refresh") => Protected::Refresh,
            Some(other) => {
                return Err(invalid(format!("'{other}' is no ScaleInProtectedInstances")));
            }
        },
    })
}

impl Action for StartInstanceRefresh {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference = Reference {
        honours: &[
            "AutoScalingGroupName",
            "DesiredConfiguration.LaunchTemplate",
            "DesiredConfiguration.MixedInstancesPolicy",
            "Preferences.AutoRollback",
            "Preferences.CheckpointDelay",
            "Preferences.CheckpointPercentages",
            "Preferences.InstanceWarmup",
            "Preferences.MaxHealthyPercentage",
            "Preferences.MinHealthyPercentage",
            "Preferences.ScaleInProtectedInstances",
            "Preferences.SkipMatching",
        ],
        defaults: &[("Strategy", "Rolling"), ("Preferences.StandbyInstances", "Wait")],
        notes: "It fails after three launches in a row that fail, where Auto Scaling tries for longer.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(StartInstanceRefresh {
            name: params.required("AutoScalingGroupName")?,
            desired: super::auto_scaling_groups::decode_source(
                &params.structure("DesiredConfiguration"),
            )?,
            preferences: decode_preferences(params)?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = call.ec2.change(|state| {
            let desired = self.desired.clone();
            let desired = desired.map(|it| completed(call, state, it)).transpose()?;
            let group = find_group(state, &call.region, &self.name)?.clone();
            if group.active_refresh().is_some() {
                return Err(ApiError::new(
                    "InstanceRefreshInProgress",
                    "An Instance Refresh is already in progress and blocks the execution of this \
                     Instance Refresh.",
                ));
            }
            let target = desired.as_ref().unwrap_or(&group.source);
            // <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html>
            let reverts = desired.is_some() && !has_moving_version(&group.source);
            if self.preferences.auto_rollback && !reverts {
                let message = "AutoRollback needs a desired configuration, and a group whose launch template \
                               version is neither $Latest nor $Default.";
                return Err(invalid(message));
            }
            let old = self.replaced(state, &group, target)?;
            let refresh = InstanceRefresh {
                id: new_refresh_id(),
                status: RefreshStatus::Pending,
                reason: None,
                started: Timestamp::now(),
                ended: None,
                preferences: self.preferences.clone(),
                desired,
                total: u32::try_from(old.len()).unwrap_or(u32::MAX),
                old,
                checkpoint: None,
            };
            let id = refresh.id.clone();
            let group = find_group(state, &call.region, &self.name)?;
            group.failures = 0;
            group.begin(refresh);
            Ok(id)
        })?;
        xml.text("InstanceRefreshId", id);
        Ok(())
    }
}

impl StartInstanceRefresh {
    /// The instances that are to be replaced.
    fn replaced(
        &self,
        state: &State,
        group: &AutoScalingGroup,
        target: &GroupSource,
    ) -> ApiResult<BTreeSet<String>> {
        let (specification, kind) = specification(target);
        let get = |name: &str| specification.get(name).copied().unwrap_or_default();
        let template = Key::Id(get("LaunchTemplateId").into()).find(state, &group.region)?;
        let number = template.version(get("Version")).map(|it| it.number.to_string());
        let matching = |it: &crate::model::GroupInstance| {
            it.template.0 == template.id
                && Some(&it.template.2) == number.as_ref()
                && kind.is_none_or(|kind| kind == it.instance_type)
        };
        let ignores = self.preferences.protected == Protected::Ignore;
        let live = group.instances.iter().filter(|it| it.state != LifecycleState::Terminating);
        let old = live.filter(|it| {
            let is_current = self.preferences.skip_matching && matching(it);
            let is_left = ignores && it.is_protected;
            !is_current && !is_left
        });
        Ok(old.map(|it| it.id.clone()).collect())
    }
}

fn has_moving_version(source: &GroupSource) -> bool {
    source.iter().any(|(path, value)| path.ends_with("Version") && value.starts_with('$'))
}

/// An id of the form that refreshes have.
fn new_refresh_id() -> String {
    let bits: u128 = rand::rng().random();
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

/// Takes the refresh that is under way, and does something to it.
fn with_active(
    call: &Call,
    name: &str,
    act: impl FnOnce(&mut AutoScalingGroup) -> ApiResult<()>,
) -> ApiResult<String> {
    call.ec2.change(|state| {
        let group = find_group(state, &call.region, name)?;
        let Some(refresh) = group.active_refresh() else {
            return Err(ApiError::new(
                "ActiveInstanceRefreshNotFound",
                format!(
                    "No in progress or pending Instance Refresh found for Auto Scaling group {name}"
                ),
            ));
        };
        let id = refresh.id.clone();
        act(group)?;
        Ok(id)
    })
}

pub(super) struct CancelInstanceRefresh(String);

impl Action for CancelInstanceRefresh {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference =
        Reference { honours: &["AutoScalingGroupName"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(CancelInstanceRefresh(params.required("AutoScalingGroupName")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = with_active(call, &self.0, |group| {
            if let Some(refresh) = group.active_refresh_mut() {
                refresh
                    .end(RefreshStatus::Cancelled, Some("Cancelled due to user request.".into()));
            }
            Ok(())
        })?;
        xml.text("InstanceRefreshId", id);
        Ok(())
    }
}

pub(super) struct RollbackInstanceRefresh(String);

impl Action for RollbackInstanceRefresh {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference =
        Reference { honours: &["AutoScalingGroupName"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(RollbackInstanceRefresh(params.required("AutoScalingGroupName")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = with_active(call, &self.0, |group| {
            let has_desired = group.active_refresh().is_some_and(|it| it.desired.is_some());
            if !has_desired || has_moving_version(&group.source) {
                let message = "The instance refresh cannot be rolled back: it has no desired configuration, \
                               or the group's launch template version is $Latest or $Default.";
                return Err(ApiError::new("IrreversibleInstanceRefresh", message));
            }
            group.roll_back("Rollback due to user request.");
            Ok(())
        })?;
        xml.text("InstanceRefreshId", id);
        Ok(())
    }
}

pub(super) struct DescribeInstanceRefreshes {
    name: String,
    ids: Vec<String>,
    page: Page,
}

impl Action for DescribeInstanceRefreshes {
    const API: Api = Api::AutoScaling;

    const REFERENCE: Reference = Reference {
        honours: &["AutoScalingGroupName", "InstanceRefreshIds", "MaxRecords", "NextToken"],
        notes: "The last 100 of a group, the newest first.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeInstanceRefreshes {
            name: params.required("AutoScalingGroupName")?,
            ids: params.list("InstanceRefreshIds"),
            page: Page::decode_as(params, "MaxRecords")?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let key = AutoScalingGroup::key(&call.region, &self.name);
            let group = state.auto_scaling_groups.get(&key);
            let group = group.ok_or_else(|| {
                invalid(format!("AutoScalingGroup name not found - {}", self.name))
            })?;
            let is_meant = |it: &&InstanceRefresh| self.ids.is_empty() || self.ids.contains(&it.id);
            let rows = group.refreshes.iter().filter(is_meant);
            let rows: Vec<(String, &InstanceRefresh)> =
                rows.map(|it| (newest_first(it.started, &it.id), it)).collect();
            let (rows, token) = self.page.cut(rows.iter().collect(), |(key, _)| key)?;
            xml.members("InstanceRefreshes", rows, |xml, (_, it)| write(xml, group, it));
            xml.option("NextToken", token);
            Ok(())
        })
    }
}

fn write(xml: &mut Xml, group: &AutoScalingGroup, it: &InstanceRefresh) {
    xml.text("InstanceRefreshId", &it.id);
    xml.text("AutoScalingGroupName", &group.name);
    xml.text("Status", it.status.name());
    xml.option("StatusReason", it.reason.as_ref());
    xml.time("StartTime", it.started);
    if let Some(ended) = it.ended {
        xml.time("EndTime", ended);
    }
    xml.text("PercentageComplete", it.percent());
    xml.text("InstancesToUpdate", it.left());
    xml.text("Strategy", "Rolling");
    xml.node("Preferences", |xml| {
        let RefreshPreferences { min_healthy, max_healthy, skip_matching, auto_rollback, .. } =
            it.preferences;
        xml.text("MinHealthyPercentage", min_healthy);
        xml.text("MaxHealthyPercentage", max_healthy);
        xml.option("InstanceWarmup", it.preferences.warmup);
        xml.text("SkipMatching", skip_matching);
        xml.text("AutoRollback", auto_rollback);
        let checkpoints = &it.preferences.checkpoints;
        if !checkpoints.is_empty() {
            xml.members("CheckpointPercentages", checkpoints, |xml, it| xml.value(it));
            xml.text("CheckpointDelay", it.preferences.checkpoint_delay);
        }
    });
    if let Some(desired) = &it.desired {
        xml.node("DesiredConfiguration", |xml| write_parameters(xml, desired));
    }
}
