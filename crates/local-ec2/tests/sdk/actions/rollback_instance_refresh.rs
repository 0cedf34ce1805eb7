//! RollbackInstanceRefresh.

use aws_sdk_autoscaling::types::RefreshPreferences;

use crate::bench::{Bench, code, eventually};

#[tokio::test]
async fn what_was_replaced_is_replaced_back() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let version = bench.version(&template).await;
    bench.group("farm", &template, 2).await;
    let client = bench.autoscaling();
    let rollback = || client.rollback_instance_refresh().auto_scaling_group_name("farm");
    assert_eq!(code(rollback().send().await), "ActiveInstanceRefreshNotFound");
    let rest = RefreshPreferences::builder().min_healthy_percentage(50).instance_warmup(0);
    let rest = rest.checkpoint_percentages(50).checkpoint_percentages(100).checkpoint_delay(3600);
    bench.refresh("farm", (&template, version), rest.build()).await;
    eventually(async || (bench.versions("farm").await == ["1", "2"]).then_some(())).await;
    rollback().send().await.unwrap();
    bench.wait_for_refresh("farm", "RollbackSuccessful").await;
    assert_eq!(bench.versions("farm").await, ["1", "1"]);
    let plain = client.start_instance_refresh().auto_scaling_group_name("farm");
    plain.send().await.unwrap();
    assert_eq!(code(rollback().send().await), "IrreversibleInstanceRefresh");
}
