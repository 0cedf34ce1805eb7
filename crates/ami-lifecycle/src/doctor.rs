//! Whether an account is ready: credentials, region, network, quotas, and each right that
//! the commands need, asked for by DryRun so that nothing is done.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    ImageAttributeName, LaunchPermission, LaunchPermissionModifications, Tag,
};
use ipnet::IpNet;
use serde::Serialize;

use crate::access;
use crate::bake::resolve_base;
use crate::cloud::Cloud;
use crate::error::{CloudError, CloudErrorKind};
use crate::ingress;
use crate::naming::Pattern;
use crate::quotas::{self, Room};
use crate::reach::Connect;
use crate::rights::Operation;
use crate::template::{Namespace, Template};

/// Ids that no resource has.
const NO_INSTANCE: &str = "i-0123456789abcdef0";
const NO_IMAGE: &str = "ami-0123456789abcdef0";
const NO_SNAPSHOT: &str = "snap-0123456789abcdef0";
const NO_KEY_PAIR: &str = "amiable-doctor";
const NO_GROUP: &str = "sg-0123456789abcdef0";
const NO_RULE: &str = "sgr-0123456789abcdef0";
/// A public key, for a DryRun that makes no key pair of it.
const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g doctor";

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Something is to be done about it.
    Failed,
    /// EC2's answer does not tell.
    Unknown,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What the user can do.
    pub hint: Option<&'static str>,
}

impl Check {
    fn ok(name: &str, detail: impl Into<String>) -> Check {
        Check { name: name.into(), verdict: Verdict::Ok, detail: detail.into(), hint: None }
    }

    fn failed(name: &str, error: &CloudError) -> Check {
        Check {
            name: name.into(),
            verdict: Verdict::Failed,
            detail: error.to_string(),
            hint: error.hint(),
        }
    }

    fn of<T>(
        name: &str,
        outcome: Result<T, CloudError>,
        detail: impl FnOnce(T) -> String,
    ) -> Check {
        match outcome {
            Ok(found) => Check::ok(name, detail(found)),
            Err(error) => Check::failed(name, &error),
        }
    }
}

