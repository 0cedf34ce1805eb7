//! Instances that exist: describe, start, stop, reboot, terminate, console.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::images::{PLATFORM, USAGE_OPERATION};
use super::query::{Query, find, find_mut, id_list, required_id};
use super::{Action, Call};
use crate::ec2::ACCOUNT;
use crate::engine;
use crate::instance_type::InstanceType;
use crate::model::{Instance, InstanceState, State, StateReason};
use crate::network;
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

pub(super) fn write_state(xml: &mut Xml, name: &str, state: InstanceState) {
    xml.node(name, |xml| {
        xml.text("code", state.code());
        xml.text("name", state.name());
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
        notes: "The power is cut at once. A terminated instance is told of for an hour.",
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
        "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
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

pub(super) fn values(state: &State, instance: &Instance, filter: &str) -> Option<Vec<String>> {
    let attachments = instance.attachments.iter();
    Some(match filter {
        "block-device-mapping.device-name" => attachments.map(|it| it.device.clone()).collect(),
        "block-device-mapping.volume-id" => attachments.map(|it| it.volume_id.clone()).collect(),
        "client-token" => instance.client_token.clone().into_iter().collect(),
        "instance.group-id" | "network-interface.group-id" => instance.groups.clone(),
        "instance.group-name" | "network-interface.group-name" => {
            groups(state, instance).into_iter().map(|(_, name)| name.to_owned()).collect()
        }
        "ip-address" => public_address(instance).iter().map(Ipv4Addr::to_string).collect(),
        "key-name" => instance.key_name.clone().into_iter().collect(),
        "state-reason-code" => instance.state_reason.iter().map(|it| it.code.clone()).collect(),
        _ => vec![match filter {
            "architecture" => instance.options.architecture.clone(),
            "availability-zone" => network::zone(&instance.region),
            "image-id" => instance.image_id.clone(),
            "instance-id" => instance.id.clone(),
            "instance-state-code" => instance.state.code().to_string(),
            "instance-state-name" => instance.state.name().into(),
            "instance-type" => instance.instance_type.clone(),
            "metadata-options.http-tokens" => tokens(instance).into(),
            "monitoring-state" => monitoring(instance).into(),
            "network-interface.network-interface-id" => interface_id(instance, "eni"),
            "platform-details" => PLATFORM.into(),
            "private-dns-name" | "network-interface.private-dns-name" => {
                network::private_dns_name(instance.address)
            }
            "private-ip-address" | "network-interface.addresses.private-ip-address" => {
                instance.address.to_string()
            }
            "launch-time" => instance.launch_time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "owner-id" => ACCOUNT.into(),
            "reservation-id" => instance.reservation_id.clone(),
            "root-device-name" => instance.root_device_name.clone(),
            "root-device-type" => "ebs".into(),
            "source-dest-check" => instance.options.source_dest_check.to_string(),
            "subnet-id" | "network-interface.subnet-id" => instance.subnet_id.clone(),
            "vpc-id" | "network-interface.vpc-id" => network::VPC_ID.into(),
            _ => return None,
        }],
    })
}

/// The ids and names of an instance's security groups.
pub(super) fn groups<'a>(state: &'a State, instance: &'a Instance) -> Vec<(&'a str, &'a str)> {
    let groups = instance.groups.iter().filter_map(|id| state.security_groups.get(id));
    groups.map(|group| (group.id.as_str(), group.name.as_str())).collect()
}

pub(super) fn write_groups(xml: &mut Xml, state: &State, instance: &Instance) {
    xml.list("groupSet", groups(state, instance), |xml, (id, name)| {
        xml.text("groupId", id);
        xml.text("groupName", name);
    });
}

/// A reservation with its instances, as RunInstances and DescribeInstances answer.
pub(super) fn write_reservation(xml: &mut Xml, state: &State, id: &str, instances: &[&Instance]) {
    xml.text("reservationId", id);
    xml.text("ownerId", ACCOUNT);
    xml.list("groupSet", std::iter::empty::<()>(), |_, ()| {});
    xml.list("instancesSet", instances, |xml, instance| write(xml, state, instance));
}

/// One that has ended has none any more.
fn public_address(instance: &Instance) -> Option<Ipv4Addr> {
    (instance.is_public && instance.state.is_live()).then_some(instance.address)
}

fn write(xml: &mut Xml, state: &State, instance: &Instance) {
    let public = public_address(instance);
    xml.text("instanceId", &instance.id);
    xml.text("imageId", &instance.image_id);
    write_state(xml, "instanceState", instance.state);
    xml.text("privateDnsName", network::private_dns_name(instance.address));
    xml.option("dnsName", public.map(network::public_dns_name));
    if let Some(reason) = &instance.state_reason {
        xml.text("reason", reason.transition());
    }
    xml.option("keyName", instance.key_name.as_ref());
    xml.text("amiLaunchIndex", instance.launch_index);
    xml.text("instanceType", &instance.instance_type);
    xml.time("launchTime", instance.launch_time);
    xml.node("placement", |xml| {
        xml.text("availabilityZone", network::zone(&instance.region));
        xml.text("availabilityZoneId", network::zone_id(&instance.region));
        xml.text("groupName", "");
        xml.text("tenancy", "default");
    });
    xml.node("monitoring", |xml| xml.text("state", monitoring(instance)));
    xml.text("platformDetails", PLATFORM);
    xml.text("usageOperation", USAGE_OPERATION);
    xml.time("usageOperationUpdateTime", instance.launch_time);
    xml.text("subnetId", &instance.subnet_id);
    xml.text("vpcId", network::VPC_ID);
    xml.text("privateIpAddress", instance.address);
    xml.option("ipAddress", public);
    write_groups(xml, state, instance);
    if let Some(reason) = &instance.state_reason {
        xml.node("stateReason", |xml| {
            xml.text("code", &reason.code);
            xml.text("message", &reason.message);
        });
    }
    let options = &instance.options;
    xml.text("sourceDestCheck", options.source_dest_check);
    xml.text("ebsOptimized", options.ebs_optimized);
    xml.text("enaSupport", options.ena_support);
    xml.option("sriovNetSupport", options.sriov.as_ref());
    xml.option("bootMode", options.boot_mode.as_ref());
    xml.text("currentInstanceBootMode", boot_mode(instance));
    if let Some(size) = InstanceType::parse(&instance.instance_type) {
        let threads = if size.vcpus > 1 && options.architecture == "x86_64" { 2 } else { 1 };
        xml.node("cpuOptions", |xml| {
            xml.text("coreCount", size.vcpus / threads);
            xml.text("threadsPerCore", threads);
        });
    }
    xml.node("hibernationOptions", |xml| xml.text("configured", false));
    xml.node("enclaveOptions", |xml| xml.text("enabled", false));
    xml.node("maintenanceOptions", |xml| xml.text("autoRecovery", "default"));
    xml.node("capacityReservationSpecification", |xml| {
        xml.text("capacityReservationPreference", "open");
    });
    xml.node("privateDnsNameOptions", |xml| {
        xml.text("hostnameType", "ip-name");
        xml.text("enableResourceNameDnsARecord", false);
        xml.text("enableResourceNameDnsAAAARecord", false);
    });
    xml.list("productCodes", std::iter::empty::<()>(), |_, ()| {});
    write_interfaces(xml, state, instance);
    xml.text("architecture", &options.architecture);
    xml.text("rootDeviceType", "ebs");
    xml.text("rootDeviceName", &instance.root_device_name);
    write_attachments(xml, state, instance);
    xml.text("virtualizationType", "hvm");
    xml.text("hypervisor", "xen");
    xml.option("clientToken", instance.client_token.as_ref());
    xml.tags(&instance.tags);
    xml.node("metadataOptions", |xml| {
        xml.text("state", "applied");
        xml.text("httpTokens", tokens(instance));
        xml.text("httpPutResponseHopLimit", instance.options.hop_limit);
        xml.text("httpEndpoint", "enabled");
        xml.text("httpProtocolIpv6", "disabled");
        let tags = if instance.tags_in_metadata { "enabled" } else { "disabled" };
        xml.text("instanceMetadataTags", tags);
    });
}

fn tokens(instance: &Instance) -> &'static str {
    if instance.options.wants_token { "required" } else { "optional" }
}

fn monitoring(instance: &Instance) -> &'static str {
    if instance.options.monitoring { "enabled" } else { "disabled" }
}

