//! Whether an account is ready: credentials, region, network, quotas, and each right that
//! the commands need, asked for by DryRun so that nothing is done.

pub(crate) mod check;
pub(crate) mod quotas;

use std::borrow::Cow;
use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::dry_run::{Asked, NO_IMAGE};
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::model::fleet::Fleet;
use crate::model::ingress;
use crate::model::launch_spec::LaunchSpec;
use crate::model::naming::Pattern;
use crate::model::operation::Operation;
use crate::model::reach::Connect;
use crate::model::tampering::{Tampered, Tampering};
use crate::model::template::{Namespace, Template};
use crate::operations::bake::name::{check_name, next_name};
use crate::operations::base::resolve_base;
use crate::operations::doctor::check::{Check, Verdict};
use crate::operations::doctor::quotas::Room;
use crate::operations::placed::placed;
use crate::operations::ssh_from;
use crate::source::baked_from_another_source;

/// Looks at everything that the templates need, and at the permissions for some operations. Stops
/// early where the credentials are no good, as nothing else could be told then.
pub async fn examine_readiness(
    cloud: &Cloud,
    (namespace, pattern): (&Namespace, &Pattern),
    templates: &[Template],
    operations: &[Operation],
) -> Vec<Check> {
    let identity = cloud.identity().await;
    let known = identity.is_ok();
    let mut checks = vec![Check::of("credentials", identity, |identity| identity.to_string())];
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
    if templates.iter().any(|template| !template.launch.names_subnets()) {
        checks.push(default_vpc(cloud).await);
    }
    let (networks, templates_placed) = networks(cloud, templates).await;
    checks.extend(networks);
    checks.extend(ways_in(cloud, &templates_placed).await);
    checks.extend(allowed_images(cloud).await);
    let (of_amis, image) = amis(cloud, (namespace, pattern), templates).await;
    checks.extend(of_amis);
    checks.push(quota("quota: vCPUs", quotas::vcpus(cloud, templates).await));
    checks.push(quota("quota: AMIs", quotas::amis(cloud).await));
    let image = image.as_deref().unwrap_or(NO_IMAGE);
    let needed = operations.iter().flat_map(|operation| operation.actions(templates, pattern));
    let needed: BTreeSet<Action> = needed.collect();
    checks.extend(rights(cloud, &needed, templates, image).await);
    if needed.contains(&Action::DescribeAutoScalingGroups) {
        let tried = cloud.try_auto_scaling().await;
        checks.extend(tried.map(|(action, answer)| Check::right(action, answer)));
    }
    checks
}

/// What there is of each template, and what it is made from. Returns the id of a base, too.
async fn amis(
    cloud: &Cloud,
    naming: (&Namespace, &Pattern),
    templates: &[Template],
) -> (Vec<Check>, Option<String>) {
    let fleet = match cloud.fleet(naming.0).await {
        Ok(fleet) => fleet,
        Err(error) => return (vec![Check::failed("AMIs", &error)], None),
    };
    let mut checks: Vec<Check> = fleet.tampered(None).map(|it| tampered(&it)).collect();
    for template in templates {
        checks.push(name_of_next(cloud, &fleet, naming, template).await);
    }
    let mut image = None;
    for template in templates {
        checks.extend(source_of(&fleet, template).await);
        let (check, base) = base_of(cloud, &fleet, template).await;
        checks.push(check);
        image = image.or(base);
    }
    (checks, image)
}

/// A template's base; its id, where it can be used.
async fn base_of(cloud: &Cloud, fleet: &Fleet, template: &Template) -> (Check, Option<String>) {
    let name = format!("base of {}", template.name);
    let failed =
        |detail, hint| Check { name: name.clone(), verdict: Verdict::Failed, detail, hint };
    match resolve_base(cloud, fleet, template).await {
        Ok(base) if base.allowed == Some(false) => {
            let text = format!(
                "{} ({}) belongs to {}, whose AMIs the account's Allowed AMIs settings do not \
                 allow",
                base.id, base.name, base.owner
            );
            let hint = "in audit mode EC2 only reports this; once the settings are enabled, EC2 no longer \
                        finds the AMI";
            (failed(text, Some(hint.into())), None)
        }
        Ok(base) => {
            (Check::ok(&name, format!("{} ({})", base.id, base.name)), Some(base.id.into()))
        }
        Err(error) => (failed(error.to_string(), error.hint()), None),
    }
}

