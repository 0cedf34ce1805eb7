//! EnableImageDeprecation.

use std::time::{Duration, SystemTime};

use aws_sdk_ec2::primitives::DateTime;

use crate::bench::{Bench, code};

#[tokio::test]
async fn the_day_is_told_to_the_minute() {
    let bench = Bench::new().await;
    let image = bench.base().await;
    let soon = DateTime::from(SystemTime::now() + Duration::from_secs(90 * 24 * 3600));
    let request = bench.client.enable_image_deprecation().image_id(&image).deprecate_at(soon);
    request.send().await.unwrap();
    let answer = bench.client.describe_images().image_ids(&image).send().await.unwrap();
    let told = answer.images()[0].deprecation_time().unwrap();
    assert!(told.ends_with(":00.000Z"), "{told}");
}

#[tokio::test]
async fn the_past_and_the_far_future_are_refused() {
    let bench = Bench::new().await;
    let image = bench.base().await;
    let now = DateTime::from(SystemTime::now()).secs();
    for seconds in [now - 60, now + 11 * 366 * 24 * 3600] {
        let request = bench.client.enable_image_deprecation().image_id(&image);
        let answer = request.deprecate_at(DateTime::from_secs(seconds)).send().await;
        assert_eq!(code(answer), "InvalidParameterValue");
    }
    let request = bench.client.enable_image_deprecation().image_id("ami-0123456789abcdef0");
    let answer = request.deprecate_at(DateTime::from_secs(now + 3600)).send().await;
    assert_eq!(code(answer), "InvalidAMIID.NotFound");
}