/// How the machine was really booted: by a BIOS, unless its image can only do otherwise.
fn boot_mode(instance: &Instance) -> &'static str {
    match instance.options.boot_mode.as_deref() {
        Some("uefi") => "uefi",
        _ => "legacy-bios",
    }
}

/// The id of the one network interface, or its attachment: what is behind its instance's.
fn interface_id(instance: &Instance, prefix: &str) -> String {
    let digits = instance.id.split_once('-').map_or("", |(_, digits)| digits);
    format!("{prefix}-{digits}")
}

/// The one network interface, while the instance is not terminated.
fn write_interfaces(xml: &mut Xml, state: &State, instance: &Instance) {
    let there = instance.state != InstanceState::Terminated;
    let public = public_address(instance);
    let association = |xml: &mut Xml| {
        if let Some(public) = public {
            xml.node("association", |xml| {
                xml.text("publicIp", public);
                xml.text("publicDnsName", network::public_dns_name(public));
                xml.text("ipOwnerId", "amazon");
            });
        }
    };
    xml.list("networkInterfaceSet", there.then_some(()), |xml, ()| {
        xml.text("networkInterfaceId", interface_id(instance, "eni"));
        xml.text("interfaceType", "interface");
        xml.text("subnetId", &instance.subnet_id);
        xml.text("vpcId", network::VPC_ID);
        xml.text("description", "");
        xml.text("ownerId", ACCOUNT);
        xml.text("status", "in-use");
        xml.text("macAddress", &instance.mac);
        xml.text("privateIpAddress", instance.address);
        xml.text("privateDnsName", network::private_dns_name(instance.address));
        xml.text("sourceDestCheck", instance.options.source_dest_check);
        write_groups(xml, state, instance);
        xml.node("attachment", |xml| {
            xml.text("attachmentId", interface_id(instance, "eni-attach"));
            xml.text("deviceIndex", 0);
            xml.text("networkCardIndex", 0);
            xml.text("status", "attached");
            xml.time("attachTime", instance.launch_time);
            xml.text("deleteOnTermination", true);
        });
        association(xml);
        xml.list("privateIpAddressesSet", [()], |xml, ()| {
            xml.text("privateIpAddress", instance.address);
            xml.text("privateDnsName", network::private_dns_name(instance.address));
            xml.text("primary", true);
            association(xml);
        });
        xml.list("ipv6AddressesSet", std::iter::empty::<()>(), |_, ()| {});
    });
}

pub(super) fn write_attachments(xml: &mut Xml, state: &State, instance: &Instance) {
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
}
