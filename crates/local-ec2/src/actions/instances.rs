//! Instances that exist: describe, start, stop, reboot, terminate, console.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::instance_answer::{values, write_reservation, write_state};
use super::query::{Query, find, find_mut, id_list, required_id};
use super::spot::cannot_be_stopped;
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::engine;
use crate::model::{Instance, InstanceState, StateReason};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

fn required_ids(params: &Params) -> ApiResult<Vec<String>> {
    let ids = id_list::<Instance>(params, "InstanceId")?;
    if ids.is_empty() { Err(ApiError::missing("InstanceId")) } else { Ok(ids) }
}

pub(super) fn incorrect_state(instance: &Instance, allowed: &str) -> ApiError {
    let message = format!(
        "The instance '{}' is not in a state from which it can be {allowed}: {}",
        instance.id,
        instance.state.name()
    );
    ApiError::new("IncorrectInstanceState", message)
}

/// A change of state that an action asked for.
struct Change {
    id: String,
    before: InstanceState,
    after: InstanceState,
}

/// Applies `step` to each instance: all of them, or none.
fn change_states(
    call: &Call,
    ids: &[String],
    step: impl Fn(&mut Instance) -> ApiResult<()>,
) -> ApiResult<Vec<Change>> {
    call.ec2.change(|state| {
        let mut changes = Vec::new();
        for id in ids {
            let instance = find_mut(&mut state.instances, id)?;
            let before = instance.state;
            step(instance)?;
            changes.push(Change { id: id.clone(), before, after: instance.state });
        }
        Ok(changes)
    })
}

fn write_changes(xml: &mut Xml, changes: &[Change]) {
    xml.list("instancesSet", changes, |xml, change| {
        xml.text("instanceId", &change.id);
        write_state(xml, "currentState", change.after);
        write_state(xml, "previousState", change.before);
    });
}

pub(super) struct StartInstances {
    ids: Vec<String>,
}

impl Action for StartInstances {
    const REFERENCE: Reference = Reference { honours: &["InstanceId"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(StartInstances { ids: required_ids(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let changes = change_states(call, &self.ids, |instance| match instance.state {
            InstanceState::Pending | InstanceState::Running => Ok(()),
            InstanceState::Stopped => {
                instance.state = InstanceState::Pending;
                instance.state_reason = None;
                instance.launch_time = Timestamp::now();
                Ok(())
            }
            _ => Err(incorrect_state(instance, "started")),
        })?;
        for change in changes.iter().filter(|change| change.before != change.after) {
            engine::launch(&call.ec2, change.id.clone());
        }
        write_changes(xml, &changes);
        Ok(())
    }
}

pub(super) struct StopInstances {
    ids: Vec<String>,
    force: bool,
}

impl Action for StopInstances {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceId", "Force"],
        defaults: &[("Hibernate", "false"), ("SkipOsShutdown", "false")],
        notes: "An ACPI power button; after two minutes the power is cut.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(StopInstances { ids: required_ids(params)?, force: params.flag("Force")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let changes = change_states(call, &self.ids, |instance| match instance.state {
            InstanceState::Stopping | InstanceState::Stopped => Ok(()),
            InstanceState::Pending | InstanceState::Running if instance.spot_request.is_some() => {
                Err(cannot_be_stopped(instance))
            }
            InstanceState::Pending | InstanceState::Running => {
                instance.state = InstanceState::Stopping;
                instance.state_reason = Some(user_initiated());
                Ok(())
            }
            _ => Err(incorrect_state(instance, "stopped")),
        })?;
        if self.force {
            // Also of those that are shutting down already, and do not come to an end.
            for change in &changes {
                engine::cut_power(&call.ec2, change.id.clone());
            }
        }
        for change in changes.iter().filter(|change| change.before != change.after) {
            engine::stop(&call.ec2, change.id.clone(), self.force);
        }
        write_changes(xml, &changes);
        Ok(())
    }
}

fn user_initiated() -> StateReason {
    StateReason::now(
        "Client.UserInitiatedShutdown",
        "Client.UserInitiatedShutdown: User initiated shutdown",
    )
}

pub(super) struct TerminateInstances {
    ids: Vec<String>,
}

impl Action for TerminateInstances {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceId"],
        notes: "The power is cut at once. A terminated instance stays visible for an hour.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(TerminateInstances { ids: required_ids(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let changes = change_states(call, &self.ids, |instance| {
            if !matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated) {
                if instance.termination_protected {
                    return Err(protected(&instance.id));
                }
                instance.state = InstanceState::ShuttingDown;
                instance.state_reason = Some(user_initiated());
            }
            Ok(())
        })?;
        for change in changes.iter().filter(|change| change.before != change.after) {
            engine::terminate(&call.ec2, change.id.clone());
        }
        write_changes(xml, &changes);
        Ok(())
    }
}

