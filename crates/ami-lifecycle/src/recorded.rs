//! Answers as EC2's API Reference has them, read by the same code as EC2's own. They are in
//! `recorded/`, typed again with other ids
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html>).

mod accounts;
mod images;
mod machines;

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudErrorKind;
use crate::ec2::rate_limit::Limits;
use crate::ec2::users::LaunchTemplateKey;
use crate::model::reach::Programs;
use crate::operations::usage::{self, User};

/// What is answered to a request that has all of some texts in it.
struct Answer {
    to: &'static [&'static str],
    status: u16,
    body: &'static str,
}

const fn ok(to: &'static [&'static str], body: &'static str) -> Answer {
    Answer { to, status: 200, body }
}

/// Answers, and the requests that came.
struct Replay {
    answers: Vec<Answer>,
    requests: Mutex<Vec<String>>,
}

/// An account whose endpoint gives these answers, the first that fits.
async fn replay(answers: Vec<Answer>) -> (Cloud, Arc<Replay>) {
    let replay = Arc::new(Replay { answers, requests: Mutex::default() });
    let router = Router::new().fallback(answer).with_state(replay.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let key = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(key))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let programs = Programs { guard: Vec::new(), profile: None, variables: Vec::new() };
    (Cloud::new(&config, Limits::Learned, programs), replay)
}

async fn answer(
    State(replay): State<Arc<Replay>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, &'static str) {
    // What speaks JSON has the action's name in a header.
    let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let request = format!("{target}&{body}&");
    let found = replay.answers.iter().find(|it| it.to.iter().all(|text| request.contains(text)));
    replay.requests.lock().unwrap().push(request);
    match found {
        Some(answer) => (StatusCode::from_u16(answer.status).unwrap(), answer.body),
        None => (StatusCode::BAD_REQUEST, include_str!("recorded/InvalidAction.xml")),
    }
}

/// The image that the recorded answers are about.
const OWN_IMAGE: &str = "ami-0c7b9f5d3a2e14680";

/// An action's recorded answer, and what asks for it.
macro_rules! recorded {
    ($action:literal) => {
        (concat!("Action=", $action, "&"), include_str!(concat!($action, ".xml")))
    };
}
pub(crate) use recorded;

/// An account that gives these answers. An error of a service that speaks JSON says so itself.
async fn answers(recorded: &[(&'static str, &'static str)]) -> Cloud {
    let answer = |&(to, body): &(&'static str, &'static str)| Answer {
        to: &*Box::leak(Box::new([to])),
        status: if body.contains("__type") { 400 } else { 200 },
        body,
    };
    replay(recorded.iter().map(answer).collect()).await.0
}

/// Rights that are asked for by what EC2 does itself, or by a program that amiable starts.
const NOT_CALLED: [Action; 9] = [
    Action::CreateGrant,
    Action::Decrypt,
    Action::DescribeKey,
    Action::GenerateDataKeyWithoutPlaintext,
    Action::OpenTunnel,
    Action::PassRole,
    Action::ReEncryptFrom,
    Action::ReEncryptTo,
    Action::StartSession,
];

#[test]
fn there_is_an_answer_to_every_action_that_is_called() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/recorded");
    let files = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name());
    let names: Vec<String> = files.filter_map(|it| it.into_string().ok()).collect();
    for action in Action::ALL.iter().filter(|action| !NOT_CALLED.contains(action)) {
        let start = format!("{action}.");
        assert!(names.iter().any(|name| name.starts_with(&start)), "{action}");
    }
}

#[tokio::test]
async fn an_image_is_read() {
    let body = include_str!("recorded/DescribeImages.xml");
    let (cloud, replay) = replay(vec![ok(&["Action=DescribeImages"], body)]).await;
    let image = cloud.image("ami-0be2609ba8f3a1b44").await.unwrap().unwrap();
    assert_eq!(image.name, "al2023-ami-2023.6.20241212.0-kernel-6.1-x86_64");
    assert_eq!((image.owner.as_str(), image.state.as_str()), ("137112412989", "available"));
    assert_eq!(image.root_device_name, "/dev/xvda");
    let devices: Vec<(&str, &str, i64)> = image
        .block_devices
        .iter()
        .map(|it| (it.device.as_str(), it.snapshot.as_str(), it.size_gib))
        .collect();
    assert_eq!(devices, [("/dev/xvda", "snap-0f2a4c6e8b0d1f3a5", 8)]);
    assert_eq!(image.deprecation.as_deref(), Some("2025-03-17T00:11:00.000Z"));
    assert_eq!(image.last_launched.as_deref(), Some("2025-11-01T08:30:00Z"));
    assert!(!image.encrypted && !image.protected);
    // Deprecated and disabled ones are told only to who asks for them.
    let requests = replay.requests.lock().unwrap();
    assert!(requests[0].contains("IncludeDeprecated=true&IncludeDisabled=true"), "{requests:?}");
}

