//! RevokeSecurityGroupEgress.

use super::authorize_security_group_ingress::describe;
use super::create_security_group::create;
use crate::bench::Bench;
use aws_sdk_ec2::types::{IpPermission, IpRange};

#[tokio::test]
async fn the_rule_that_allows_all_can_be_taken_away() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let all = IpPermission::builder().ip_protocol("-1").ip_ranges(everywhere).build();
    let request = bench.client.revoke_security_group_egress().group_id(&id).ip_permissions(all);
    request.send().await.unwrap();
    assert!(describe(&bench, &id).await.ip_permissions_egress().is_empty());
}
