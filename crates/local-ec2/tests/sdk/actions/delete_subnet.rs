//! DeleteSubnet.

use crate::bench::{Bench, code};

#[tokio::test]
async fn one_in_use_stays_and_an_empty_one_goes() {
    let bench = Bench::new().await;
    let subnet = bench.private_subnet().await;
    let id = bench.launch_in(&subnet).await;
    let delete = || bench.client.delete_subnet().subnet_id(&subnet).send();
    assert_eq!(code(delete().await), "DependencyViolation");
    bench.wait_for_state(&id, "running").await;
    bench.client.terminate_instances().instance_ids(&id).send().await.unwrap();
    bench.wait_for_state(&id, "terminated").await;
    delete().await.unwrap();
    assert_eq!(code(delete().await), "InvalidSubnetID.NotFound");
}
