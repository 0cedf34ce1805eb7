//! DescribeInstanceRefreshes.

use crate::bench::{Bench, code};
use crate::scaling::at_once;

#[tokio::test]
async fn the_newest_comes_first_with_what_it_was_asked_for() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let version = bench.version(&template).await;
    bench.group("farm", &template, 1).await;
    for _ in 0..2 {
        bench.refresh("farm", (&template, version), at_once()).await;
        bench.wait_for_refresh("farm", "Successful").await;
    }
    let client = bench.autoscaling();
    let describe = || client.describe_instance_refreshes().auto_scaling_group_name("farm");
    let all = describe().send().await.unwrap().instance_refreshes.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all[0].start_time() > all[1].start_time());
    assert_eq!(all[0].preferences().unwrap().min_healthy_percentage(), Some(50));
    let desired = all[0].desired_configuration().unwrap().launch_template().unwrap();
    assert_eq!((desired.launch_template_name(), desired.version()), (Some("agents"), Some("2")));
    let one = describe().instance_refresh_ids(all[1].instance_refresh_id().unwrap());
    assert_eq!(one.send().await.unwrap().instance_refreshes().len(), 1);
    assert_eq!(describe().max_records(1).send().await.unwrap().instance_refreshes().len(), 1);
    let none = client.describe_instance_refreshes().auto_scaling_group_name("none");
    assert_eq!(code(none.send().await), "ValidationError");
}
