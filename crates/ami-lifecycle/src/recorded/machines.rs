//! Instances and what lets somebody in to them.

use crate::ec2::client::filter;
use crate::ec2::instances::{BootImage, Launch};
use crate::ec2::security_groups::Admission;
use crate::model::ingress::From;
use crate::model::launch_spec::{LaunchSpec, Place};
use crate::model::tags::Tags;
use crate::model::template::Namespace;
use crate::recorded::{answers, recorded};

const INSTANCE: &str = "i-0b1c2d3e4f5061728";
const GROUP: &str = "sg-0e4b1a2c3d5f60718";
const RULE: &str = "sgr-0a1b2c3d4e5f60718";
const VPC: &str = "vpc-014c8c3a4e8f01b2a";

fn namespace() -> Namespace {
    Namespace("ci".into())
}

#[tokio::test]
async fn an_instance_is_started_seen_and_ended() {
    let cloud = answers(&[
        recorded!("RunInstances"),
        recorded!("DescribeInstances"),
        recorded!("StopInstances"),
        recorded!("TerminateInstances"),
    ])
    .await;
    let id = "ami-0be2609ba8f3a1b44";
    let image = BootImage { id, root_device: "/dev/xvda", encrypts: Vec::new(), lasting: &[] };
    let launch = Launch {
        image: &image,
        spec: &LaunchSpec { instance_types: vec!["t3.small".into()], ..LaunchSpec::default() },
        security_groups: &[],
        kms_key: None,
        user_data: "",
        key_pair: None,
        client_token: "1a2b3c",
        imds_of_image: false,
        place: Place { kind: "t3.small", subnet: None },
        tags: &Tags::new(),
    };
    assert_eq!(cloud.launch(&launch).await.unwrap(), INSTANCE);
    let found = cloud.live_instances(vec![filter("instance-id", INSTANCE)]).await.unwrap();
    let [it] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((it.id.as_str(), it.state.as_str()), (INSTANCE, "running"));
    let address = |text: &str| text.parse().ok();
    assert_eq!(it.public, address("198.51.100.12"));
    assert_eq!(it.private, address("10.0.1.83"));
    assert_eq!(it.ipv6, address("2001:db8:1234:1a00::123"));
    assert_eq!(
        (it.launched.as_str(), &*it.image),
        ("2025-11-01T08:30:00Z", "ami-0be2609ba8f3a1b44")
    );
    assert_eq!(it.tags.get("amiable:template").map(String::as_str), Some("agent"));
    cloud.stop(INSTANCE).await.unwrap();
    assert!(cloud.terminate(INSTANCE).await.unwrap());
}

#[tokio::test]
async fn a_key_pair_is_imported_seen_and_deleted() {
    let cloud = answers(&[
        recorded!("ImportKeyPair"),
        recorded!("DescribeKeyPairs"),
        recorded!("DeleteKeyPair"),
    ])
    .await;
    cloud.import_key_pair("amiable-0a1b", "ssh-ed25519 AAAA", &Tags::new()).await.unwrap();
    let found = cloud.key_pairs_of_namespace(&namespace()).await.unwrap();
    assert_eq!(found.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["amiable-0a1b"]);
    let tags = cloud.key_pair_tags("amiable-0a1b").await.unwrap().unwrap();
    assert_eq!(tags.get("amiable:namespace").map(String::as_str), Some("ci"));
    cloud.delete_key_pair("amiable-0a1b").await.unwrap();
}

/// What lets in by UDP is not read; what lets in by every protocol is, whatever the port.
#[tokio::test]
async fn what_groups_let_in_is_read() {
    let cloud = answers(&[recorded!("DescribeSecurityGroups")]).await;
    let found = cloud.ingress(&[GROUP.to_owned()]).await.unwrap();
    let [group] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&*group.id, &*group.name, &*group.vpc), (GROUP, "amiable-ci", VPC));
    let net = |text: &str| From::Net(text.parse().unwrap());
    let other = |text: &str| From::Other(text.into());
    let ssh = Some((22, 22));
    let rules: Vec<_> = group.rules.iter().map(|it| (it.ports, it.from.clone())).collect();
    assert_eq!(
        rules,
        [
            (ssh, net("203.0.113.25/32")),
            (ssh, net("2001:db8:1234:1a00::/64")),
            (ssh, other("sg-0aaaaaaaaaaaaaaaa")),
            (ssh, other("pl-63a5400a")),
            (None, net("10.0.0.0/16")),
        ]
    );
    assert_eq!(
        cloud.group_named(&namespace(), "amiable-ci").await.unwrap().as_deref(),
        Some(GROUP)
    );
}

#[tokio::test]
async fn a_rule_is_made_seen_and_revoked() {
    let cloud = answers(&[
        recorded!("CreateSecurityGroup"),
        recorded!("AuthorizeSecurityGroupIngress"),
        recorded!("DescribeSecurityGroupRules"),
        recorded!("RevokeSecurityGroupIngress"),
        recorded!("DeleteSecurityGroup"),
    ])
    .await;
    let tags = Tags::new();
    let made = cloud.create_group("amiable-ci", "Lets amiable in", Some(VPC), &tags).await.unwrap();
    assert_eq!(made.as_deref(), Some(GROUP));
    let from = ["203.0.113.25/32".parse().unwrap()];
    let admission = Admission { port: 22, from: &from, description: "bake 0a1b", tags: &tags };
    let rules = cloud.authorize(GROUP, &admission).await.unwrap().unwrap();
    assert_eq!(rules, [RULE]);
    let own = cloud.rules_of_namespace(&namespace()).await.unwrap();
    let [rule] = own.as_slice() else { panic!("{own:?}") };
    assert_eq!((rule.id.as_str(), rule.group.as_str()), (RULE, GROUP));
    cloud.revoke(GROUP, &rules).await.unwrap();
    assert!(cloud.delete_group(GROUP).await.unwrap());
}

/// All of a VPC's blocks, and each once.
#[tokio::test]
async fn networks_and_the_ways_in_are_read() {
    let cloud = answers(&[
        recorded!("DescribeVpcs"),
        recorded!("DescribeSubnets"),
        recorded!("DescribeInstanceConnectEndpoints"),
    ])
    .await;
    assert_eq!(cloud.default_vpc().await.unwrap().as_deref(), Some(VPC));
    assert_eq!(cloud.vpc_of("subnet-0a01106c2abcdef01").await.unwrap(), VPC);
    let networks = cloud.networks(Some("subnet-0a01106c2abcdef01")).await.unwrap();
    let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/16", "10.2.0.0/16", "2001:db8:1234:1a00::/56"]);
    assert_eq!(cloud.connect_endpoints(VPC).await.unwrap(), ["eice-0123456789abcdef0"]);
}