/// Each right that is needed, here and in the regions that AMIs are copied to.
async fn rights(
    cloud: &Cloud,
    needed: &BTreeSet<Action>,
    templates: &[Template],
    image: &str,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut unasked = Vec::new();
    for &action in needed {
        match cloud.dry_run(action, cloud.region(), image).await {
            Asked::ByDryRun(answer) => checks.push(Check::right(action, answer)),
            Asked::ByUse => {}
            Asked::Never => unasked.push(action.right()),
        }
    }
    for region in destinations(templates) {
        let there = cloud.in_region(region);
        let there_too = [Action::CopyImage, Action::CreateTags];
        for action in there_too.into_iter().filter(|it| needed.contains(it)) {
            if let Asked::ByDryRun(answer) = there.dry_run(action, cloud.region(), image).await {
                let check = Check::right(action, answer);
                checks.push(Check { name: format!("{} in {region}", check.name), ..check });
            }
        }
    }
    if !unasked.is_empty() {
        checks.push(Check {
            name: "permissions that AWS cannot check with DryRun".into(),
            verdict: Verdict::Unknown,
            detail: unasked.join(", "),
            hint: None,
        });
    }
    checks
}

/// Whether there are the networks that templates name by tags; returns the templates that have theirs.
async fn networks(cloud: &Cloud, templates: &[Template]) -> (Vec<Check>, Vec<Template>) {
    let (mut checks, mut there) = (Vec::new(), Vec::new());
    for template in templates {
        let name = format!("network of {}", template.name);
        match placed(cloud, template).await {
            Ok(Cow::Borrowed(template)) => there.push(template.clone()),
            Ok(Cow::Owned(template)) => {
                let LaunchSpec { subnets, security_groups, .. } = &template.launch;
                let all: Vec<&str> =
                    subnets.iter().chain(security_groups).map(String::as_str).collect();
                checks.push(Check::ok(&name, all.join(", ")));
                there.push(template);
            }
            Err(error) => {
                let (detail, hint) = (error.to_string(), error.hint());
                checks.push(Check { name, verdict: Verdict::Failed, detail, hint });
            }
        }
    }
    (checks, there)
}

