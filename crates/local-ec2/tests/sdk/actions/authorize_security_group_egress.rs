//! AuthorizeSecurityGroupEgress.

use super::authorize_security_group_ingress::{describe, ssh_from};
use super::create_security_group::create;
use crate::bench::Bench;

#[tokio::test]
async fn a_rule_stands_beside_the_one_that_allows_all() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let request = bench.client.authorize_security_group_egress().group_id(&id);
    request.ip_permissions(ssh_from("10.0.0.0/8")).send().await.unwrap();
    let group = describe(&bench, &id).await;
    assert_eq!(group.ip_permissions_egress().len(), 2);
    assert!(group.ip_permissions().is_empty());
}
