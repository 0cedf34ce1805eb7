//! CancelInstanceRefresh.

use crate::bench::{Bench, code};
use crate::scaling::at_once;

#[tokio::test]
async fn it_ends_where_it_is() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let version = bench.version(&template).await;
    bench.group("farm", &template, 3).await;
    let client = bench.autoscaling();
    let cancel = || client.cancel_instance_refresh().auto_scaling_group_name("farm");
    assert_eq!(code(cancel().send().await), "ActiveInstanceRefreshNotFound");
    bench.refresh("farm", (&template, version), at_once()).await;
    cancel().send().await.unwrap();
    let refresh = bench.wait_for_refresh("farm", "Cancelled").await;
    assert!(refresh.end_time().is_some());
    bench.wait_for_service("farm", 3).await;
    let group = bench.described("farm").await.unwrap();
    assert_eq!(group.launch_template().unwrap().version(), Some("1"));
}
