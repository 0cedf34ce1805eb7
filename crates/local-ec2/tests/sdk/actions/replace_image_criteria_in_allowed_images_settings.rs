//! ReplaceImageCriteriaInAllowedImagesSettings.

use aws_sdk_ec2::types::{AllowedImagesSettingsEnabledState, ImageCriterionRequest};

use crate::bench::Bench;
use crate::outside::import;

#[tokio::test]
async fn owners_are_admitted_by_account_and_by_name() {
    let bench = Bench::new().await;
    let theirs = import(&bench, "admitted-theirs", "111122223333", None).await;
    let amazons = import(&bench, "admitted-amazons", "amazon", None).await;
    let of = |provider: &str| ImageCriterionRequest::builder().image_providers(provider).build();
    let replace = bench.client.replace_image_criteria_in_allowed_images_settings();
    replace.image_criteria(of("amazon")).send().await.unwrap();
    let enable = bench.client.enable_allowed_images_settings();
    let enabled = AllowedImagesSettingsEnabledState::Enabled;
    enable.allowed_images_settings_state(enabled).send().await.unwrap();
    let settings = bench.client.get_allowed_images_settings().send().await.unwrap();
    assert_eq!(settings.image_criteria()[0].image_providers(), ["amazon"]);
    let all = bench.client.describe_images().send().await.unwrap();
    let ids: Vec<&str> = all.images().iter().filter_map(|it| it.image_id()).collect();
    assert!(ids.contains(&amazons.as_str()) && !ids.contains(&theirs.as_str()), "{ids:?}");
}