/// Whether machines of templates can be reached: each way once.
async fn ways_in(cloud: &Cloud, templates: &[Template]) -> Vec<Check> {
    let mut ways: Vec<&Template> = Vec::new();
    let way = |it: &Template| {
        (
            it.reach.clone(),
            it.launch.security_groups.clone(),
            it.ssh_port,
            it.ssh_from.clone(),
            it.launch.subnets.clone(),
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
    let (groups, port) = (&template.launch.security_groups, &template.ssh_port);
    // Who is at the other end of a program's connection is not known.
    if template.reach.connect.is_some() && !groups.is_empty() {
        return None;
    }
    let sources = match ssh_from::sources(cloud, template).await {
        Ok(sources) if sources.is_empty() => return None,
        Ok(sources) => sources,
        Err(error) => {
            return Some(Check {
                name: "own address".into(),
                verdict: Verdict::Failed,
                detail: error.to_string(),
                hint: Some(
                    "set `ssh_from` to the addresses to allow; nothing is looked up then".into(),
                ),
            });
        }
    };
    let is_one = |net: &IpNet| net.prefix_len() == net.max_prefix_len();
    let texts =
        sources.iter().map(|it| if is_one(it) { it.addr().to_string() } else { it.to_string() });
    let own = texts.collect::<Vec<String>>().join(", ");
    if groups.is_empty() {
        let text = format!("{own} is allowed by amiable's own security group");
        return Some(Check::ok("SSH access", text));
    }
    let name = format!("SSH access by {}", groups.join(", "));
    Some(match cloud.ingress(groups).await {
        Ok(found) if sources.iter().any(|it| ingress::admits(&found, *port, it.addr())) => {
            Check::ok(&name, format!("{own} is allowed on port {port}"))
        }
        Ok(found) => Check {
            name,
            verdict: Verdict::Failed,
            detail: format!(
                "no rule allows {own} on port {port}: {}",
                ingress::describe(&found, *port)
            ),
            hint: Some(
                "add a rule, or remove `security_groups`: amiable then uses a group of its own"
                    .into(),
            ),
        },
        Err(error) => Check::failed(&name, &error),
    })
}

/// Whether there is an endpoint by which `connect = "instance-connect"` gets to the template's VPC.
async fn connect_endpoint(cloud: &Cloud, template: &Template) -> Check {
    let name = "EC2 Instance Connect Endpoint";
    let vpc = match template.launch.subnets.first() {
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
            hint: Some(
                "`aws ec2 create-instance-connect-endpoint --subnet-id …` creates one".into(),
            ),
        },
        Ok(found) => Check::ok(name, format!("{} in {vpc}", found.join(", "))),
        Err(error) => Check::failed(name, &error),
    }
}

/// Whether the next AMI of a template can have the name that it is to get.
async fn name_of_next(
    cloud: &Cloud,
    fleet: &Fleet,
    (namespace, pattern): (&Namespace, &Pattern),
    template: &Template,
) -> Check {
    let label = format!("name of {}", template.name);
    let free = async {
        let name = next_name(fleet, namespace, pattern, template)?;
        check_name(cloud, namespace, pattern, template, &name).await.map(|()| name)
    };
    match free.await {
        Ok(name) => Check::ok(&label, format!("{name} is free")),
        Err(error) => {
            let hint = error.hint();
            Check { name: label, verdict: Verdict::Failed, detail: error.to_string(), hint }
        }
    }
}

/// Whether the current AMI of a template seems to be another configuration's.
async fn source_of(fleet: &Fleet, template: &Template) -> Option<Check> {
    let current = fleet.current(&template.name)?;
    let other = baked_from_another_source(template, current).await?;
    Some(Check {
        name: format!("source of {}", template.name),
        verdict: Verdict::Unknown,
        detail: other.to_string(),
        hint: Some(other.hint().into()),
    })
}

/// What another hand has done to an AMI. A copy harms nobody as it counts for nothing.
fn tampered(it: &Tampered) -> Check {
    let verdict = match it.how {
        Tampering::CopyOf(_) => Verdict::Ok,
        Tampering::Unreadable(_) => Verdict::Failed,
    };
    let (name, detail) = ("tags of AMIs".into(), it.to_string());
    Check { name, verdict, detail, hint: Some(it.hint()) }
}

/// The regions that AMIs are copied to, each once.
fn destinations(templates: &[Template]) -> BTreeSet<&str> {
    let all = templates.iter().flat_map(|template| &template.distribution.destinations);
    all.map(|destination| destination.region.as_str()).collect()
}

/// Whose AMIs the account allows itself, where it restricts that.
async fn allowed_images(cloud: &Cloud) -> Option<Check> {
    let name = "allowed AMIs";
    let (state, providers) = match cloud.allowed_images().await {
        Ok(found) => found,
        Err(error) if error.kind == CloudErrorKind::NoSuchAction => return None,
        Err(error) => return Some(Check::failed(name, &error)),
    };
    let of = if providers.is_empty() {
        "of this account".to_owned()
    } else {
        format!("of this account and {}", providers.join(", "))
    };
    match state.as_str() {
        "enabled" => Some(Check::ok(name, format!("only AMIs {of} are found"))),
        "audit-mode" => Some(Check::ok(
            name,
            format!(
                "AMIs {of} are allowed; others are only \
                                        marked"
            ),
        )),
        _ => None,
    }
}

fn quota(name: &str, room: Result<Room, CloudError>) -> Check {
    match room {
        Ok(room) if room.is_enough() => Check::ok(name, room.text()),
        Ok(room) => Check {
            name: name.into(),
            verdict: Verdict::Failed,
            detail: room.text(),
            hint: Some(
                "delete what is not needed, or request a higher quota (Service Quotas)".into(),
            ),
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
                CloudError { kind, ..CloudError::answer(Action::DescribeVpcs, "there is none") };
            Check::failed(name, &missing)
        }
        Err(error) => Check::failed(name, &error),
    }
}
