//! StartInstances.

use crate::bench::{Bench, code};

#[tokio::test]
async fn an_instance_stops_and_starts_with_the_same_volume_and_address() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let before = bench.instance(&id).await;
    bench.client.stop_instances().instance_ids(&id).send().await.unwrap();
    bench.wait_for_state(&id, "stopped").await;
    assert_eq!(bench.instance(&id).await.public_ip_address(), None);
    bench.client.start_instances().instance_ids(&id).send().await.unwrap();
    bench.wait_for_state(&id, "running").await;
    let after = bench.instance(&id).await;
    assert_eq!(before.block_device_mappings(), after.block_device_mappings());
    assert_eq!(before.public_ip_address(), after.public_ip_address());
}

#[tokio::test]
async fn one_that_runs_is_left_running_and_one_that_has_ended_is_not_started() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let start = || bench.client.start_instances().instance_ids(&id).send();
    let answer = start().await.unwrap();
    let change = &answer.starting_instances()[0];
    assert_eq!(change.previous_state(), change.current_state());
    bench.client.terminate_instances().instance_ids(&id).send().await.unwrap();
    assert_eq!(code(start().await), "IncorrectInstanceState");
}