fn protected(id: &str) -> ApiError {
    let message = format!(
        "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance \
         attribute and try again."
    );
    ApiError::new("OperationNotPermitted", message)
}

pub(super) struct RebootInstances {
    ids: Vec<String>,
}

impl Action for RebootInstances {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceId"],
        notes: "An ACPI power button and a new start; after two minutes the power is cut.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(RebootInstances { ids: required_ids(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let changes = change_states(call, &self.ids, |instance| match instance.state {
            InstanceState::Running => {
                instance.rebooting = true;
                Ok(())
            }
            _ => Err(incorrect_state(instance, "rebooted")),
        })?;
        for change in changes {
            engine::reboot(&call.ec2, change.id);
        }
        xml.text("return", true);
        Ok(())
    }
}

pub(super) struct GetConsoleOutput {
    id: String,
}

impl Action for GetConsoleOutput {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceId"],
        ignores: &["Latest"],
        notes: "Always the latest: firmware, boot loader and kernel are on it.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(GetConsoleOutput { id: required_id::<Instance>(params, "InstanceId")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let instance = call.ec2.view(|state| find(&state.instances, &self.id).cloned())?;
        let mut output = call.ec2.machines.console(&self.id);
        // A machine that could not even be switched on has nothing to say.
        if let Some(reason) = instance.state_reason.filter(|_| output.is_empty()) {
            output = reason.message.into_bytes();
        }
        // "the most recent 64 KB of instance console output"
        let start = output.len().saturating_sub(64 * 1024);
        xml.text("instanceId", &self.id);
        xml.time("timestamp", Timestamp::now());
        xml.text("output", in_lines(&STANDARD.encode(&output[start..])));
        Ok(())
    }
}

/// Base64 in lines of 76 characters, as EC2's sample answer has it
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html>).
fn in_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / 76 + 1);
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index % 76 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines
}

pub(super) struct DescribeInstances(Query);

impl Action for DescribeInstances {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceId", "Filter", "MaxResults", "NextToken"],
        ignores: &["IncludeManagedResources"],
        filters: &[
            "architecture",
            "availability-zone",
            "block-device-mapping.device-name",
            "block-device-mapping.volume-id",
            "client-token",
            "image-id",
            "instance-id",
            "instance-lifecycle",
            "instance-state-code",
            "instance-state-name",
            "instance-type",
            "instance.group-id",
            "instance.group-name",
            "ip-address",
            "key-name",
            "launch-time",
            "metadata-options.http-tokens",
            "monitoring-state",
            "network-interface.addresses.private-ip-address",
            "network-interface.group-id",
            "network-interface.group-name",
            "network-interface.network-interface-id",
            "network-interface.private-dns-name",
            "network-interface.subnet-id",
            "network-interface.vpc-id",
            "owner-id",
            "platform-details",
            "private-dns-name",
            "private-ip-address",
            "reservation-id",
            "root-device-name",
            "root-device-type",
            "source-dest-check",
            "spot-instance-request-id",
            "state-reason-code",
            "subnet-id",
            "tag:KEY",
            "tag-key",
            "vpc-id",
        ],
        notes: "A public address is the private one, a loopback address; SSH is at the port \
                that `amiable local start --ssh-port` says (2222).",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let query = Query::decode_strictly::<Instance>(params, "InstanceId", &Self::REFERENCE)?;
        Ok(DescribeInstances(query))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let (rows, token) =
                self.0.select(&state.instances, &call.region, |instance, name| {
                    values(state, instance, name)
                })?;
            let mut reservations: Vec<(&str, Vec<&Instance>)> = Vec::new();
            let mut places: HashMap<&str, usize> = HashMap::new();
            for instance in rows {
                let id = instance.reservation_id.as_str();
                let place = *places.entry(id).or_insert_with(|| {
                    reservations.push((id, Vec::new()));
                    reservations.len() - 1
                });
                reservations[place].1.push(instance);
            }
            xml.list("reservationSet", reservations, |xml, (id, instances)| {
                write_reservation(xml, state, id, &instances);
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}
