//! The account, its regions and quotas, and what names an AMI there.

use crate::consumer::change::{RollRequest, RollTarget};
use crate::consumer::{Files, roll};
use crate::model::consumer::{Consumer, LaunchTemplate, RefreshOptions, SsmParameter};
use crate::model::event::Event;
use crate::model::fleet::Fleet;
use crate::model::template::Template;
use crate::model::template::tests::template;
use crate::operations::doctor::quotas;
use crate::recorded::{OWN_IMAGE, answers, recorded};

#[tokio::test]
async fn identity_regions_and_zones_are_read() {
    let cloud = answers(&[
        recorded!("GetCallerIdentity"),
        recorded!("DescribeRegions"),
        recorded!("DescribeAvailabilityZones"),
        recorded!("GetAllowedImagesSettings"),
    ])
    .await;
    let identity = cloud.identity().await.unwrap();
    assert_eq!(identity.to_string(), "account 111122223333, arn:aws:iam::111122223333:user/Alice");
    assert_eq!(cloud.regions().await.unwrap(), ["eu-west-1", "us-east-1"]);
    assert_eq!(cloud.zones().await.unwrap(), ["us-east-1a", "us-east-1b"]);
    let (state, providers) = cloud.allowed_images().await.unwrap();
    assert_eq!(
        (state.as_str(), providers),
        ("audit-mode", vec!["amazon".into(), "444455556666".into()])
    );
}

/// A running t3.small counts for two vCPUs, and one more is needed.
#[tokio::test]
async fn quotas_are_read() {
    let cloud = answers(&[
        ("GetServiceQuota", include_str!("GetServiceQuota.json")),
        recorded!("DescribeInstanceTypes"),
        recorded!("DescribeInstances"),
    ])
    .await;
    let template = template();
    let room = quotas::vcpus(&cloud, &[template]).await.unwrap();
    assert_eq!((room.limit, room.needed), (1920.0, 2.0));
    assert!(room.is_enough());
}

/// Where no quota was ever applied to the account, AWS' default holds.
#[tokio::test]
async fn the_default_quota_is_read() {
    let cloud = answers(&[
        ("ServiceQuotasV20190624.GetServiceQuota", NO_QUOTA),
        ("GetAWSDefaultServiceQuota", include_str!("GetAWSDefaultServiceQuota.json")),
        recorded!("DescribeInstances"),
        recorded!("DescribeInstanceTypes"),
    ])
    .await;
    assert_eq!(quotas::vcpus(&cloud, &[template()]).await.unwrap().limit, 5.0);
}

const NO_QUOTA: &str = r#"{"__type":"NoSuchResourceException","Message":"The request failed."}"#;

#[tokio::test]
async fn a_parameter_is_read() {
    let cloud = answers(&[
        ("AmazonSSM.GetParameters", include_str!("GetParameters.json")),
        ("AmazonSSM.GetParameter", include_str!("GetParameter.json")),
    ])
    .await;
    assert_eq!(cloud.parameter("/ci/agent").await.unwrap(), OWN_IMAGE);
    let names = ["/ci/agent".to_owned(), "/ci/none".to_owned()];
    let found = cloud.parameters(&names).await.unwrap();
    assert_eq!(found["/ci/agent"].as_deref(), Some(OWN_IMAGE));
    assert_eq!(found["/ci/none"], None);
}

#[tokio::test]
async fn a_launch_configuration_names_an_ami() {
    let cloud = answers(&[recorded!("DescribeLaunchConfigurations")]).await;
    let found = cloud.ami_of_launch_configuration("agents-old").await.unwrap();
    assert_eq!(found.as_deref(), Some(OWN_IMAGE));
}

