//! Auto Scaling: each group is brought to what it is to be, again and again. What is to be done is decided
//! of the state alone, one round at a time; all of it is in the state, so that a server that starts again
//! goes on where another ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::refresh::{self, RefreshStep};
use super::{launch, terminate};
use crate::actions::{launch_one, specification};
use crate::ec2::Ec2;
use crate::faults::{Fate, Strike};
use crate::model::{
    Activity, AutoScalingGroup, GroupInstance, InstanceState, LifecycleState, State, StateReason,
    new_id,
};
use crate::protocol::{ApiError, ApiResult};

/// How often groups are looked at.
const PAUSE: Duration = Duration::from_millis(100);
/// How long is waited after a launch that failed.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(1);

/// What is to be done with a group.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Its machine runs.
    InService(String),
    /// Its machine is gone.
    Gone(String),
    /// It is to be ended, and why.
    End(String, String),
    Launch,
    Refresh(RefreshStep),
    /// The group itself is to go.
    Remove,
}

/// Keeps all groups as they are to be, as long as the server lives.
pub(crate) async fn keep_scaled(ec2: Arc<Ec2>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if ec2.scaling_is_off.load(Ordering::Relaxed) {
            continue;
        }
        let now = Timestamp::now();
        let due = ec2.read(|state| {
            let groups = state.auto_scaling_groups.iter();
            let due = groups.map(|group| (group.key.clone(), decide(state, group, now)));
            due.filter(|(_, steps)| !steps.is_empty()).collect::<Vec<_>>()
        });
        for (key, steps) in due {
            for step in steps {
                if let Err(error) = perform(&ec2, &key, step) {
                    tracing::error!("failed to change the Auto Scaling group {key}: {error}");
                }
            }
        }
    }
}

/// What is to be done next. Pure.
fn decide(state: &State, group: &AutoScalingGroup, now: Timestamp) -> Vec<Step> {
    let settled: Vec<Step> = group.instances.iter().filter_map(|it| settle(state, it)).collect();
    if !settled.is_empty() {
        return settled;
    }
    let live = || group.instances.iter().filter(|it| it.state != LifecycleState::Terminating);
    if group.is_deleting {
        let end = |it: &GroupInstance| Step::End(it.id.clone(), "the group is deleted".into());
        let steps: Vec<Step> = live().map(end).collect();
        let gone = group.instances.is_empty().then_some(Step::Remove);
        return steps.into_iter().chain(gone).collect();
    }
    let (refreshed, surge) = refresh::decide(group, now);
    if !refreshed.is_empty() {
        return refreshed.into_iter().map(Step::Refresh).collect();
    }
    let wanted = (group.desired + surge) as usize;
    let count = live().count();
    if count < wanted {
        let may = group.not_before.is_none_or(|it| it <= now);
        return if may { vec![Step::Launch] } else { Vec::new() };
    }
    // The oldest version of a launch template first, as by the default termination policy.
    let mut surplus: Vec<&GroupInstance> = live().filter(|it| !it.is_protected).collect();
    surplus.sort_by_key(|it| it.template.2.parse::<u64>().unwrap_or_default());
    let surplus = surplus.into_iter().take(count - wanted);
    surplus.map(|it| Step::End(it.id.clone(), "the desired capacity is less".into())).collect()
}

/// What has become of an instance.
fn settle(state: &State, it: &GroupInstance) -> Option<Step> {
    use InstanceState::{Pending, Running, ShuttingDown, Terminated};
    let machine = state.instances.get(&it.id).map(|machine| machine.state);
    let why = "an EC2 health check found that it has been terminated or stopped";
    match (it.state, machine) {
        (_, None | Some(Terminated)) => Some(Step::Gone(it.id.clone())),
        (LifecycleState::Terminating, _)
        | (LifecycleState::Pending, Some(Pending))
        | (LifecycleState::InService, Some(Running | Pending)) => None,
        (LifecycleState::Pending, Some(Running)) => Some(Step::InService(it.id.clone())),
        (_, Some(ShuttingDown)) => None,
        _ => Some(Step::End(it.id.clone(), why.into())),
    }
}

fn perform(ec2: &Arc<Ec2>, key: &str, step: Step) -> ApiResult<()> {
    match step {
        Step::InService(id) => change(ec2, key, |group| {
            group.failures = 0;
            if let Some(it) = group.instances.iter_mut().find(|it| it.id == id) {
                it.state = LifecycleState::InService;
                it.in_service = Some(Timestamp::now());
            }
        }),
        Step::Gone(id) => change(ec2, key, |group| {
            let was_pending =
                |it: &GroupInstance| it.id == id && it.state == LifecycleState::Pending;
            if group.instances.iter().any(was_pending) {
                fail(group, &format!("the instance {id} did not start"));
            }
            group.instances.retain(|it| it.id != id);
            if let Some(refresh) = group.active_refresh_mut() {
                refresh.old.remove(&id);
            }
        }),
        Step::End(id, cause) => end(ec2, key, &id, &cause),
        Step::Launch => start(ec2, key),
        Step::Refresh(RefreshStep::End(ids)) => {
            ids.iter().try_for_each(|id| end(ec2, key, id, "an instance refresh"))
        }
        Step::Refresh(step) => change(ec2, key, |group| refresh::apply(group, &step)),
        Step::Remove => ec2.change(|state| {
            state.auto_scaling_groups.remove(key);
            Ok(())
        }),
    }
}

