//! DeleteAutoScalingGroup.

use crate::bench::{Bench, code, eventually};

#[tokio::test]
async fn a_group_with_instances_goes_only_by_force_and_ends_them() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    bench.group("farm", &template, 1).await;
    let group = bench.described("farm").await.unwrap();
    let id = group.instances()[0].instance_id().unwrap();
    let client = bench.autoscaling();
    let delete = || client.delete_auto_scaling_group().auto_scaling_group_name("farm");
    assert_eq!(code(delete().send().await), "ResourceInUse");
    delete().force_delete(true).send().await.unwrap();
    bench.wait_for_state(id, "terminated").await;
    eventually(async || bench.described("farm").await.is_none().then_some(())).await;
    assert_eq!(code(delete().send().await), "ValidationError");
}
