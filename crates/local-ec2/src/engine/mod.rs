//! What happens after an action has returned: machines start and stop, images
//! become available. Each transition holds the instance's lock, reads the state
//! afresh, and may be repeated after a crash ([`resume`]).

mod capture;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use crate::ec2::Ec2;
use crate::gate;
use crate::machines::{Boot, Exit, MachineResult};
use crate::model::{Instance, InstanceState, Layer, ShutdownBehavior, State, StateReason, new_id};

pub(crate) use capture::{take_image, take_snapshot};

/// How long a guest may take to shut down after its power button is pressed; then
/// the power is cut, as EC2 does after some minutes. Emulated guests are slow.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(120);

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

fn has_layer(ec2: &Ec2, volume_id: &str) -> bool {
    ec2.read(|state| state.volumes.get(volume_id).is_some_and(|volume| volume.layer.is_some()))
}

/// Makes the disks where they are missing, starts the machine and watches it.
async fn boot(ec2: &Arc<Ec2>, instance: &Instance) -> MachineResult<()> {
    capture::settle_switches(ec2, instance).await?;
    make_disks(ec2, instance).await?;
    let boot = boot_request(ec2, instance);
    serve_metadata(ec2, &instance.id);
    ec2.machines.start(&boot).await?;
    gate::open(ec2, &instance.id, instance.address);
    // Whoever stopped or terminated it meanwhile waits for the lock and goes on from here.
    advance(ec2, &instance.id, InstanceState::Pending, InstanceState::Running, None).await;
    watch(ec2, instance.id.clone());
    Ok(())
}

/// The metadata service must listen before the guest asks.
fn serve_metadata(ec2: &Arc<Ec2>, id: &str) {
    if let Some(socket) = ec2.machines.metadata_socket(id) {
        ec2.metadata.serve(ec2.clone(), id, &socket);
    }
}

