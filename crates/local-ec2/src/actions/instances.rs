//! Instances that exist: describe, start, stop, reboot, terminate, console.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::{Action, Page, check_id};
use crate::ec2::{ACCOUNT, Call};
use crate::engine;
use crate::model::{Instance, InstanceState, State, StateReason};
use crate::network;
use crate::protocol::{ApiError, ApiResult, Filter, Params, Xml, matches, paginate};

fn not_found(id: &str) -> ApiError {
    ApiError::not_found("InvalidInstanceID", "instance ID", id)
}

fn check_instance_ids(ids: Vec<String>) -> ApiResult<Vec<String>> {
    for id in &ids {
        check_id(id, "i", "InvalidInstanceID")?;
    }
    Ok(ids)
}

fn required_ids(params: &Params) -> ApiResult<Vec<String>> {
    let ids = check_instance_ids(params.list("InstanceId"))?;
    if ids.is_empty() {
        return Err(ApiError::new(
            "MissingParameter",
            "The request must contain the parameter InstanceId",
        ));
    }
    Ok(ids)
}

fn incorrect_state(instance: &Instance, allowed: &str) -> ApiError {
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
            let instance = state.instances.get_mut(id).ok_or_else(|| not_found(id))?;
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

fn write_state(xml: &mut Xml, name: &str, state: InstanceState) {
    xml.node(name, |xml| {
        xml.text("code", state.code());
        xml.text("name", state.name());
    });
}

pub(super) struct StartInstances {
    ids: Vec<String>,
}

impl Action for StartInstances {
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
    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(StopInstances { ids: required_ids(params)?, force: params.flag("Force")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let changes = change_states(call, &self.ids, |instance| match instance.state {
            InstanceState::Stopping | InstanceState::Stopped => Ok(()),
            InstanceState::Pending | InstanceState::Running => {
                instance.state = InstanceState::Stopping;
                instance.state_reason = Some(user_initiated());
                Ok(())
            }
            _ => Err(incorrect_state(instance, "stopped")),
        })?;
        for change in changes.iter().filter(|change| change.before != change.after) {
            engine::stop(&call.ec2, change.id.clone(), self.force);
        }
        write_changes(xml, &changes);
        Ok(())
    }
}

fn user_initiated() -> StateReason {
    StateReason {
        code: "Client.UserInitiatedShutdown".into(),
        message: "Client.UserInitiatedShutdown: User initiated shutdown".into(),
    }
}

pub(super) struct TerminateInstances {
    ids: Vec<String>,
}

impl Action for TerminateInstances {
    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(TerminateInstances { ids: required_ids(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let changes = change_states(call, &self.ids, |instance| {
            if !matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated) {
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

pub(super) struct RebootInstances {
    ids: Vec<String>,
}

impl Action for RebootInstances {
    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(RebootInstances { ids: required_ids(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.read(|state| {
            for id in &self.ids {
                let instance = state.instances.get(id).ok_or_else(|| not_found(id))?;
                if instance.state != InstanceState::Running {
                    return Err(incorrect_state(instance, "rebooted"));
                }
            }
            Ok(())
        })?;
        for id in self.ids {
            let ec2 = call.ec2.clone();
            tokio::spawn(async move { ec2.machines.reset(&id).await });
        }
        xml.text("return", true);
        Ok(())
    }
}

pub(super) struct GetConsoleOutput {
    id: String,
}

impl Action for GetConsoleOutput {
    fn decode(params: &Params) -> ApiResult<Self> {
        // The output here is always the latest.
        params.ignore(&["Latest"]);
        let id = params.required("InstanceId")?;
        check_id(&id, "i", "InvalidInstanceID")?;
        Ok(GetConsoleOutput { id })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.instance(&self.id).ok_or_else(|| not_found(&self.id))?;
        let output = call.ec2.machines.console(&self.id);
        // "the most recent 64 KB of instance console output"
        let start = output.len().saturating_sub(64 * 1024);
        xml.text("instanceId", &self.id);
        xml.time("timestamp", Timestamp::now());
        xml.text("output", STANDARD.encode(&output[start..]));
        Ok(())
    }
}

pub(super) struct DescribeInstances {
    ids: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

impl Action for DescribeInstances {
    fn decode(params: &Params) -> ApiResult<Self> {
        params.ignore(&["IncludeManagedResources"]);
        Ok(DescribeInstances {
            ids: check_instance_ids(params.list("InstanceId"))?,
            filters: params.filters()?,
            page: Page::decode(params)?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.read(|state| {
            for id in &self.ids {
                if state.instances.get(id).is_none() {
                    return Err(not_found(id));
                }
            }
            let mut rows = Vec::new();
            for instance in state.instances.iter() {
                let named = self.ids.is_empty() || self.ids.contains(&instance.id);
                if named && matches(&self.filters, &instance.tags, |name| values(instance, name))? {
                    rows.push(instance);
                }
            }
            let page = self.page;
            let (rows, token) =
                paginate(rows, |row| &row.id, page.max_results, page.next_token.as_deref())?;
            xml.list("reservationSet", rows, |xml, instance| {
                write_reservation(xml, state, &instance.reservation_id, &[instance]);
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn values(instance: &Instance, filter: &str) -> Option<Vec<String>> {
    let volumes = || instance.attachments.iter().map(|it| it.volume_id.clone()).collect();
    Some(match filter {
        "block-device-mapping.volume-id" => volumes(),
        "client-token" => instance.client_token.clone().into_iter().collect(),
        "key-name" => instance.key_name.clone().into_iter().collect(),
        _ => vec![match filter {
            "architecture" => "x86_64".into(),
            "availability-zone" => network::zone(&instance.region),
            "image-id" => instance.image_id.clone(),
            "instance-id" => instance.id.clone(),
            "instance-state-code" => instance.state.code().to_string(),
            "instance-state-name" => instance.state.name().into(),
            "instance-type" => instance.instance_type.clone(),
            "ip-address" | "private-ip-address" => instance.address.to_string(),
            "reservation-id" => instance.reservation_id.clone(),
            "root-device-type" => "ebs".into(),
            "subnet-id" => network::SUBNET_ID.into(),
            "vpc-id" => network::VPC_ID.into(),
            _ => return None,
        }],
    })
}

/// A reservation with its instances, as RunInstances and DescribeInstances answer.
pub(super) fn write_reservation(xml: &mut Xml, state: &State, id: &str, instances: &[&Instance]) {
    xml.text("reservationId", id);
    xml.text("ownerId", ACCOUNT);
    xml.list("groupSet", std::iter::empty::<()>(), |_, ()| {});
    xml.list("instancesSet", instances, |xml, instance| write(xml, state, instance));
}

fn write(xml: &mut Xml, state: &State, instance: &Instance) {
    let live = instance.state.is_live();
    xml.text("instanceId", &instance.id);
    xml.text("imageId", &instance.image_id);
    write_state(xml, "instanceState", instance.state);
    xml.text("privateDnsName", network::private_dns_name(instance.address));
    xml.option("dnsName", live.then(|| network::public_dns_name(instance.address)));
    if let Some(reason) = &instance.state_reason {
        xml.text("reason", &reason.message);
    }
    xml.option("keyName", instance.key_name.as_ref());
    xml.text("amiLaunchIndex", instance.launch_index);
    xml.text("instanceType", &instance.instance_type);
    xml.time("launchTime", instance.launch_time);
    xml.node("placement", |xml| {
        xml.text("availabilityZone", network::zone(&instance.region));
        xml.text("tenancy", "default");
    });
    xml.node("monitoring", |xml| xml.text("state", "disabled"));
    xml.text("subnetId", network::SUBNET_ID);
    xml.text("vpcId", network::VPC_ID);
    xml.text("privateIpAddress", instance.address);
    xml.option("ipAddress", live.then_some(instance.address));
    xml.list("groupSet", [()], |xml, ()| {
        xml.text("groupId", network::DEFAULT_GROUP_ID);
        xml.text("groupName", network::DEFAULT_GROUP_NAME);
    });
    if let Some(reason) = &instance.state_reason {
        xml.node("stateReason", |xml| {
            xml.text("code", &reason.code);
            xml.text("message", &reason.message);
        });
    }
    xml.text("architecture", "x86_64");
    xml.text("rootDeviceType", "ebs");
    xml.text("rootDeviceName", &instance.root_device_name);
    xml.list("blockDeviceMapping", &instance.attachments, |xml, attachment| {
        xml.text("deviceName", &attachment.device);
        xml.node("ebs", |xml| {
            xml.text("volumeId", &attachment.volume_id);
            xml.text("status", "attached");
            let created = state.volumes.get(&attachment.volume_id).map(|volume| volume.created);
            xml.time("attachTime", created.unwrap_or(instance.launch_time));
            xml.text("deleteOnTermination", attachment.delete_on_termination);
        });
    });
    xml.text("virtualizationType", "hvm");
    xml.text("hypervisor", "xen");
    xml.option("clientToken", instance.client_token.as_ref());
    xml.tags(&instance.tags);
    xml.node("metadataOptions", |xml| {
        xml.text("state", "applied");
        xml.text("httpTokens", "required");
        xml.text("httpPutResponseHopLimit", 1);
        xml.text("httpEndpoint", "enabled");
    });
}