#[tokio::test]
async fn a_console_is_read_though_its_base64_has_lines() {
    let body = include_str!("recorded/GetConsoleOutput.xml");
    let (cloud, _) = replay(vec![ok(&["Action=GetConsoleOutput"], body)]).await;
    let console = cloud.console("i-0b1c2d3e4f5061728").await.unwrap();
    assert!(console.starts_with("Linux version 2.6.16-xenU (builder@patchbat"), "{console}");
    assert!(console.contains("BIOS-provided physical RAM map:"), "{console}");
}

#[tokio::test]
async fn an_image_that_was_deregistered_is_none() {
    let body = include_str!("recorded/InvalidAMIID.Unavailable.xml");
    let (cloud, _) =
        replay(vec![Answer { to: &["Action=DescribeImages"], status: 400, body }]).await;
    assert_eq!(cloud.image("ami-0be2609ba8f3a1b44").await.unwrap(), None);
}

const VERSIONS: &str = "Action=DescribeLaunchTemplateVersions";
const AMI: &str = "ami-0aaaaaaaaaaaaaaaa";
const OTHER: &str = "ami-0bbbbbbbbbbbbbbbb";

/// What a fleet of one auto scaling group answers that pins version 3 of a launch template.
fn group_of_a_version() -> Vec<Answer> {
    vec![
        ok(
            &["Action=DescribeAutoScalingGroups"],
            include_str!("recorded/DescribeAutoScalingGroups.xml"),
        ),
        ok(&["Action=DescribeInstances"], include_str!("recorded/DescribeInstances.none.xml")),
        ok(
            &["Action=DescribeImageReferences"],
            include_str!("recorded/DescribeImageReferences.none.xml"),
        ),
    ]
}

/// It is one group's trouble, and holds what the versions that are left name.
#[tokio::test]
async fn a_group_that_names_a_version_which_is_gone_does_not_hold_every_ami() {
    let mut answers = group_of_a_version();
    let gone = include_str!("recorded/InvalidLaunchTemplateId.VersionNotFound.xml");
    let to = &[VERSIONS, "LaunchTemplateVersion.1=3"];
    answers.push(Answer { to, status: 400, body: gone });
    let left = include_str!("recorded/DescribeLaunchTemplateVersions.xml");
    answers.push(ok(&[VERSIONS, "LaunchTemplateId=lt-0a1b2c3d4e5f60718"], left));
    let none = include_str!("recorded/DescribeLaunchTemplateVersions.none.xml");
    answers.push(ok(&[VERSIONS], none));
    let (cloud, _) = replay(answers).await;
    let usage = usage::of(&cloud, &[AMI.into(), OTHER.into()]).await;
    assert_eq!(usage.unknown, []);
    let text = "the auto scaling group agents names version 3 of the launch template agents, which no \
                longer exists";
    assert_eq!(usage.dangling, [text]);
    let held: Vec<(&str, &User)> = usage.users.iter().map(|(ami, user)| (&**ami, user)).collect();
    let [(AMI, User::AutoScalingGroup { name, by })] = held[..] else { panic!("{held:?}") };
    assert_eq!(name, "agents");
    assert_eq!(by, "version 3 of the launch template agents, of which others are left");
}

/// A template that takes its AMI from a parameter is asked what that leads to.
#[tokio::test]
async fn a_parameter_in_a_launch_template_is_resolved() {
    let answers = vec![
        ok(
            &[VERSIONS, "ResolveAlias=true"],
            include_str!("recorded/DescribeLaunchTemplateVersions.xml"),
        ),
        ok(&[VERSIONS], include_str!("recorded/DescribeLaunchTemplateVersions.alias.xml")),
    ];
    let (cloud, _) = replay(answers).await;
    let key = LaunchTemplateKey::Name("agents");
    let found = cloud.launch_template_versions(Some(key), Some("$Default")).await.unwrap();
    assert_eq!(found[0].image.as_deref(), Some("resolve:ssm:/ci/agent"));
    assert_eq!(found[0].ami_id(&cloud).await.unwrap().as_deref(), Some(AMI));
}

/// A parameter that leads nowhere is told: any AMI may be meant.
#[tokio::test]
async fn a_parameter_that_is_not_resolved_is_an_error() {
    let alias = include_str!("recorded/DescribeLaunchTemplateVersions.alias.xml");
    let (cloud, _) = replay(vec![ok(&[VERSIONS], alias)]).await;
    let found = cloud.launch_template_versions(None, Some("$Default")).await.unwrap();
    let error = found[0].ami_id(&cloud).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::Other);
    assert!(error.to_string().contains("EC2 does not resolve resolve:ssm:/ci/agent"), "{error}");
}
