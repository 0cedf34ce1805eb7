//! DescribeInstanceStatus.

use crate::bench::{Bench, filter};

#[tokio::test]
async fn an_instance_that_runs_is_ok_and_others_are_told_of_on_demand() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let ok =
        || bench.client.describe_instance_status().filters(filter("instance-status.status", "ok"));
    let answer = ok().send().await.unwrap();
    let status = &answer.instance_statuses()[0];
    assert_eq!(status.instance_id(), Some(id.as_str()));
    let details = &status.system_status().unwrap().details()[0];
    assert_eq!(details.status().unwrap().as_str(), "passed");
    bench.client.stop_instances().instance_ids(&id).send().await.unwrap();
    bench.wait_for_state(&id, "stopped").await;
    assert!(ok().send().await.unwrap().instance_statuses().is_empty());
    let all = bench.client.describe_instance_status().include_all_instances(true);
    let answer = all.send().await.unwrap();
    let state = answer.instance_statuses()[0].instance_state().unwrap();
    assert_eq!(state.name().unwrap().as_str(), "stopped");
}