/// What a DryRun says of a right.
fn right<T, E>(action: &'static str, answer: Result<T, SdkError<E, Response>>) -> Check
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E, Response>: RequestId,
{
    let name = format!("right: {action}");
    let Err(error) = answer.map_err(|error| CloudError::new(action, error)) else {
        return Check::ok(&name, "allowed");
    };
    match (error.code.as_deref(), error.kind) {
        (Some("DryRunOperation"), _) => Check::ok(&name, "allowed"),
        (_, CloudErrorKind::NoSuchAction) => Check::ok(&name, "not needed with this endpoint"),
        (Some(code), kind) if kind != CloudErrorKind::NotAuthorized => Check {
            name,
            verdict: Verdict::Unknown,
            detail: format!("{code} came before the answer"),
            hint: None,
        },
        _ => Check::failed(&name, &error),
    }
}

type Response = aws_sdk_ec2::config::http::HttpResponse;

/// Looks at everything that the templates need. Stops early where the credentials are
/// no good, as nothing else could be told then.
pub async fn examine_readiness(
    cloud: &Cloud,
    namespace: &Namespace,
    pattern: &Pattern,
    templates: &[Template],
) -> Vec<Check> {
    let identity = cloud.identity().await;
    let known = identity.is_ok();
    let mut checks = vec![Check::of("credentials", identity, |text| text)];
    if !known {
        return checks;
    }
    let zones = cloud.zones().await;
    checks.push(Check::of("region", zones, |zones| {
        format!("{}, with {}", cloud.region(), zones.join(", "))
    }));
    for region in destinations(templates) {
        let there = cloud.in_region(region);
        let zones = there.zones().await;
        checks.push(Check::of(&format!("region {region}"), zones, |zones| {
            format!("AMIs are copied there; with {}", zones.join(", "))
        }));
    }
    if templates.iter().any(|template| template.subnet.is_none()) {
        checks.push(default_vpc(cloud).await);
    }
    checks.extend(ways_in(cloud, templates).await);
    let mut image = None;
    match cloud.fleet(namespace).await {
        Err(error) => checks.push(Check::failed("AMIs", &error)),
        Ok(fleet) => {
            for template in templates {
                let name = format!("base of {}", template.name);
                match resolve_base(cloud, &fleet, template).await {
                    Ok(base) => {
                        checks.push(Check::ok(&name, format!("{} ({})", base.id, base.name)));
                        image = image.or(Some(base.id));
                    }
                    Err(error) => checks.push(Check {
                        name,
                        verdict: Verdict::Failed,
                        detail: error.to_string(),
                        hint: None,
                    }),
                }
            }
        }
    }
    checks.push(quota("quota: vCPUs", quotas::vcpus(cloud, templates).await));
    checks.push(quota("quota: AMIs", quotas::amis(cloud).await));
    let operations = Operation::ALL.iter();
    let actions: BTreeSet<&str> =
        operations.flat_map(|operation| operation.actions(templates, pattern)).collect();
    let image = image.as_deref().unwrap_or(NO_IMAGE);
    for action in actions.iter().filter_map(|action| action.strip_prefix("ec2:")) {
        checks.extend(ask_for(cloud, action, cloud.region(), image).await);
    }
    for region in destinations(templates) {
        let there = cloud.in_region(region);
        for action in ["CopyImage", "CreateTags"] {
            let check = ask_for(&there, action, cloud.region(), image).await;
            let named =
                |check: Check| Check { name: format!("{} in {region}", check.name), ..check };
            checks.extend(check.map(named));
        }
    }
    checks.extend(auto_scaling(cloud).await);
    checks
}

/// Whether machines of templates can be reached: each way once.
async fn ways_in(cloud: &Cloud, templates: &[Template]) -> Vec<Check> {
    let mut ways: Vec<&Template> = Vec::new();
    let way = |it: &Template| {
        (
            it.reach.clone(),
            it.security_groups.clone(),
            it.ssh_port,
            it.ssh_from.clone(),
            it.subnet.clone(),
        )
    };
    for template in templates {
        if ways.iter().all(|other| way(other) != way(template)) {
            ways.push(template);
        }
    }
    let mut checks = Vec::new();
    for template in ways {
        if template.reach.connect == Some(Connect::InstanceConnect) {
            checks.push(connect_endpoint(cloud, template).await);
        }
        checks.extend(groups_let_in(cloud, template).await);
    }
    let mut seen = BTreeSet::new();
    checks.retain(|check| seen.insert(check.name.clone() + &check.detail));
    checks
}

/// Whether security groups let in whom they must: those that a template names, or amiable's own.
async fn groups_let_in(cloud: &Cloud, template: &Template) -> Option<Check> {
    let Template { security_groups: groups, ssh_port: port, .. } = template;
    // Who is at the other end of a program's connection is not known.
    if template.reach.connect.is_some() && !groups.is_empty() {
        return None;
    }
    let sources = match access::sources(cloud, template).await {
        Ok(sources) if sources.is_empty() => return None,
        Ok(sources) => sources,
        Err(error) => {
            return Some(Check {
                name: "own address".into(),
                verdict: Verdict::Failed,
                detail: error.to_string(),
                hint: Some("`ssh_from` says whom to let in, and nothing is asked then"),
            });
        }
    };
    let is_one = |net: &IpNet| net.prefix_len() == net.max_prefix_len();
    let texts =
        sources.iter().map(|it| if is_one(it) { it.addr().to_string() } else { it.to_string() });
    let own = texts.collect::<Vec<String>>().join(", ");
    if groups.is_empty() {
        let text = format!("{own} is let in by a security group of amiable's own");
        return Some(Check::ok("SSH access", text));
    }
    let name = format!("SSH access by {}", groups.join(", "));
    Some(match cloud.ingress(groups).await {
        Ok(found) if sources.iter().any(|it| ingress::admits(&found, *port, it.addr())) => {
            Check::ok(&name, format!("{own} is let in at port {port}"))
        }
        Ok(found) => Check {
            name,
            verdict: Verdict::Failed,
            detail: format!(
                "no rule lets {own} in at port {port}: {}",
                ingress::describe(&found, *port)
            ),
            hint: Some("add a rule, or leave `security_groups` out: amiable brings its own then"),
        },
        Err(error) => Check::failed(&name, &error),
    })
}

/// Whether there is an endpoint by which `connect = "instance-connect"` gets to the template's VPC.
async fn connect_endpoint(cloud: &Cloud, template: &Template) -> Check {
    let name = "EC2 Instance Connect Endpoint";
    let vpc = match &template.subnet {
        Some(subnet) => cloud.vpc_of(subnet).await.map(Some),
        None => cloud.default_vpc().await,
    };
    let vpc = match vpc {
        Ok(vpc) => vpc.unwrap_or_default(),
        Err(error) => return Check::failed(name, &error),
    };
    match cloud.connect_endpoints(&vpc).await {
        Ok(found) if found.is_empty() => Check {
            name: name.into(),
            verdict: Verdict::Failed,
            detail: format!("{vpc} has none"),
            hint: Some("`aws ec2 create-instance-connect-endpoint --subnet-id …` makes one"),
        },
        Ok(found) => Check::ok(name, format!("{} in {vpc}", found.join(", "))),
        Err(error) => Check::failed(name, &error),
    }
}

/// The regions that AMIs are copied to, each once.
fn destinations(templates: &[Template]) -> BTreeSet<&str> {
    let all = templates.iter().flat_map(|template| &template.distribution.destinations);
    all.map(|destination| destination.region.as_str()).collect()
}

/// Auto Scaling has no DryRun, so these two are called: they change nothing.
async fn auto_scaling(cloud: &Cloud) -> [Check; 2] {
    let client = cloud.autoscaling();
    let groups = client.describe_auto_scaling_groups().max_records(1).send().await;
    let configurations = client.describe_launch_configurations().max_records(1).send().await;
    [
        right("DescribeAutoScalingGroups", groups),
        right("DescribeLaunchConfigurations", configurations),
    ]
}

fn quota(name: &str, room: Result<Room, CloudError>) -> Check {
    match room {
        Ok(room) if room.is_enough() => Check::ok(name, room.text()),
        Ok(room) => Check {
            name: name.into(),
            verdict: Verdict::Failed,
            detail: room.text(),
            hint: Some("delete what is not needed, or ask for a higher quota (Service Quotas)"),
        },
        Err(error) if error.kind == CloudErrorKind::NoSuchAction => {
            Check::ok(name, "this endpoint has none")
        }
        Err(error) => Check::failed(name, &error),
    }
}

async fn default_vpc(cloud: &Cloud) -> Check {
    let name = "default VPC";
    match cloud.default_vpc().await {
        Ok(Some(vpc)) => Check::ok(name, vpc),
        Ok(None) => {
            let kind = CloudErrorKind::NoDefaultVpc;
            let missing =
                CloudError { kind, ..CloudError::answer("DescribeVpcs", "there is none") };
            Check::failed(name, &missing)
        }
        Err(error) => Check::failed(name, &error),
    }
}

/// Asks for the right to an action, unless the checks before have called it already. The image
/// is in the region `from`.
async fn ask_for(cloud: &Cloud, action: &str, from: &str, image: &str) -> Option<Check> {
    let ec2 = cloud.ec2();
    Some(match action {
        "AuthorizeSecurityGroupIngress" => {
            let request = ec2.authorize_security_group_ingress().group_id(NO_GROUP);
            let request = request.ip_protocol("tcp").from_port(22).to_port(22);
            let request = request.cidr_ip("192.0.2.1/32");
            right("AuthorizeSecurityGroupIngress", request.dry_run(true).send().await)
        }
        "CreateSecurityGroup" => {
            let request = ec2.create_security_group().group_name("amiable doctor");
            let request = request.description("for a DryRun");
            right("CreateSecurityGroup", request.dry_run(true).send().await)
        }
        "DeleteSecurityGroup" => {
            let request = ec2.delete_security_group().group_id(NO_GROUP);
            right("DeleteSecurityGroup", request.dry_run(true).send().await)
        }
        "DescribeSecurityGroupRules" => {
            let request = ec2.describe_security_group_rules();
            right("DescribeSecurityGroupRules", request.dry_run(true).send().await)
        }
        "DescribeSecurityGroups" => {
            let request = ec2.describe_security_groups();
            right("DescribeSecurityGroups", request.dry_run(true).send().await)
        }
        "DescribeInstanceConnectEndpoints" => {
            let request = ec2.describe_instance_connect_endpoints();
            right("DescribeInstanceConnectEndpoints", request.dry_run(true).send().await)
        }
        "DescribeSubnets" => {
            right("DescribeSubnets", ec2.describe_subnets().dry_run(true).send().await)
        }
        "RevokeSecurityGroupIngress" => {
            let request = ec2.revoke_security_group_ingress().group_id(NO_GROUP);
            let request = request.security_group_rule_ids(NO_RULE);
            right("RevokeSecurityGroupIngress", request.dry_run(true).send().await)
        }
        "CopyImage" => {
            let request = ec2.copy_image().source_image_id(image).source_region(from);
            right("CopyImage", request.name("amiable doctor").dry_run(true).send().await)
        }
        "CreateImage" => {
            let request = ec2.create_image().instance_id(NO_INSTANCE).name("amiable doctor");
            right("CreateImage", request.dry_run(true).send().await)
        }
        "CreateTags" => {
            let tag = Tag::builder().key("amiable:doctor").value("x").build();
            let request = ec2.create_tags().resources(NO_IMAGE).tags(tag);
            right("CreateTags", request.dry_run(true).send().await)
        }
        "DeleteKeyPair" => {
            let request = ec2.delete_key_pair().key_name(NO_KEY_PAIR);
            right("DeleteKeyPair", request.dry_run(true).send().await)
        }
        "DeleteSnapshot" => {
            let request = ec2.delete_snapshot().snapshot_id(NO_SNAPSHOT);
            right("DeleteSnapshot", request.dry_run(true).send().await)
        }
        "DeregisterImage" => {
            let request = ec2.deregister_image().image_id(NO_IMAGE);
            right("DeregisterImage", request.dry_run(true).send().await)
        }
        "DescribeImageAttribute" => {
            let request = ec2.describe_image_attribute().image_id(image);
            let request = request.attribute(ImageAttributeName::LaunchPermission);
            right("DescribeImageAttribute", request.dry_run(true).send().await)
        }
        "DescribeImageReferences" => {
            let request = ec2.describe_image_references().image_ids(image);
            let request = request.include_all_resource_types(true);
            right("DescribeImageReferences", request.dry_run(true).send().await)
        }
        "DescribeInstances" => {
            right("DescribeInstances", ec2.describe_instances().dry_run(true).send().await)
        }
        "DescribeKeyPairs" => {
            right("DescribeKeyPairs", ec2.describe_key_pairs().dry_run(true).send().await)
        }
        "DescribeLaunchTemplateVersions" => {
            let request = ec2.describe_launch_template_versions().versions("$Default");
            right("DescribeLaunchTemplateVersions", request.dry_run(true).send().await)
        }
        "DescribeSnapshots" => {
            let request = ec2.describe_snapshots().owner_ids("self");
            right("DescribeSnapshots", request.dry_run(true).send().await)
        }
        "DisableImageDeprecation" => {
            let request = ec2.disable_image_deprecation().image_id(NO_IMAGE);
            right("DisableImageDeprecation", request.dry_run(true).send().await)
        }
        "EnableImageDeprecation" => {
            let soon = SystemTime::now() + Duration::from_secs(3600);
            let request = ec2.enable_image_deprecation().image_id(NO_IMAGE);
            let request = request.deprecate_at(soon.into());
            right("EnableImageDeprecation", request.dry_run(true).send().await)
        }
        "EnableImageDeregistrationProtection" => {
            let request = ec2.enable_image_deregistration_protection().image_id(NO_IMAGE);
            right("EnableImageDeregistrationProtection", request.dry_run(true).send().await)
        }
        "ModifyImageAttribute" => {
            let nobody = LaunchPermission::builder().user_id("000000000000").build();
            let nobody = LaunchPermissionModifications::builder().remove(nobody).build();
            let request = ec2.modify_image_attribute().image_id(NO_IMAGE);
            let request = request.launch_permission(nobody);
            right("ModifyImageAttribute", request.dry_run(true).send().await)
        }
        "DisableImageDeregistrationProtection" => {
            let request = ec2.disable_image_deregistration_protection().image_id(NO_IMAGE);
            right("DisableImageDeregistrationProtection", request.dry_run(true).send().await)
        }
        "GetConsoleOutput" => {
            let request = ec2.get_console_output().instance_id(NO_INSTANCE);
            right("GetConsoleOutput", request.dry_run(true).send().await)
        }
        "ImportKeyPair" => {
            let request = ec2.import_key_pair().key_name(NO_KEY_PAIR);
            let request = request.public_key_material(Blob::new(PUBLIC_KEY));
            right("ImportKeyPair", request.dry_run(true).send().await)
        }
        "RunInstances" => {
            let request = ec2.run_instances().image_id(image).instance_type("t3.micro".into());
            let request = request.min_count(1).max_count(1);
            right("RunInstances", request.dry_run(true).send().await)
        }
        "StopInstances" => {
            let request = ec2.stop_instances().instance_ids(NO_INSTANCE);
            right("StopInstances", request.dry_run(true).send().await)
        }
        "TerminateInstances" => {
            let request = ec2.terminate_instances().instance_ids(NO_INSTANCE);
            right("TerminateInstances", request.dry_run(true).send().await)
        }
        _ => return None,
    })
}
