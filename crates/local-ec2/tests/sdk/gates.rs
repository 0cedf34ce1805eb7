//! Who reaches an instance's sshd.

use std::net::SocketAddr;
use std::time::Duration;

use aws_sdk_ec2::types::{InstanceType, ResourceType};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::bench::{Bench, eventually, filter, tag, tagged};

/// What a client sees of the port within a moment.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// It connects.
    Open,
    /// Nothing answers.
    Filtered,
    /// Nobody listens.
    Refused,
}

async fn connect(from: &str, to: SocketAddr) -> (Seen, Option<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    match tokio::time::timeout(Duration::from_millis(300), socket.connect(to)).await {
        Err(_) => (Seen::Filtered, None),
        Ok(Err(_)) => (Seen::Refused, None),
        Ok(Ok(stream)) => (Seen::Open, Some(stream)),
    }
}

async fn look(from: &str, to: SocketAddr) -> Seen {
    connect(from, to).await.0
}

/// Where sshd of a running instance is, once it is there.
async fn sshd(bench: &Bench, id: &str) -> SocketAddr {
    let address = bench.instance(id).await.public_ip_address.unwrap();
    let to = SocketAddr::new(address.parse().unwrap(), 2222);
    eventually(async || (look("127.0.0.1", to).await != Seen::Refused).then_some(())).await;
    to
}

/// Lets a range in to a group, and returns the rule's id.
async fn let_in(bench: &Bench, group: &str, ports: (i32, i32), cidr: &str) -> String {
    let request = bench.client.authorize_security_group_ingress().group_id(group);
    let request = request.ip_protocol("tcp").from_port(ports.0).to_port(ports.1).cidr_ip(cidr);
    let answer = request.send().await.unwrap();
    answer.security_group_rules()[0].security_group_rule_id().unwrap().to_owned()
}

#[tokio::test]
async fn rules_decide_at_once_by_port_and_address_and_what_stands_stays() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let to = sshd(&bench, &id).await;
    let group = bench.instance(&id).await.security_groups()[0].group_id().unwrap().to_owned();
    assert_eq!(look("127.0.0.1", to).await, Seen::Filtered, "the default group allows nobody");
    let_in(&bench, &group, (443, 443), "0.0.0.0/0").await;
    assert_eq!(look("127.0.0.1", to).await, Seen::Filtered, "that is another port");
    let rule = let_in(&bench, &group, (22, 22), "127.0.0.2/32").await;
    assert_eq!(look("127.0.0.1", to).await, Seen::Filtered, "that is another address");
    let (seen, standing) = connect("127.0.0.2", to).await;
    assert_eq!(seen, Seen::Open);
    let revoke = bench.client.revoke_security_group_ingress().group_id(&group);
    revoke.security_group_rule_ids(rule).send().await.unwrap();
    assert_eq!(look("127.0.0.2", to).await, Seen::Filtered);
    let mut greeting = [0; 4];
    standing.unwrap().read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"SSH-", "the connection outlives its rule");
}

#[tokio::test]
async fn an_instances_groups_count_together_and_can_be_changed() {
    let bench = Bench::new().await;
    let create = bench.client.create_security_group().group_name("open").description("x");
    let open = create.send().await.unwrap().group_id.unwrap();
    let_in(&bench, &open, (0, 65535), "127.0.0.0/8").await;
    let request = bench.client.run_instances().image_id(bench.base().await).min_count(1);
    let request = request.max_count(1).instance_type(InstanceType::T3Micro);
    let answer = request.security_groups("default").security_groups("open").send().await.unwrap();
    let id = answer.instances()[0].instance_id().unwrap().to_owned();
    bench.wait_for_state(&id, "running").await;
    let to = sshd(&bench, &id).await;
    assert_eq!(look("127.0.0.1", to).await, Seen::Open);
    let default = bench.client.describe_security_groups().group_names("default").send().await;
    let default = default.unwrap().security_groups()[0].group_id().unwrap().to_owned();
    let change = bench.client.modify_instance_attribute().instance_id(&id).groups(default);
    change.send().await.unwrap();
    assert_eq!(look("127.0.0.1", to).await, Seen::Filtered);
}

