//! DisableImage.

use aws_sdk_ec2::types::ImageState;

use crate::bench::{Bench, code};

#[tokio::test]
async fn a_disabled_image_is_seen_when_asked_for_and_cannot_be_launched() {
    let bench = Bench::new().await;
    let (client, image) = (&bench.client, bench.base().await);
    for _ in 0..2 {
        client.disable_image().image_id(&image).send().await.unwrap();
    }
    let unasked = client.describe_images().owners("self").send().await.unwrap();
    assert!(unasked.images().is_empty());
    let asked = client.describe_images().image_ids(&image).include_disabled(true);
    let asked = asked.send().await.unwrap();
    assert_eq!(asked.images()[0].state(), Some(&ImageState::Disabled));
    let run = client.run_instances().image_id(&image).min_count(1).max_count(1);
    assert_eq!(code(run.send().await), "InvalidAMIID.Unavailable");
    client.deregister_image().image_id(&image).send().await.unwrap();
}

#[tokio::test]
async fn the_image_must_be_there() {
    let bench = Bench::new().await;
    let request = bench.client.disable_image().image_id("ami-0123456789abcdef0");
    assert_eq!(code(request.send().await), "InvalidAMIID.NotFound");
}
