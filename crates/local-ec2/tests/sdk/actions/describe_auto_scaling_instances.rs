//! DescribeAutoScalingInstances.

use crate::bench::Bench;

#[tokio::test]
async fn instances_tell_their_group() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    bench.group("farm", &template, 2).await;
    let alone = bench.running_instance().await;
    let client = bench.autoscaling();
    let all = client.describe_auto_scaling_instances().send().await.unwrap();
    assert_eq!(all.auto_scaling_instances().len(), 2);
    let first = &all.auto_scaling_instances()[0];
    assert_eq!(first.auto_scaling_group_name(), Some("farm"));
    assert_eq!(first.lifecycle_state(), Some("InService"));
    let one = client.describe_auto_scaling_instances().instance_ids(alone).send().await.unwrap();
    assert!(one.auto_scaling_instances().is_empty());
}
