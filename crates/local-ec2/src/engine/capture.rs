//! Images and snapshots of disks. No data is copied: the layer that a volume wrote to
//! becomes the snapshot's, and the volume goes on with a new one on top of it.

use std::sync::Arc;

use crate::ec2::Ec2;
use crate::engine::pending::{Capture, attached_to, holder_of, holder_of_image, pending};
use crate::engine::power::{boot_again, shut_down};
use crate::engine::switch::{
    begin_switch, finish_switch, settle_switches, switch_machine, take_switch_back,
};
use crate::machines::MachineResult;
use crate::model::{
    Image, ImageState, Instance, InstanceState, Snapshot, SnapshotState, Switch, new_id,
};

/// Takes the disks that a `pending` image was created for.
pub(crate) fn take_image(ec2: &Arc<Ec2>, image: &Image) {
    spawn(ec2, holder_of_image(image), Capture::of_image(image));
}

/// Takes the disk that a `pending` snapshot was created for.
pub(crate) fn take_snapshot(ec2: &Arc<Ec2>, snapshot: &Snapshot) {
    spawn(ec2, holder_of(ec2, &snapshot.volume_id), Capture::of_snapshot(snapshot));
}

fn spawn(ec2: &Arc<Ec2>, holder: String, capture: Capture) {
    let ec2 = ec2.clone();
    tokio::spawn(async move {
        let lock = ec2.lock(&holder).await;
        let outcome = freeze(&ec2, &capture).await;
        // What takes time now is no business of the instance any more.
        drop(lock);
        finish(&ec2, &capture, outcome).await;
    });
}

/// Takes up what an earlier server had begun. When this returns, the locks of the
/// instances that are concerned are held.
pub(super) async fn resume(ec2: &Arc<Ec2>) {
    for (holder, captures) in pending(ec2) {
        let (ec2, lock) = (ec2.clone(), ec2.lock(&holder).await);
        tokio::spawn(async move {
            let mut outcomes = Vec::new();
            for capture in captures {
                outcomes.push((freeze(&ec2, &capture).await, capture));
            }
            drop(lock);
            for (outcome, capture) in outcomes {
                finish(&ec2, &capture, outcome).await;
            }
        });
    }
}

/// Takes the disks. The caller holds the lock of the instance or volume.
async fn freeze(ec2: &Arc<Ec2>, capture: &Capture) -> MachineResult<()> {
    // Before a crash, maybe; then only what comes after is left to do.
    let is_cut = capture.is_cut(ec2);
    match &capture.image {
        Some(id) => freeze_image(ec2, id, is_cut).await,
        None if is_cut => Ok(()),
        None => freeze_volume(ec2, &capture.snapshots[0]).await,
    }
}

/// Notes what became of it, after the time that it takes beyond what it costs here.
async fn finish(ec2: &Ec2, capture: &Capture, outcome: MachineResult<()>) {
    // Whatever happened meanwhile: without all disks it is none.
    let outcome = outcome.and_then(|()| {
        if capture.is_cut(ec2) { Ok(()) } else { Err("a disk was gone before it was taken".into()) }
    });
    let name = capture.image.as_ref().unwrap_or_else(|| &capture.snapshots[0]);
    match &outcome {
        Ok(()) => {
            let image = capture.image.as_ref();
            let source = ec2.read(|state| state.images.get(image?)?.source_instance.clone());
            ec2.machines.image_pause(source.as_deref()).await;
        }
        Err(message) => tracing::error!("{name} failed: {message}"),
    }
    let (image_state, snapshot_state) = match outcome {
        Ok(()) => (ImageState::Available, SnapshotState::Completed),
        Err(_) => (ImageState::Failed, SnapshotState::Error),
    };
    // The image may have been deregistered meanwhile; its snapshots stay, as on EC2.
    ec2.insist(&format!("{name} is {}", image_state.name()), |state| {
        for id in &capture.snapshots {
            if let Some(snapshot) = state.snapshots.get_mut(id) {
                snapshot.state = snapshot_state;
            }
        }
        if let Some(image) = capture.image.as_ref().and_then(|id| state.images.get_mut(id)) {
            image.state = image_state;
            image.state_reason = outcome.clone().err();
        }
    })
    .await;
}

