//! DescribeImageAttribute.

use crate::bench::{Bench, code};
use aws_sdk_ec2::types::ImageAttributeName;

#[tokio::test]
async fn attributes_are_told_one_at_a_time() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let ask = |name: ImageAttributeName| {
        bench.client.describe_image_attribute().image_id(&base).attribute(name).send()
    };
    let description = ask(ImageAttributeName::Description).await.unwrap();
    assert!(description.description().unwrap().value().unwrap().contains("simulated"));
    let devices = ask(ImageAttributeName::BlockDeviceMapping).await.unwrap();
    assert_eq!(devices.block_device_mappings()[0].device_name(), Some("/dev/xvda"));
    assert!(
        ask(ImageAttributeName::LaunchPermission).await.unwrap().launch_permissions().is_empty()
    );
    assert_eq!(code(ask("colour".into()).await), "InvalidParameterValue");
}
