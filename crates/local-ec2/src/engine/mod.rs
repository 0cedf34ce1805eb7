//! What happens after an action has returned: machines start and stop, images
//! become available. Each transition holds the instance's lock, reads the state
//! afresh, and may be repeated after a crash ([`resume`]).

mod auto_scaling;
mod capture;
mod parameters;
mod pending;
mod power;
mod refresh;
mod switch;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub(crate) use auto_scaling::keep_scaled;
pub(crate) use capture::{take_image, take_snapshot};
pub(crate) use parameters::look_at_parameter;

use crate::ec2::Ec2;
use crate::engine::pending::{is_awaited, lock_after_captures};
use crate::engine::power::{
    advance, boot, boot_again, boot_request, give_up_launch, has_layer, release, serve_metadata,
    shut_down, watch,
};
use crate::gate;
use crate::model::{Instance, InstanceState, State, StateReason};
use crate::protocol::ApiError;

/// How long a terminated instance stays visible: EC2 says "approximately one hour".
const TERMINATED_VISIBLE: SignedDuration = SignedDuration::from_hours(1);

/// Starts the machine of a `pending` instance.
pub(crate) fn launch(ec2: &Arc<Ec2>, id: String) {
    let ec2 = ec2.clone();
    tokio::spawn(async move {
        let _lock = ec2.lock(&id).await;
        let Some(instance) = ec2.instance(&id).filter(|it| it.state == InstanceState::Pending)
        else {
            return;
        };
        let first_start = instance.attachments.iter().any(|it| !has_layer(&ec2, &it.volume_id));
        if let Err(message) = boot(&ec2, &instance).await {
            tracing::error!("{id} does not start: {message}");
            give_up_launch(&ec2, &id, first_start, message).await;
        }
    });
}

/// Cuts the power of an instance at once, whoever is at work on it.
pub(crate) fn cut_power(ec2: &Arc<Ec2>, id: String) {
    let ec2 = ec2.clone();
    tokio::spawn(async move { ec2.machines.kill(&id).await });
}

/// Shuts the machine of a `stopping` instance down.
pub(crate) fn stop(ec2: &Arc<Ec2>, id: String, force: bool) {
    let ec2 = ec2.clone();
    tokio::spawn(async move {
        let _lock = ec2.lock(&id).await;
        let Some(instance) = ec2.instance(&id).filter(|it| it.state == InstanceState::Stopping)
        else {
            return;
        };
        shut_down(&ec2, &id, force).await;
        let reason = instance.state_reason;
        advance(&ec2, &id, InstanceState::Stopping, InstanceState::Stopped, reason).await;
    });
}

/// Shuts the machine of a `running` instance down and starts it again, as EC2 does when
/// it is told to reboot an instance.
pub(crate) fn reboot(ec2: &Arc<Ec2>, id: String) {
    let ec2 = ec2.clone();
    tokio::spawn(async move {
        let _lock = ec2.lock(&id).await;
        let wanted = |it: &Instance| it.rebooting && it.state == InstanceState::Running;
        if let Some(instance) = ec2.instance(&id).filter(wanted) {
            if ec2.machines.is_running(&id).await {
                shut_down(&ec2, &id, false).await;
            }
            boot_again(&ec2, &instance).await;
        }
        ec2.insist(&format!("{id} is rebooted"), |state| {
            if let Some(instance) = state.instances.get_mut(&id) {
                instance.rebooting = false;
            }
        })
        .await;
    });
}

/// Ends a `shutting-down` instance, once the images that were asked for have its disks.
pub(crate) fn terminate(ec2: &Arc<Ec2>, id: String) {
    let ec2 = ec2.clone();
    tokio::spawn(async move {
        if !is_awaited(&ec2, &id) {
            // Whoever holds the lock may be waiting for the guest to shut down.
            ec2.machines.kill(&id).await;
        }
        let _lock = lock_after_captures(&ec2, &id).await;
        let Some(instance) = ec2.instance(&id) else { return };
        if instance.state == InstanceState::ShuttingDown {
            ec2.machines.kill(&id).await;
            release(&ec2, &id, instance.state_reason).await;
        }
    });
}

