//! ModifyLaunchTemplate.

use crate::bench::{Bench, code};

#[tokio::test]
async fn another_version_is_made_the_default() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let number = bench.version(&template).await;
    let modify = |version: &str| {
        bench.client.modify_launch_template().launch_template_id(&template).default_version(version)
    };
    let answer = modify(&number.to_string()).send().await.unwrap().launch_template.unwrap();
    assert_eq!(answer.default_version_number(), Some(2));
    assert_eq!(code(modify("9").send().await), "InvalidLaunchTemplateId.VersionNotFound");
    let by_name = bench.client.modify_launch_template().launch_template_name("agents");
    let answer = by_name.default_version("1").send().await.unwrap().launch_template.unwrap();
    assert_eq!(answer.default_version_number(), Some(1));
}
