//! DisableAllowedImagesSettings.

use crate::bench::Bench;

#[tokio::test]
async fn all_are_allowed_again() {
    let bench = Bench::new().await;
    let answer = bench.client.disable_allowed_images_settings().send().await.unwrap();
    assert_eq!(answer.allowed_images_settings_state().unwrap().as_str(), "disabled");
}
