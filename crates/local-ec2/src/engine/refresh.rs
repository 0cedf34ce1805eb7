//! Instance refreshes: which instances of a group are replaced next. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::model::{
    AutoScalingGroup, GroupInstance, InstanceRefresh, LifecycleState, Protected, RefreshStatus,
};

/// How many launches in a row may fail.
const MOST_FAILURES: u32 = 3;
/// How long is waited for instances that are protected.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What is to be done for a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RefreshStep {
    Begin,
    /// These are to be ended.
    End(Vec<String>),
    /// A checkpoint is reached.
    Rest(u32, Timestamp),
    Succeed,
    Fail(String),
}

/// What is to be done, and how many instances more than desired there may be meanwhile.
pub(super) fn decide(group: &AutoScalingGroup, now: Timestamp) -> (Vec<RefreshStep>, u32) {
    let Some(refresh) = group.active_refresh() else { return (Vec::new(), 0) };
    if refresh.status == RefreshStatus::Pending {
        return (vec![RefreshStep::Begin], 0);
    }
    if group.failures >= MOST_FAILURES {
        let last = group.activities.iter().rev().find_map(|it| it.failure.clone());
        return (vec![RefreshStep::Fail(last.unwrap_or_default())], 0);
    }
    let live: Vec<&GroupInstance> =
        group.instances.iter().filter(|it| it.state != LifecycleState::Terminating).collect();
    let old: Vec<&GroupInstance> =
        live.iter().copied().filter(|it| refresh.old.contains(&it.id)).collect();
    let healthy = live.iter().filter(|it| is_healthy(group, refresh, it, now)).count();
    let desired = group.desired as usize;
    if old.is_empty() {
        let is_done = group.instances.len() == live.len() && healthy >= desired;
        return (is_done.then_some(RefreshStep::Succeed).into_iter().collect(), 0);
    }
    if let Some(step) = checkpoint(refresh, now) {
        return (step, 0);
    }
    let protected = refresh.preferences.protected;
    let mut replaceable: Vec<String> = old
        .iter()
        .filter(|it| !it.is_protected || protected == Protected::Refresh)
        .map(|it| it.id.clone())
        .collect();
    if replaceable.is_empty() {
        let late = now.duration_since(refresh.started) > PATIENCE;
        let why = "The wait for instances that are protected from scale-in timed out.";
        return (late.then(|| RefreshStep::Fail(why.into())).into_iter().collect(), 0);
    }
    let share = |percent: u32| (desired * percent as usize).div_ceil(100);
    let surge = (desired * refresh.preferences.max_healthy.saturating_sub(100) as usize) / 100;
    let surge = surge.min(replaceable.len());
    let spare = healthy.saturating_sub(share(refresh.preferences.min_healthy));
    // Where all must be healthy, it is one at a time.
    let spare = if spare == 0 && healthy >= desired { 1 } else { spare };
    let spare = if surge > 0 { healthy.saturating_sub(desired) } else { spare };
    replaceable.truncate(spare.min(to_checkpoint(refresh)));
    let step = (!replaceable.is_empty()).then_some(RefreshStep::End(replaceable));
    (step.into_iter().collect(), u32::try_from(surge).unwrap_or_default())
}

/// In service, and warmed up if it is new.
fn is_healthy(
    group: &AutoScalingGroup,
    refresh: &InstanceRefresh,
    it: &GroupInstance,
    now: Timestamp,
) -> bool {
    let warmup = refresh.preferences.warmup.unwrap_or(group.warmup);
    let is_warm = || {
        let since = it.in_service.map(|since| now.duration_since(since));
        since.is_some_and(|since| since >= SignedDuration::from_secs(warmup.into()))
    };
    it.state == LifecycleState::InService && (refresh.old.contains(&it.id) || is_warm())
}

/// The next checkpoint that has not been waited at.
fn next_checkpoint(refresh: &InstanceRefresh) -> Option<u32> {
    let last = refresh.checkpoint.map_or(0, |(percent, _)| percent);
    refresh.preferences.checkpoints.iter().copied().find(|percent| *percent > last)
}

/// What a checkpoint asks for; an empty list is to wait.
fn checkpoint(refresh: &InstanceRefresh, now: Timestamp) -> Option<Vec<RefreshStep>> {
    if refresh.checkpoint.is_some_and(|(_, until)| now < until) {
        return Some(Vec::new());
    }
    let next = next_checkpoint(refresh).filter(|next| refresh.percent() >= *next)?;
    let delay = SignedDuration::from_secs(refresh.preferences.checkpoint_delay.into());
    let until = now.checked_add(delay).unwrap_or(Timestamp::MAX);
    Some(vec![RefreshStep::Rest(next, until)])
}

/// How many instances may be replaced before the next checkpoint.
fn to_checkpoint(refresh: &InstanceRefresh) -> usize {
    let Some(next) = next_checkpoint(refresh) else { return usize::MAX };
    let until = (refresh.total * next).div_ceil(100);
    until.saturating_sub(refresh.total - refresh.left()) as usize
}

/// Notes what has been decided.
pub(super) fn apply(group: &mut AutoScalingGroup, step: &RefreshStep) {
    let desired = group.active_refresh().and_then(|it| it.desired.clone());
    let Some(refresh) = group.active_refresh_mut() else { return };
    let is_rollback = refresh.status == RefreshStatus::RollbackInProgress;
    match step {
        RefreshStep::Begin => refresh.status = RefreshStatus::InProgress,
        RefreshStep::End(_) => {}
        RefreshStep::Rest(percent, until) => refresh.checkpoint = Some((*percent, *until)),
        RefreshStep::Succeed if is_rollback => {
            let reason = refresh.reason.take();
            refresh.end(RefreshStatus::RollbackSuccessful, reason);
        }
        RefreshStep::Succeed => {
            refresh.end(RefreshStatus::Successful, None);
            if let Some(desired) = desired {
                group.source = desired;
            }
        }
        RefreshStep::Fail(why) if is_rollback => {
            refresh.end(RefreshStatus::RollbackFailed, Some(why.clone()));
        }
        RefreshStep::Fail(why) if refresh.preferences.auto_rollback => group.roll_back(why),
        RefreshStep::Fail(why) => refresh.end(RefreshStatus::Failed, Some(why.clone())),
    }
}
