//! Machines that are started, shut down and given up.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::ec2::Ec2;
use crate::engine::pending::lock_after_captures;
use crate::engine::switch::settle_switches;
use crate::machines::{Boot, Exit, MachineResult};
use crate::model::{Instance, InstanceState, Layer, ShutdownBehavior, StateReason, new_id};
use crate::{gate, imds};

/// How long a guest may take to shut down after its power button is pressed; then
/// the power is cut, as EC2 does after some minutes. Emulated guests are slow.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(120);

/// Makes the disks where they are missing, starts the machine and watches it.
pub(super) async fn boot(ec2: &Arc<Ec2>, instance: &Instance) -> MachineResult<()> {
    settle_switches(ec2, instance).await?;
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

pub(super) fn has_layer(ec2: &Ec2, volume_id: &str) -> bool {
    ec2.read(|state| state.volumes.get(volume_id).is_some_and(|volume| volume.layer.is_some()))
}

/// The metadata service must listen before the guest asks.
pub(super) fn serve_metadata(ec2: &Arc<Ec2>, id: &str) {
    if let Some(socket) = ec2.machines.metadata_socket(id) {
        imds::serve(ec2.clone(), id, &socket);
    }
}

async fn make_disks(ec2: &Ec2, instance: &Instance) -> MachineResult<()> {
    for attachment in &instance.attachments {
        let volume = ec2.read(|state| state.volumes.get(&attachment.volume_id).cloned());
        let volume = volume
            .ok_or_else(|| format!("the volume {} no longer exists", attachment.volume_id))?;
        if volume.layer.is_some() {
            continue;
        }
        let layer = new_id("layer");
        ec2.machines.create_layer(&layer, volume.parent_layer.as_deref(), volume.size_gib).await?;
        let kept = ec2.change(|state| {
            let parent = volume.parent_layer.clone();
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

pub(super) fn boot_request(ec2: &Ec2, instance: &Instance) -> Boot {
    ec2.read(|state| {
        let volumes = instance.attachments.iter().map(|it| state.volumes.get(&it.volume_id));
        let key = instance.key_name.as_ref();
        let key = key.and_then(|name| state.key_pairs.iter().find(|key| key.name == *name));
        Boot {
            instance_id: instance.id.clone(),
            instance_type: instance.instance_type.clone(),
            architecture: instance.options.architecture.clone(),
            layers: volumes.filter_map(|volume| volume?.layer.clone()).collect(),
            address: instance.address,
            mac: instance.mac.clone(),
            user_data: instance.user_data.as_ref().and_then(|text| STANDARD.decode(text).ok()),
            public_key: key.map(|key| key.public_key.clone()),
        }
    })
}

pub(super) async fn give_up_launch(ec2: &Arc<Ec2>, id: &str, first_start: bool, message: String) {
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
pub(super) async fn advance(
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
pub(super) fn watch(ec2: &Arc<Ec2>, id: String) {
    let ec2 = ec2.clone();
    tokio::spawn(async move {
        let exit = ec2.machines.exited(&id).await;
        let _lock = lock_after_captures(&ec2, &id).await;
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

/// Presses the power button, and cuts the power when that does not help in time.
pub(super) async fn shut_down(ec2: &Ec2, id: &str, force: bool) {
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

/// Starts the machine of a `running` instance that was shut down for a while.
pub(super) async fn boot_again(ec2: &Arc<Ec2>, instance: &Instance) {
    if let Err(message) = boot(ec2, instance).await {
        tracing::error!("{} does not start again: {message}", instance.id);
        let reason = Some(internal_error(&message));
        advance(ec2, &instance.id, InstanceState::Running, InstanceState::Stopped, reason).await;
    }
}

/// Notes an instance as terminated and gives up its disks.
pub(super) async fn release(ec2: &Ec2, id: &str, reason: Option<StateReason>) {
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
