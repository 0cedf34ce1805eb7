//! EnableAllowedImagesSettings.

use aws_sdk_ec2::types::AllowedImagesSettingsEnabledState;

use crate::bench::{Bench, code};
use crate::outside::import;

#[tokio::test]
async fn what_is_left_out_is_told_first_and_not_found_then() {
    let bench = Bench::new().await;
    let theirs = import(&bench, "allowed-theirs", "111122223333", None).await;
    let enable = async |state: AllowedImagesSettingsEnabledState| {
        let enable = bench.client.enable_allowed_images_settings();
        enable.allowed_images_settings_state(state).send().await.unwrap();
    };
    enable(AllowedImagesSettingsEnabledState::AuditMode).await;
    let described = || bench.client.describe_images().image_ids(&theirs).send();
    assert_eq!(described().await.unwrap().images()[0].image_allowed(), Some(false));
    bench.launch(&theirs).await;
    enable(AllowedImagesSettingsEnabledState::Enabled).await;
    assert!(described().await.unwrap().images().is_empty());
    let run = bench.client.run_instances().image_id(&theirs).instance_type("t3.micro".into());
    assert_eq!(code(run.min_count(1).max_count(1).send().await), "InvalidAMIID.NotFound");
    bench.launch(&bench.base().await).await;
}
