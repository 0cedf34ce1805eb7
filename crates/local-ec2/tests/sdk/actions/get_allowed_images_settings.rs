//! GetAllowedImagesSettings.

use crate::bench::Bench;

#[tokio::test]
async fn without_a_word_all_images_are_allowed() {
    let bench = Bench::new().await;
    let answer = bench.client.get_allowed_images_settings().send().await.unwrap();
    assert_eq!(answer.state(), Some("disabled"));
    assert!(answer.image_criteria().is_empty());
    let images = bench.client.describe_images().send().await.unwrap();
    assert_eq!(images.images()[0].image_allowed(), None);
}
