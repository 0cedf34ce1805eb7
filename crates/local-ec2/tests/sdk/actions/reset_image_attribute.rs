//! ResetImageAttribute.

use crate::bench::Bench;
use aws_sdk_ec2::types::{
    LaunchPermission, LaunchPermissionModifications, ResetImageAttributeName,
};

#[tokio::test]
async fn an_image_becomes_private_again() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let all = LaunchPermission::builder().group("all".into()).build();
    let change = LaunchPermissionModifications::builder().add(all).build();
    let modify = bench.client.modify_image_attribute().image_id(&base).launch_permission(change);
    modify.send().await.unwrap();
    let reset = bench.client.reset_image_attribute().image_id(&base);
    reset.attribute(ResetImageAttributeName::LaunchPermission).send().await.unwrap();
    let answer = bench.client.describe_images().image_ids(&base).send().await.unwrap();
    assert_eq!(answer.images()[0].public(), Some(false));
}
