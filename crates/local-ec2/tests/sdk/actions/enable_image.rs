//! EnableImage.

use crate::bench::{Bench, code};

#[tokio::test]
async fn an_image_that_was_disabled_can_be_launched_again() {
    let bench = Bench::new().await;
    let (client, image) = (&bench.client, bench.base().await);
    client.disable_image().image_id(&image).send().await.unwrap();
    for _ in 0..2 {
        client.enable_image().image_id(&image).send().await.unwrap();
    }
    bench.running_instance().await;
}

#[tokio::test]
async fn the_image_must_be_there() {
    let bench = Bench::new().await;
    let request = bench.client.enable_image().image_id("ami-0123456789abcdef0");
    assert_eq!(code(request.send().await), "InvalidAMIID.NotFound");
}
