//! RebootInstances.

use crate::bench::{Bench, code};

#[tokio::test]
async fn one_that_runs_goes_on_running_and_others_are_refused() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let reboot = || bench.client.reboot_instances().instance_ids(&id).send();
    reboot().await.unwrap();
    bench.wait_for_state(&id, "running").await;
    bench.client.terminate_instances().instance_ids(&id).send().await.unwrap();
    assert_eq!(code(reboot().await), "IncorrectInstanceState");
}
