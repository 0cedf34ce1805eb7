//! Whether an account is ready: credentials, region, network, and each right that a bake
//! needs, asked for by DryRun so that nothing is done.

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use serde::Serialize;

use crate::bake::resolve_base;
use crate::cloud::Cloud;
use crate::error::{CloudError, CloudErrorKind};
use crate::template::{Namespace, Template};

/// Ids that no resource has.
const NO_INSTANCE: &str = "i-0123456789abcdef0";
const NO_IMAGE: &str = "ami-0123456789abcdef0";
const NO_SNAPSHOT: &str = "snap-0123456789abcdef0";

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
    if templates.iter().any(|template| template.subnet.is_none()) {
        checks.push(default_vpc(cloud).await);
    }
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
    checks.extend(rights(cloud, image.as_deref().unwrap_or(NO_IMAGE)).await);
    checks
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

/// Each call that creates, changes or deletes something.
async fn rights(cloud: &Cloud, image: &str) -> Vec<Check> {
    let ec2 = cloud.ec2();
    let run = ec2.run_instances().image_id(image).instance_type("t3.micro".into());
    let tag = aws_sdk_ec2::types::Tag::builder().key("amiable:doctor").value("x").build();
    let tags = ec2.create_tags().resources(NO_IMAGE).tags(tag);
    let create = ec2.create_image().instance_id(NO_INSTANCE).name("amiable doctor");
    vec![
        right("RunInstances", run.min_count(1).max_count(1).dry_run(true).send().await),
        right(
            "StopInstances",
            ec2.stop_instances().instance_ids(NO_INSTANCE).dry_run(true).send().await,
        ),
        right("CreateImage", create.dry_run(true).send().await),
        right("CreateTags", tags.dry_run(true).send().await),
        right(
            "TerminateInstances",
            ec2.terminate_instances().instance_ids(NO_INSTANCE).dry_run(true).send().await,
        ),
        right(
            "DeregisterImage",
            ec2.deregister_image().image_id(NO_IMAGE).dry_run(true).send().await,
        ),
        right(
            "DeleteSnapshot",
            ec2.delete_snapshot().snapshot_id(NO_SNAPSHOT).dry_run(true).send().await,
        ),
        right("DescribeInstances", ec2.describe_instances().dry_run(true).send().await),
        right(
            "DescribeSnapshots",
            ec2.describe_snapshots().owner_ids("self").dry_run(true).send().await,
        ),
    ]
}
