//! DescribeSecurityGroupRules.

use super::authorize_security_group_ingress::ssh_from;
use super::create_security_group::create;
use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn the_rules_of_a_group_are_listed() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let request = bench.client.authorize_security_group_ingress().group_id(&id);
    request.ip_permissions(ssh_from("10.0.0.0/8")).send().await.unwrap();
    let request = bench.client.describe_security_group_rules().filters(filter("group-id", &id));
    let answer = request.send().await.unwrap();
    let mut rules: Vec<_> =
        answer.security_group_rules().iter().map(|it| (it.is_egress(), it.cidr_ipv4())).collect();
    rules.sort();
    assert_eq!(rules, [(Some(false), Some("10.0.0.0/8")), (Some(true), Some("0.0.0.0/0"))]);
    let missing = bench.client.describe_security_group_rules();
    let missing = missing.security_group_rule_ids("sgr-0123456789abcdef0").send().await;
    assert_eq!(code(missing), "InvalidSecurityGroupRuleId.NotFound");
}
