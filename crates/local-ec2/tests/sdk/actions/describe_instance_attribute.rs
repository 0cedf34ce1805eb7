//! DescribeInstanceAttribute.

use crate::bench::{Bench, code};
use aws_sdk_ec2::types::InstanceAttributeName;

#[tokio::test]
async fn attributes_are_told_one_at_a_time() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let ask = |name: InstanceAttributeName| {
        bench.client.describe_instance_attribute().instance_id(&id).attribute(name).send()
    };
    let kind = ask(InstanceAttributeName::InstanceType).await.unwrap();
    assert_eq!(kind.instance_type().unwrap().value(), Some("t3.micro"));
    let groups = ask(InstanceAttributeName::GroupSet).await.unwrap();
    assert_eq!(groups.groups()[0].group_name(), Some("default"));
    let devices = ask(InstanceAttributeName::BlockDeviceMapping).await.unwrap();
    assert_eq!(devices.block_device_mappings()[0].device_name(), Some("/dev/xvda"));
    let unknown = ask("colour".into()).await;
    assert_eq!(code(unknown), "InvalidParameterValue");
}
