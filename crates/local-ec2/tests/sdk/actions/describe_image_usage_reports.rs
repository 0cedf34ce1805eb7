//! DescribeImageUsageReports.

use std::time::Duration;

use aws_sdk_ec2::types::ImageUsageResourceTypeRequest;
use local_ec2::Delays;

use crate::bench::{Bench, filter};

#[tokio::test]
async fn a_report_is_pending_and_then_available_for_thirty_days() {
    let report = Duration::from_millis(400);
    let bench = Bench::with_delays(Delays { report, ..Delays::default() }).await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let kind = ImageUsageResourceTypeRequest::builder().resource_type("ec2:Instance").build();
    let made = bench.client.create_image_usage_report().image_id(&image).resource_types(kind);
    let id = made.send().await.unwrap().report_id.unwrap();
    let list = async || {
        let asked = bench.client.describe_image_usage_reports().image_ids(&image);
        asked.send().await.unwrap().image_usage_reports.unwrap_or_default()
    };
    let there = list().await;
    let [first] = there.as_slice() else { panic!("{there:?}") };
    assert_eq!((first.report_id(), first.state()), (Some(id.as_str()), Some("pending")));
    let kept = first.expiration_time().unwrap().secs() - first.creation_time().unwrap().secs();
    assert_eq!(kept, 30 * 24 * 3600);
    tokio::time::sleep(report).await;
    assert_eq!(list().await[0].state(), Some("available"));
    let pending = bench.client.describe_image_usage_reports().filters(filter("state", "pending"));
    assert!(pending.send().await.unwrap().image_usage_reports().is_empty());
}
