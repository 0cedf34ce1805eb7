//! DisableImageDeprecation.

use std::time::{Duration, SystemTime};

use aws_sdk_ec2::primitives::DateTime;

use crate::bench::{Bench, code};

#[tokio::test]
async fn an_image_is_not_deprecated_any_more() {
    let bench = Bench::new().await;
    let (client, image) = (&bench.client, bench.base().await);
    let soon = DateTime::from(SystemTime::now() + Duration::from_secs(3600));
    client.enable_image_deprecation().image_id(&image).deprecate_at(soon).send().await.unwrap();
    client.disable_image_deprecation().image_id(&image).send().await.unwrap();
    let answer = client.describe_images().image_ids(&image).send().await.unwrap();
    assert_eq!(answer.images()[0].deprecation_time(), None);
}

#[tokio::test]
async fn the_image_must_be_there() {
    let bench = Bench::new().await;
    let request = bench.client.disable_image_deprecation().image_id("ami-0123456789abcdef0");
    assert_eq!(code(request.send().await), "InvalidAMIID.NotFound");
}