fn change(ec2: &Ec2, key: &str, change: impl FnOnce(&mut AutoScalingGroup)) -> ApiResult<()> {
    ec2.change(|state| {
        if let Some(group) = state.auto_scaling_groups.get_mut(key) {
            change(group);
        }
        Ok(())
    })
}

fn activity(description: String, cause: &str, failure: Option<String>) -> Activity {
    let at = Timestamp::now();
    let cause = format!("At {} {cause}.", at.strftime("%Y-%m-%dT%H:%M:%SZ"));
    Activity { id: new_id("activity"), at, description, cause, failure }
}

/// Notes a launch that failed.
fn fail(group: &mut AutoScalingGroup, why: &str) {
    group.failures += 1;
    group.not_before = Timestamp::now().checked_add(AFTER_FAILURE).ok();
    let description = "Launching a new EC2 instance.".to_owned();
    let failure = format!("{why} Launching EC2 instance failed.");
    group.note(activity(
        description,
        "an instance was started in response to a difference between desired and actual capacity",
        Some(failure),
    ));
}

fn start(ec2: &Arc<Ec2>, key: &str) -> ApiResult<()> {
    let region = ec2.read(|state| {
        state.auto_scaling_groups.get(key).map(|group| group.region.clone()).unwrap_or_default()
    });
    // What is wrong with launches is wrong with those of groups, too.
    if let Fate::Before(Strike::Error(code)) = ec2.faults.fate("RunInstances", &region) {
        let error = ApiError::injected(&code);
        return change(ec2, key, |group| fail(group, &error.message));
    }
    let launched = ec2.change(|state| insert(ec2, state, key));
    match launched {
        Ok(id) => launch(ec2, id),
        Err(error) => change(ec2, key, |group| fail(group, &error.message))?,
    }
    Ok(())
}

/// Notes a new instance of a group, and returns its id.
fn insert(ec2: &Ec2, state: &mut State, key: &str) -> ApiResult<String> {
    let gone = || ApiError::internal("the group is gone");
    let group = state.auto_scaling_groups.get(key).ok_or_else(gone)?.clone();
    let (specification, kind) = specification(group.launch_source());
    let get = |name: &str| specification.get(name).copied().unwrap_or_default().to_owned();
    let mut pairs = vec![
        ("LaunchTemplate.LaunchTemplateId".to_owned(), get("LaunchTemplateId")),
        ("LaunchTemplate.Version".to_owned(), get("Version")),
    ];
    pairs.extend(kind.map(|kind| ("InstanceType".to_owned(), kind.to_owned())));
    let region = group.region.clone();
    let (id, instance_type) = launch_one(ec2, state, &region, pairs, group.subnets.first())?;
    let mut version = get("Version");
    if let Some(instance) = state.instances.get_mut(&id) {
        let tags = group.tags.iter().filter(|it| it.propagates);
        instance.tags.extend(tags.map(|it| (it.key.clone(), it.value.clone())));
        instance.tags.insert("aws:autoscaling:groupName".into(), group.name.clone());
        version = instance.tags.get("aws:ec2launchtemplate:version").cloned().unwrap_or(version);
    }
    let group = state.auto_scaling_groups.get_mut(key).ok_or_else(gone)?;
    group.note(activity(
        format!("Launching a new EC2 instance: {id}"),
        "an instance was started in response to a difference between desired and actual capacity",
        None,
    ));
    group.instances.push(GroupInstance {
        id: id.clone(),
        instance_type,
        template: (get("LaunchTemplateId"), get("LaunchTemplateName"), version),
        state: LifecycleState::Pending,
        in_service: None,
        is_protected: group.protects_new,
    });
    Ok(id)
}

/// Ends an instance of a group.
fn end(ec2: &Arc<Ec2>, key: &str, id: &str, cause: &str) -> ApiResult<()> {
    let is_live = ec2.change(|state| {
        let Some(group) = state.auto_scaling_groups.get_mut(key) else { return Ok(false) };
        if let Some(it) = group.instances.iter_mut().find(|it| it.id == id) {
            it.state = LifecycleState::Terminating;
        }
        let cause = format!("an instance was taken out of service: {cause}");
        group.note(activity(format!("Terminating EC2 instance: {id}"), &cause, None));
        let Some(instance) = state.instances.get_mut(id) else { return Ok(false) };
        let is_live = instance.state != InstanceState::Terminated;
        if is_live {
            instance.state = InstanceState::ShuttingDown;
            instance.state_reason = Some(StateReason::now(
                "Client.UserInitiatedShutdown",
                "Client.UserInitiatedShutdown: User initiated shutdown",
            ));
        }
        Ok(is_live)
    })?;
    if is_live {
        terminate(ec2, id.to_owned());
    }
    Ok(())
}
