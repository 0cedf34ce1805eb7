//! AuthorizeSecurityGroupIngress.

use super::create_security_group::create;
use crate::bench::{Bench, code};
use aws_sdk_ec2::types::{IpPermission, IpRange, SecurityGroup, UserIdGroupPair};

/// SSH from a range of addresses.
pub(crate) fn ssh_from(cidr: &str) -> IpPermission {
    let range = IpRange::builder().cidr_ip(cidr).description("ssh").build();
    IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).ip_ranges(range).build()
}

/// A group as it is told.
pub(crate) async fn describe(bench: &Bench, id: &str) -> SecurityGroup {
    let request = bench.client.describe_security_groups().group_ids(id);
    request.send().await.unwrap().security_groups()[0].clone()
}

#[tokio::test]
async fn rules_are_told_as_they_were_given_and_those_of_one_port_together() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let authorize = || bench.client.authorize_security_group_ingress().group_id(&id);
    let both = authorize().ip_permissions(ssh_from("10.0.0.0/8"));
    let answer = both.ip_permissions(ssh_from("192.168.0.0/16")).send().await.unwrap();
    assert_eq!(answer.security_group_rules().len(), 2);
    let group = describe(&bench, &id).await;
    let rules = group.ip_permissions();
    assert_eq!((rules.len(), rules[0].ip_ranges().len()), (1, 2));
    assert_eq!((rules[0].from_port(), rules[0].to_port()), (Some(22), Some(22)));
    let again = authorize().ip_permissions(ssh_from("10.0.0.0/8")).send().await;
    assert_eq!(code(again), "InvalidPermission.Duplicate");
}

#[tokio::test]
async fn older_clients_put_the_rule_at_the_top() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let request = bench.client.authorize_security_group_ingress().group_name("agents");
    let request = request.ip_protocol("tcp").from_port(22).to_port(22).cidr_ip("0.0.0.0/0");
    request.send().await.unwrap();
    assert_eq!(describe(&bench, &id).await.ip_permissions()[0].ip_ranges().len(), 1);
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let authorize = |rule: IpPermission| {
        bench.client.authorize_security_group_ingress().group_id(&id).ip_permissions(rule).send()
    };
    assert_eq!(code(authorize(ssh_from("10.0.0.0")).await), "InvalidParameterValue");
    let rule = IpPermission::builder().ip_protocol("carrier-pigeon").build();
    assert_eq!(code(authorize(rule).await), "InvalidPermission.Malformed");
    let group = UserIdGroupPair::builder().group_id("sg-0123456789abcdef0").build();
    let rule = IpPermission::builder().ip_protocol("-1").user_id_group_pairs(group).build();
    assert_eq!(code(authorize(rule).await), "InvalidGroup.NotFound");
    let none = bench.client.authorize_security_group_ingress().group_id(&id).send().await;
    assert_eq!(code(none), "MissingParameter");
}
