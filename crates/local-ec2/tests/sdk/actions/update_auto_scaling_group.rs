//! UpdateAutoScalingGroup.

use crate::bench::{Bench, code};
use crate::scaling::{a_moment, at_once, version_of};

#[tokio::test]
async fn another_version_counts_for_new_instances_only() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    bench.version(&template).await;
    bench.group("farm", &template, 1).await;
    let client = bench.autoscaling();
    let update = || client.update_auto_scaling_group().auto_scaling_group_name("farm");
    update().launch_template(version_of(&template, "2")).send().await.unwrap();
    a_moment().await;
    assert_eq!(bench.versions("farm").await, ["1"]);
    update().desired_capacity(2).send().await.unwrap();
    bench.wait_for_service("farm", 2).await;
    assert_eq!(bench.versions("farm").await, ["1", "2"]);
    // The oldest version goes first.
    update().desired_capacity(1).send().await.unwrap();
    bench.wait_for_service("farm", 1).await;
    assert_eq!(bench.versions("farm").await, ["2"]);
    assert_eq!(code(update().min_size(11).send().await), "ValidationError");
    let bad = update().launch_template(version_of(&template, "7"));
    assert_eq!(code(bad.send().await), "ValidationError");
    let none = client.update_auto_scaling_group().auto_scaling_group_name("none");
    assert_eq!(code(none.send().await), "ValidationError");
}

#[tokio::test]
async fn a_refresh_with_another_configuration_excludes_it() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let version = bench.version(&template).await;
    bench.group("farm", &template, 2).await;
    bench.refresh("farm", (&template, version), at_once()).await;
    let update = bench.autoscaling().update_auto_scaling_group().auto_scaling_group_name("farm");
    let update = update.launch_template(version_of(&template, "1"));
    assert_eq!(code(update.send().await), "ValidationError");
    bench.wait_for_refresh("farm", "Successful").await;
}
