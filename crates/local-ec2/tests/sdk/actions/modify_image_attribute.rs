//! ModifyImageAttribute.

use crate::bench::{Bench, code};
use aws_sdk_ec2::types::{
    AttributeValue, ImageAttributeName, LaunchPermission, LaunchPermissionModifications,
};

#[tokio::test]
async fn a_description_is_changed() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let text = AttributeValue::builder().value("other").build();
    let modify = bench.client.modify_image_attribute().image_id(&base).description(text);
    modify.send().await.unwrap();
    let answer = bench.client.describe_images().image_ids(&base).send().await.unwrap();
    assert_eq!(answer.images()[0].description(), Some("other"));
    let nothing = bench.client.modify_image_attribute().image_id(&base).send().await;
    assert_eq!(code(nothing), "InvalidParameterCombination");
}

#[tokio::test]
async fn launch_permissions_are_given_and_taken() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let all = || LaunchPermission::builder().group("all".into()).build();
    let user = |id: &str| LaunchPermission::builder().user_id(id).build();
    let modify = |change: LaunchPermissionModifications| {
        bench.client.modify_image_attribute().image_id(&base).launch_permission(change).send()
    };
    let change = LaunchPermissionModifications::builder();
    modify(change.clone().add(all()).add(user("123456789012")).build()).await.unwrap();
    let answer = bench.client.describe_images().image_ids(&base).send().await.unwrap();
    assert_eq!(answer.images()[0].public(), Some(true));
    modify(change.clone().remove(all()).build()).await.unwrap();
    let request = bench.client.describe_image_attribute().image_id(&base);
    let answer = request.attribute(ImageAttributeName::LaunchPermission).send().await.unwrap();
    assert_eq!(answer.launch_permissions(), [user("123456789012")]);
    assert_eq!(code(modify(change.add(user("me")).build()).await), "InvalidUserID.Malformed");
}