#[tokio::test]
async fn a_private_address_is_reached_from_inside_the_vpc_only() {
    let bench = Bench::new().await;
    let id = bench.launch_in(&bench.private_subnet().await).await;
    bench.wait_for_state(&id, "running").await;
    let instance = bench.instance(&id).await;
    let group = instance.security_groups()[0].group_id().unwrap().to_owned();
    let_in(&bench, &group, (22, 22), "0.0.0.0/0").await;
    let to = SocketAddr::new(instance.private_ip_address.unwrap().parse().unwrap(), 2222);
    eventually(async || (look("127.64.1.1", to).await == Seen::Open).then_some(())).await;
    assert_eq!(look("127.0.0.1", to).await, Seen::Filtered);
}

#[tokio::test]
async fn after_a_restart_the_rules_hold_still() {
    let mut bench = Bench::new().await;
    bench.let_in().await;
    let id = bench.running_instance().await;
    let to = sshd(&bench, &id).await;
    bench.restart().await;
    eventually(async || (look("127.0.0.1", to).await == Seen::Open).then_some(())).await;
    assert_eq!(look("127.0.0.2", to).await, Seen::Filtered);
}

#[tokio::test]
async fn rules_have_tags_from_the_beginning_and_later() {
    let bench = Bench::new().await;
    let group = bench.client.create_security_group().group_name("a").description("x").send().await;
    let group = group.unwrap().group_id.unwrap();
    let request = bench.client.authorize_security_group_ingress().group_id(&group);
    let request = request.ip_protocol("tcp").from_port(22).to_port(22).cidr_ip("10.0.0.0/8");
    let tags = tagged(ResourceType::SecurityGroupRule, "whose", "ours");
    let answer = request.tag_specifications(tags).send().await.unwrap();
    let rule = &answer.security_group_rules()[0];
    assert_eq!(rule.tags()[0].value(), Some("ours"));
    let id = rule.security_group_rule_id().unwrap();
    let tags = bench.client.create_tags().resources(id).tags(tag("until", "tomorrow"));
    tags.send().await.unwrap();
    for (name, value, count) in [("tag:until", "tomorrow", 1), ("tag:whose", "theirs", 0)] {
        let request = bench.client.describe_security_group_rules().filters(filter(name, value));
        assert_eq!(request.send().await.unwrap().security_group_rules().len(), count, "{name}");
    }
}

#[tokio::test]
async fn without_packet_filters_nobody_gets_an_answer_until_a_rule_admits_them() {
    let bench = Bench::without_packet_filters().await;
    let id = bench.running_instance().await;
    let to = sshd(&bench, &id).await;
    let group = bench.instance(&id).await.security_groups()[0].group_id().unwrap().to_owned();
    let (seen, held) = connect("127.0.0.1", to).await;
    assert_eq!(seen, Seen::Open);
    let mut held = held.unwrap();
    let mut greeting = [0; 4];
    let answer = tokio::time::timeout(Duration::from_millis(600), held.read(&mut greeting)).await;
    assert!(answer.is_err(), "{answer:?}");
    let_in(&bench, &group, (22, 22), "127.0.0.1/32").await;
    held.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"SSH-", "as the SYN that is sent again");
    let (_, other) = connect("127.0.0.2", to).await;
    let mut other = other.unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(600), other.read(&mut greeting)).await;
    assert!(answer.is_err(), "{answer:?}");
    // The end of the machine is the end of all that wait for it.
    bench.client.terminate_instances().instance_ids(&id).send().await.unwrap();
    assert!(matches!(other.read(&mut greeting).await, Ok(0) | Err(_)));
}
