//! CreateImageUsageReport.

use aws_sdk_ec2::types::ImageUsageResourceTypeRequest;

use crate::bench::{Bench, code};

#[tokio::test]
async fn a_report_is_made_of_an_own_image_for_kinds_that_are_named() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let ask = |kind: &str| {
        let kind = ImageUsageResourceTypeRequest::builder().resource_type(kind).build();
        bench.client.create_image_usage_report().image_id(&image).resource_types(kind)
    };
    let made = ask("ec2:Instance").send().await.unwrap();
    assert!(made.report_id().unwrap().starts_with("amiur-"), "{made:?}");
    assert_eq!(code(ask("ec2:Volume").send().await), "InvalidParameterValue");
    let none = bench.client.create_image_usage_report().image_id(&image);
    assert_eq!(code(none.send().await), "MissingParameter");
    let gone = ask("ec2:Instance").image_id("ami-0123456789abcdef0");
    assert_eq!(code(gone.send().await), "InvalidAMIID.NotFound");
}
