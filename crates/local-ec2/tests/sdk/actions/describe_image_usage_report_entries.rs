//! DescribeImageUsageReportEntries.

use aws_sdk_ec2::types::ImageUsageResourceTypeRequest;
use local_ec2::{ImageUse, Reply, Request};

use crate::bench::Bench;

#[tokio::test]
async fn accounts_are_counted_when_the_report_is_made() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let used = |instances| {
        Request::Use(ImageUse {
            image: image.clone(),
            account: "123456789012".into(),
            instances,
            launch_templates: 0,
        })
    };
    let refused = bench.control(used(3)).await;
    assert!(matches!(refused, Reply::Failed(_)), "it is not shared: {refused:?}");
    let share = bench.client.modify_image_attribute().image_id(&image);
    let share = share.attribute("launchPermission").operation_type("add".into());
    share.user_ids("123456789012").send().await.unwrap();
    assert_eq!(bench.control(used(3)).await, Reply::Counted);
    let kind = ImageUsageResourceTypeRequest::builder().resource_type("ec2:Instance").build();
    let made = bench.client.create_image_usage_report().image_id(&image).resource_types(kind);
    let id = made.send().await.unwrap().report_id.unwrap();
    bench.control(used(4)).await;
    let entries = bench.client.describe_image_usage_report_entries().report_ids(id);
    let entries = entries.send().await.unwrap().image_usage_report_entries.unwrap();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(
        (entry.account_id(), entry.resource_type(), entry.usage_count(), entry.image_id()),
        (Some("123456789012"), Some("ec2:Instance"), Some(3), Some(image.as_str()))
    );
}
