//! StopInstances.

use crate::bench::{Bench, code};

#[tokio::test]
async fn ids_that_are_wrong_change_nothing() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let both = bench.client.stop_instances().instance_ids(&id).instance_ids("i-0123456789abcdef0");
    assert_eq!(code(both.send().await), "InvalidInstanceID.NotFound");
    bench.wait_for_state(&id, "running").await;
    let malformed = bench.client.describe_instances().instance_ids("i-1").send().await;
    assert_eq!(code(malformed), "InvalidInstanceID.Malformed");
}

#[tokio::test]
async fn an_instance_that_is_stopped_or_terminated_while_it_starts_ends_as_asked() {
    let running = std::time::Duration::from_millis(300);
    let delays = local_ec2::Delays { running, ..local_ec2::Delays::default() };
    let bench = Bench::with_delays(delays).await;
    let base = bench.base().await;
    let (first, second) = (bench.launch(&base).await, bench.launch(&base).await);
    bench.client.stop_instances().instance_ids(&first).send().await.unwrap();
    bench.client.terminate_instances().instance_ids(&second).send().await.unwrap();
    bench.wait_for_state(&first, "stopped").await;
    bench.wait_for_state(&second, "terminated").await;
}

#[tokio::test]
async fn one_that_has_ended_is_not_stopped() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    bench.client.terminate_instances().instance_ids(&id).send().await.unwrap();
    bench.wait_for_state(&id, "terminated").await;
    let stop = bench.client.stop_instances().instance_ids(&id).send().await;
    assert_eq!(code(stop), "IncorrectInstanceState");
}