/// Takes the disks of an image's instance. Those of a copy are taken already.
async fn freeze_image(ec2: &Arc<Ec2>, image_id: &str, is_cut: bool) -> MachineResult<()> {
    let image = ec2.read(|state| state.images.get(image_id).cloned());
    let image = image.ok_or("it was deregistered")?;
    let Some(id) = &image.source_instance else { return Ok(()) };
    let instance = ec2.instance(id).ok_or_else(|| format!("the instance {id} is gone"))?;
    let cut = if is_cut { Ok(()) } else { freeze_instance(ec2, &image, &instance).await };
    // It may have been stopped or terminated meanwhile, and need not start again then.
    // After a crash it may be off though nobody here switched it off.
    let running = ec2.instance(id).filter(|it| it.state == InstanceState::Running);
    if let Some(instance) = running.filter(|_| !image.no_reboot)
        && !ec2.machines.is_running(id).await
    {
        boot_again(ec2, &instance).await;
    }
    cut
}

async fn freeze_instance(ec2: &Ec2, image: &Image, instance: &Instance) -> MachineResult<()> {
    // EC2 shuts a running instance down for its image unless told not to.
    if !image.no_reboot && ec2.machines.is_running(&instance.id).await {
        shut_down(ec2, &instance.id, false).await;
    }
    cut_instance(ec2, image, instance).await
}

async fn cut_instance(ec2: &Ec2, image: &Image, instance: &Instance) -> MachineResult<()> {
    settle_switches(ec2, instance).await?;
    for (disk, attachment) in instance.attachments.iter().enumerate() {
        let mapping = image.mappings.iter().find(|it| it.device == attachment.device);
        if let Some(mapping) = mapping {
            let machine = Some((instance.id.as_str(), disk));
            cut(ec2, &attachment.volume_id, &mapping.snapshot_id, machine).await?;
        }
    }
    Ok(())
}

async fn freeze_volume(ec2: &Arc<Ec2>, snapshot_id: &str) -> MachineResult<()> {
    let (snapshot, attached) = ec2.read(|state| {
        let snapshot = state.snapshots.get(snapshot_id).cloned();
        let volume_id = snapshot.as_ref().map(|it| it.volume_id.clone()).unwrap_or_default();
        (snapshot, attached_to(state.instances.iter(), &volume_id))
    });
    let snapshot = snapshot.ok_or("it was deleted")?;
    if let Some((instance, _)) = &attached {
        settle_switches(ec2, instance).await?;
    }
    let machine = attached.as_ref().map(|(instance, disk)| (instance.id.as_str(), *disk));
    cut(ec2, &snapshot.volume_id, snapshot_id, machine).await
}

/// Freezes what a volume holds as a snapshot, and lets the volume go on with a new
/// layer. `machine` is the instance that has the volume, and which of its disks it is.
async fn cut(
    ec2: &Ec2,
    volume_id: &str,
    snapshot_id: &str,
    machine: Option<(&str, usize)>,
) -> MachineResult<()> {
    let (volume, done) = ec2.read(|state| {
        let snapshot = state.snapshots.get(snapshot_id);
        let done = snapshot.is_none_or(|snapshot| snapshot.layer.is_some());
        (state.volumes.get(volume_id).cloned(), done)
    });
    if done {
        // It was cut before a crash, or nobody wants it any more.
        return Ok(());
    }
    let volume = volume.ok_or_else(|| format!("the volume {volume_id} is gone"))?;
    if volume.switch.is_some() {
        // Its instance has gone since: nobody writes, so what was noted can be made true.
        finish_switch(ec2, volume_id)?;
    }
    let volume = ec2.read(|state| state.volumes.get(volume_id).cloned()).unwrap_or(volume);
    let layer = volume.layer.clone();
    let layer = layer.ok_or_else(|| format!("the volume {volume_id} was never started"))?;
    let next_layer = new_id("layer");
    ec2.machines.create_layer(&next_layer, Some(&layer), volume.size_gib).await?;
    let switch = Switch { snapshot_id: snapshot_id.to_owned(), next_layer };
    begin_switch(ec2, &volume, &layer, &switch)?;
    if let Some((instance_id, disk)) = machine
        && let Err(message) = switch_machine(ec2, instance_id, disk, &switch.next_layer).await
    {
        take_switch_back(ec2, volume_id, &switch).await;
        return Err(message);
    }
    finish_switch(ec2, volume_id)
}
