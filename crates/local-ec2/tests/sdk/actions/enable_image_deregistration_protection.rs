//! EnableImageDeregistrationProtection.

use crate::bench::{Bench, code};

#[tokio::test]
async fn a_protected_image_is_not_deregistered() {
    let bench = Bench::new().await;
    let image = bench.image_of(&bench.running_instance().await, "one").await;
    let client = &bench.client;
    client.enable_image_deregistration_protection().image_id(&image).send().await.unwrap();
    let answer = client.describe_images().image_ids(&image).send().await.unwrap();
    let told = answer.images()[0].deregistration_protection();
    assert_eq!(told, Some("enabled-without-cooldown"));
    let deregister = || client.deregister_image().image_id(&image).send();
    assert_eq!(code(deregister().await), "OperationNotPermitted");
}

#[tokio::test]
async fn the_image_must_be_there() {
    let bench = Bench::new().await;
    let request = bench.client.enable_image_deregistration_protection();
    let answer = request.image_id("ami-0123456789abcdef0").send().await;
    assert_eq!(code(answer), "InvalidAMIID.NotFound");
}