/// Takes a Spot Instance back, as EC2 does when it needs the capacity.
///
/// # Errors
/// When it is none, or does not run.
pub(crate) fn interrupt(ec2: &Arc<Ec2>, id: &str) -> Result<(), String> {
    let changed = ec2.change(|state| {
        let instance = state.instances.get_mut(id);
        let running = instance.filter(|it| it.spot_request.is_some() && it.state.is_live());
        let Some(instance) = running else {
            return Err(ApiError::new(
                "IncorrectState",
                format!("{id} is not a running Spot Instance"),
            ));
        };
        instance.state = InstanceState::ShuttingDown;
        // <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html>
        instance.state_reason = Some(StateReason::now(
            "Server.SpotInstanceTermination",
            "Server.SpotInstanceTermination: Spot Instance termination",
        ));
        Ok(())
    });
    changed.map_err(|error| error.message)?;
    terminate(ec2, id.to_owned());
    Ok(())
}

/// Removes the instances that were terminated long ago.
fn forget_old(state: &mut State, now: Timestamp) {
    let old = |at: Timestamp| now.duration_since(at) > TERMINATED_VISIBLE;
    let instances = state.instances.iter().filter(|it| it.terminated_at.is_some_and(old));
    let ids: Vec<String> = instances.map(|it| it.id.clone()).collect();
    for id in ids {
        let request = state.instances.get(&id).and_then(|it| it.spot_request.clone());
        if let Some(request) = request {
            state.spot_requests.remove(&request);
        }
        state.instances.remove(&id);
    }
}

/// Forgets terminated instances when their time has come, as long as the server lives.
pub(crate) async fn forget_terminated(ec2: Arc<Ec2>) {
    loop {
        ec2.insist("old instances are forgotten", |state| forget_old(state, Timestamp::now()))
            .await;
        ec2.insist("the Recycle Bin is emptied", |state| empty_bin(state, Timestamp::now())).await;
        ec2.collect_layers().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

/// Gives up what is kept no longer.
fn empty_bin(state: &mut State, now: Timestamp) {
    let images = state.binned_images.iter().filter(|it| it.exits <= now);
    let images: Vec<String> = images.map(|it| it.row.id.clone()).collect();
    images.iter().for_each(|id| drop(state.binned_images.remove(id)));
    let snapshots = state.binned_snapshots.iter().filter(|it| it.exits <= now);
    let snapshots: Vec<String> = snapshots.map(|it| it.row.id.clone()).collect();
    snapshots.iter().for_each(|id| drop(state.binned_snapshots.remove(id)));
}

/// Takes up what an earlier server left: machines that run, transitions half done.
pub(crate) async fn resume(ec2: &Arc<Ec2>) {
    delete_orphans(ec2).await;
    parameters::resume(ec2);
    let live: Vec<Instance> =
        ec2.read(|state| state.instances.iter().filter(|it| it.state.is_live()).cloned().collect());
    let mut attached = HashSet::new();
    for instance in &live {
        if ec2.machines.attach(&boot_request(ec2, instance)).await {
            attached.insert(instance.id.clone());
            serve_metadata(ec2, &instance.id);
            gate::open(ec2, &instance.id, instance.address);
        }
    }
    // Before anyone looks at the machines: one that is off for its image is not one
    // whose guest has shut down.
    capture::resume(ec2).await;
    for instance in live {
        let id = instance.id;
        match instance.state {
            InstanceState::Pending if attached.contains(&id) => {
                advance(ec2, &id, InstanceState::Pending, InstanceState::Running, None).await;
                watch(ec2, id);
            }
            InstanceState::Pending => launch(ec2, id),
            InstanceState::Running if instance.rebooting => reboot(ec2, id),
            InstanceState::Running => watch(ec2, id),
            InstanceState::Stopping => stop(ec2, id, false),
            InstanceState::ShuttingDown => terminate(ec2, id),
            InstanceState::Stopped | InstanceState::Terminated => {}
        }
    }
}

/// Files that were made and never noted, because the server was killed in between.
async fn delete_orphans(ec2: &Ec2) {
    for layer in ec2.machines.layers_on_disk().await {
        if ec2.read(|state| state.layers.get(&layer).is_none()) {
            tracing::info!("deleting the layer {layer}, which nothing knows");
            ec2.machines.delete_layer(&layer).await;
        }
    }
    ec2.collect_layers().await;
}