/// The recorded group has version 3, and a refresh that leads to version 4 is under way.
#[tokio::test]
async fn a_group_and_its_refresh_are_read_and_changed() {
    let cloud = answers(&[
        recorded!("DescribeAutoScalingGroups"),
        recorded!("DescribeInstanceRefreshes"),
        recorded!("RollbackInstanceRefresh"),
        recorded!("StartInstanceRefresh"),
        recorded!("UpdateAutoScalingGroup"),
    ])
    .await;
    let group = cloud.group_to_roll("agents").await.unwrap().unwrap();
    assert_eq!((group.template.as_deref(), &*group.version), (Some("lt-0a1b2c3d4e5f60718"), "3"));
    assert!(group.is_pinned());
    let refresh = cloud.refresh_of("agents", None).await.unwrap().unwrap();
    assert!(refresh.is_active() && !refresh.is_rollback());
    assert_eq!((refresh.complete, refresh.left), (50, 1));
    assert_eq!(refresh.desired, Some(("lt-0a1b2c3d4e5f60718".into(), "4".into())));
    cloud.set_group_version("agents", &group, 4).await.unwrap();
    let options = RefreshOptions::default();
    let started = cloud.start_refresh("agents", &group, Some(4), &options).await.unwrap();
    assert_eq!(started.as_deref(), Some(&*refresh.id));
    cloud.roll_refresh_back("agents").await.unwrap();
}

/// The recorded stack has the image, and an update of it that failed.
#[tokio::test]
async fn a_stack_is_read_updated_and_asked_what_failed() {
    let cloud = answers(&[
        recorded!("DescribeStacks"),
        recorded!("UpdateStack"),
        recorded!("DescribeStackEvents"),
    ])
    .await;
    let stack = cloud.stack("agents").await.unwrap().unwrap();
    assert!(stack.is_updated() && !stack.is_in_progress());
    assert_eq!(stack.parameter("ImageId"), Some((OWN_IMAGE, None)));
    assert_eq!(stack.parameter("Base"), Some(("/ci/base", Some("ami-0a1b2c3d4e5f60718"))));
    assert!(cloud.update_stack(&stack, ("ImageId", "ami-1"), "t1").await.unwrap());
    let failures = cloud.stack_failures(&stack.id, "t1").await.unwrap();
    assert_eq!(failures, ["Agents: Received 1 FAILURE signal(s) out of 1."]);
    assert!(cloud.stack_failures(&stack.id, "t2").await.unwrap().is_empty());
}

/// The recorded parameter holds the new AMI: it is taken when it is put, and at once.
#[tokio::test]
async fn a_launch_template_and_a_parameter_are_rolled() {
    let cloud = answers(&[
        (
            "Action=DescribeLaunchTemplateVersions",
            include_str!("DescribeLaunchTemplateVersions.xml"),
        ),
        recorded!("CreateLaunchTemplateVersion"),
        recorded!("ModifyLaunchTemplate"),
        ("AmazonSSM.PutParameter", include_str!("PutParameter.json")),
        ("AmazonSSM.GetParameter", include_str!("GetParameter.json")),
    ])
    .await;
    let consumers = vec![
        Consumer::LaunchTemplate(LaunchTemplate { key: "agents".into() }),
        Consumer::Ssm(SsmParameter { name: "/ci/agent".into() }),
    ];
    let template = Template { consumers, ..template() };
    let request = RollRequest {
        cloud: &cloud,
        fleet: &Fleet::new(Vec::new()),
        template: &template,
        target: RollTarget::foreign(&OWN_IMAGE.into()),
        jenkins: None,
        force: false,
        wait: false,
        at_once: false,
        written: None,
        observer: &|_: Event| {},
        cancel: &tokio_util::sync::CancellationToken::new(),
    };
    let mut rolled = Vec::new();
    roll(&request, &mut Files::default(), |it| rolled.push(it)).await;
    let moved: Vec<_> = rolled.iter().map(|it| (it.moves.len(), it.error.is_none())).collect();
    assert_eq!(moved, [(1, true), (0, true)], "{rolled:?}");
    assert_eq!(rolled[0].moves[0].to, OWN_IMAGE);
}