async fn make_disks(ec2: &Ec2, instance: &Instance) -> MachineResult<()> {
    for attachment in &instance.attachments {
        let volume = ec2.read(|state| state.volumes.get(&attachment.volume_id).cloned());
        let volume =
            volume.ok_or_else(|| format!("the volume {} is gone", attachment.volume_id))?;
        if volume.layer.is_some() {
            continue;
        }
        let layer = new_id("layer");
        ec2.machines.create_layer(&layer, &volume.parent_layer, volume.size_gib).await?;
        let kept = ec2.change(|state| {
            let parent = Some(volume.parent_layer.clone());
            state.layers.insert(Layer { id: layer.clone(), parent });
            if let Some(volume) = state.volumes.get_mut(&volume.id) {
                volume.layer = Some(layer.clone());
            }
            Ok(())
        });
        kept.map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn boot_request(ec2: &Ec2, instance: &Instance) -> Boot {
    ec2.read(|state| {
        let volumes = instance.attachments.iter().map(|it| state.volumes.get(&it.volume_id));
        let key = instance.key_name.as_ref();
        let key = key.and_then(|name| state.key_pairs.iter().find(|key| key.name == *name));
        Boot {
            instance_id: instance.id.clone(),
            instance_type: instance.instance_type.clone(),
            layers: volumes.filter_map(|volume| volume?.layer.clone()).collect(),
            address: instance.address,
            mac: instance.mac.clone(),
            user_data: instance.user_data.as_ref().and_then(|text| STANDARD.decode(text).ok()),
            public_key: key.map(|key| key.public_key.clone()),
        }
    })
}

async fn give_up_launch(ec2: &Arc<Ec2>, id: &str, first_start: bool, message: String) {
    let reason = Some(internal_error(&message));
    if first_start {
        release(ec2, id, reason).await;
    } else {
        advance(ec2, id, InstanceState::Pending, InstanceState::Stopped, reason).await;
    }
}

/// What EC2 says of an instance that it could not start.
fn internal_error(message: &str) -> StateReason {
    StateReason::now("Server.InternalError", &format!("Server.InternalError: {message}"))
}

/// Takes an instance from one state to the next; one that is in another state by now
/// stays there, because someone asked for that.
async fn advance(
    ec2: &Ec2,
    id: &str,
    from: InstanceState,
    to: InstanceState,
    reason: Option<StateReason>,
) {
    ec2.insist(&format!("{id} is {}", to.name()), |all| {
        if all.instances.get(id).is_some_and(|instance| instance.state == from)
            && let Some(instance) = all.instances.get_mut(id)
        {
            instance.state = to;
            instance.state_reason.clone_from(&reason);
        }
    })
    .await;
}

/// Notices when a machine ends by itself: a guest that powers itself off gets what its
/// shutdown behaviour says, one whose machine was lost is stopped.
fn watch(ec2: &Arc<Ec2>, id: String) {
    let ec2 = ec2.clone();
    tokio::spawn(async move {
        let exit = ec2.machines.exited(&id).await;
        let _lock = capture::lock_after_captures(&ec2, &id).await;
        let Some(instance) = ec2.instance(&id) else { return };
        // Whoever stops a machine notes the state, so nobody here has done this.
        if instance.state != InstanceState::Running || ec2.machines.is_running(&id).await {
            return;
        }
        if exit == Exit::Host {
            let reason = Some(internal_error("the machine has ended, and not by its guest"));
            advance(&ec2, &id, InstanceState::Running, InstanceState::Stopped, reason).await;
            return;
        }
        let reason = StateReason::now(
            "Client.InstanceInitiatedShutdown",
            "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
        );
        match instance.shutdown_behavior {
            ShutdownBehavior::Stop => {
                let reason = Some(reason);
                advance(&ec2, &id, InstanceState::Running, InstanceState::Stopped, reason).await;
            }
            ShutdownBehavior::Terminate => release(&ec2, &id, Some(reason)).await,
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

/// Presses the power button, and cuts the power when that does not help in time.
async fn shut_down(ec2: &Ec2, id: &str, force: bool) {
    // What a snapshot has to take in.
    if let Some(written) = ec2.machines.written_bytes(id).await {
        tracing::info!("{id} has written {written} bytes to its disks since it was started");
    }
    if !force {
        ec2.machines.power_button(id).await;
        if tokio::time::timeout(SHUTDOWN_DEADLINE, ec2.machines.exited(id)).await.is_ok() {
            return;
        }
        tracing::warn!("{id} did not shut down in {SHUTDOWN_DEADLINE:?}: its power is cut");
    }
    ec2.machines.kill(id).await;
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

/// Starts the machine of a `running` instance that was shut down for a while.
async fn boot_again(ec2: &Arc<Ec2>, instance: &Instance) {
    if let Err(message) = boot(ec2, instance).await {
        tracing::error!("{} does not start again: {message}", instance.id);
        let reason = Some(internal_error(&message));
        advance(ec2, &instance.id, InstanceState::Running, InstanceState::Stopped, reason).await;
    }
}

/// Ends a `shutting-down` instance, once the images that were asked for have its disks.
pub(crate) fn terminate(ec2: &Arc<Ec2>, id: String) {
    let ec2 = ec2.clone();
    tokio::spawn(async move {
        if !capture::is_awaited(&ec2, &id) {
            // Whoever holds the lock may be waiting for the guest to shut down.
            ec2.machines.kill(&id).await;
        }
        let _lock = capture::lock_after_captures(&ec2, &id).await;
        let Some(instance) = ec2.instance(&id) else { return };
        if instance.state == InstanceState::ShuttingDown {
            ec2.machines.kill(&id).await;
            release(&ec2, &id, instance.state_reason).await;
        }
    });
}

/// Notes an instance as terminated and gives up its disks.
async fn release(ec2: &Ec2, id: &str, reason: Option<StateReason>) {
    let now = Timestamp::now();
    ec2.insist(&format!("{id} is terminated"), |state| {
        let Some(instance) = state.instances.get_mut(id) else { return };
        instance.state = InstanceState::Terminated;
        instance.state_reason.clone_from(&reason);
        instance.terminated_at = Some(now);
        for attachment in std::mem::take(&mut instance.attachments) {
            if attachment.delete_on_termination {
                state.volumes.remove(&attachment.volume_id);
            }
        }
    })
    .await;
    ec2.metadata.end(id);
    ec2.machines.forget(id).await;
    ec2.collect_layers().await;
}

/// Removes the instances that were terminated long ago.
fn forget_old(state: &mut State, now: Timestamp) {
    let old = |at: Timestamp| now.duration_since(at) > TERMINATED_VISIBLE;
    let instances = state.instances.iter().filter(|it| it.terminated_at.is_some_and(old));
    let ids: Vec<String> = instances.map(|it| it.id.clone()).collect();
    for id in ids {
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
