//! RevokeSecurityGroupIngress.

use super::authorize_security_group_ingress::{describe, ssh_from};
use super::create_security_group::create;
use crate::bench::{Bench, code};

#[tokio::test]
async fn a_rule_goes_by_what_it_says_or_by_its_id() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let request = bench.client.authorize_security_group_ingress().group_id(&id);
    let request = request.ip_permissions(ssh_from("10.0.0.0/8"));
    let answer = request.ip_permissions(ssh_from("11.0.0.0/8")).send().await.unwrap();
    let second = answer.security_group_rules()[1].security_group_rule_id().unwrap();
    let revoke = || bench.client.revoke_security_group_ingress().group_id(&id);
    revoke().ip_permissions(ssh_from("10.0.0.0/8")).send().await.unwrap();
    revoke().security_group_rule_ids(second).send().await.unwrap();
    assert!(describe(&bench, &id).await.ip_permissions().is_empty());
    let again = revoke().ip_permissions(ssh_from("10.0.0.0/8")).send().await;
    assert_eq!(code(again), "InvalidPermission.NotFound");
}
