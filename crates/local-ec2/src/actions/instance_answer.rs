//! An instance in answers: what filters look at, and its elements.

use std::net::Ipv4Addr;

use super::images::{PLATFORM, USAGE_OPERATION};
use crate::instance_type::InstanceType;
use crate::model::account::ACCOUNT;
use crate::model::{Instance, InstanceState, State};
use crate::network;
use crate::protocol::Xml;

pub(super) fn write_state(xml: &mut Xml, name: &str, state: InstanceState) {
    xml.node(name, |xml| {
        xml.text("code", state.code());
        xml.text("name", state.name());
    });
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
        "instance-lifecycle" => instance.spot_request.iter().map(|_| "spot".to_owned()).collect(),
        "spot-instance-request-id" => instance.spot_request.clone().into_iter().collect(),
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
            "network-interface.network-interface-id" => instance.interface_id("eni"),
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
    if let Some(request) = &instance.spot_request {
        xml.text("instanceLifecycle", "spot");
        xml.text("spotInstanceRequestId", request);
    }
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
        xml.text("networkInterfaceId", instance.interface_id("eni"));
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
            xml.text("attachmentId", instance.interface_id("eni-attach"));
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
