//! DisableImageDeregistrationProtection.

use crate::bench::{Bench, code};

#[tokio::test]
async fn an_image_is_deregistered_when_protection_is_switched_off() {
    let bench = Bench::new().await;
    let image = bench.image_of(&bench.running_instance().await, "one").await;
    let client = &bench.client;
    client.enable_image_deregistration_protection().image_id(&image).send().await.unwrap();
    let disable = || client.disable_image_deregistration_protection().image_id(&image).send();
    disable().await.unwrap();
    disable().await.unwrap();
    client.deregister_image().image_id(&image).send().await.unwrap();
}

#[tokio::test]
async fn the_image_must_be_there() {
    let bench = Bench::new().await;
    let request = bench.client.disable_image_deregistration_protection();
    let answer = request.image_id("ami-0123456789abcdef0").send().await;
    assert_eq!(code(answer), "InvalidAMIID.NotFound");
}
