//! A volume that goes on in another layer.

use crate::ec2::Ec2;
use crate::machines::MachineResult;
use crate::model::{Instance, Layer, Switch, Volume};

/// Lets a machine write to another layer, if it runs. One that ends meanwhile is no
/// failure: the new layer holds nothing, or what the machine wrote last.
pub(super) async fn switch_machine(
    ec2: &Ec2,
    instance_id: &str,
    disk: usize,
    layer: &str,
) -> MachineResult<()> {
    let machines = &ec2.machines;
    if !machines.is_running(instance_id).await || machines.writes_to(instance_id, disk, layer).await
    {
        return Ok(());
    }
    match machines.switch_layer(instance_id, disk, layer).await {
        Err(message) if machines.is_running(instance_id).await => Err(message),
        _ => Ok(()),
    }
}

pub(super) fn begin_switch(
    ec2: &Ec2,
    volume: &Volume,
    layer: &str,
    switch: &Switch,
) -> MachineResult<()> {
    let begun = ec2.change(|state| {
        let (id, parent) = (switch.next_layer.clone(), Some(layer.to_owned()));
        state.layers.insert(Layer { id, parent });
        if let Some(volume) = state.volumes.get_mut(&volume.id) {
            volume.switch = Some(switch.clone());
        }
        Ok(())
    });
    begun.map_err(|error| error.to_string())
}

pub(super) async fn take_switch_back(ec2: &Ec2, volume_id: &str, switch: &Switch) {
    ec2.insist(&format!("{volume_id} has no new snapshot"), |state| {
        if let Some(volume) = state.volumes.get_mut(volume_id) {
            volume.switch = None;
        }
        state.layers.remove(&switch.next_layer);
    })
    .await;
    ec2.machines.delete_layer(&switch.next_layer).await;
}

pub(super) fn finish_switch(ec2: &Ec2, volume_id: &str) -> MachineResult<()> {
    let finished = ec2.change(|state| {
        let Some(volume) = state.volumes.get_mut(volume_id) else { return Ok(()) };
        let Some(switch) = volume.switch.take() else { return Ok(()) };
        let frozen = volume.layer.replace(switch.next_layer);
        if let Some(snapshot) = state.snapshots.get_mut(&switch.snapshot_id) {
            snapshot.layer = frozen;
        }
        Ok(())
    });
    finished.map_err(|error| error.to_string())
}

/// Finishes the switches that were noted and, maybe, not made: a server was killed, or
/// could not write its state. The new layer stands on the old one, so it is right to go
/// on with it whether or not the machine has done so.
pub(super) async fn settle_switches(ec2: &Ec2, instance: &Instance) -> MachineResult<()> {
    for (disk, attachment) in instance.attachments.iter().enumerate() {
        let volume = ec2.read(|state| state.volumes.get(&attachment.volume_id).cloned());
        if let Some(switch) = volume.and_then(|volume| volume.switch) {
            switch_machine(ec2, &instance.id, disk, &switch.next_layer).await?;
            finish_switch(ec2, &attachment.volume_id)?;
        }
    }
    Ok(())
}
