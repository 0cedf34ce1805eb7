//! DeleteSecurityGroup.

use super::create_security_group::create;
use crate::bench::{Bench, code};
use aws_sdk_ec2::types::InstanceType;

#[tokio::test]
async fn one_in_use_stays_until_its_instance_has_ended() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let request = bench.client.run_instances().image_id(bench.base().await).min_count(1);
    let request = request.max_count(1).instance_type(InstanceType::T3Micro);
    let answer = request.security_group_ids(&id).send().await.unwrap();
    let instance = answer.instances()[0].instance_id().unwrap();
    let delete = || bench.client.delete_security_group().group_id(&id).send();
    assert_eq!(code(delete().await), "DependencyViolation");
    bench.client.terminate_instances().instance_ids(instance).send().await.unwrap();
    bench.wait_for_state(instance, "terminated").await;
    delete().await.unwrap();
    assert_eq!(code(delete().await), "InvalidGroup.NotFound");
}

#[tokio::test]
async fn the_default_group_is_never_deleted() {
    let bench = Bench::new().await;
    let delete = bench.client.delete_security_group().group_name("default").send().await;
    assert_eq!(code(delete), "CannotDelete");
}
