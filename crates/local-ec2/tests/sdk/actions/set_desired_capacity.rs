//! SetDesiredCapacity.

use crate::bench::{Bench, code};

#[tokio::test]
async fn a_group_grows_and_shrinks_within_its_bounds() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    bench.group("farm", &template, 0).await;
    let client = bench.autoscaling();
    let set =
        |size| client.set_desired_capacity().auto_scaling_group_name("farm").desired_capacity(size);
    set(3).send().await.unwrap();
    bench.wait_for_service("farm", 3).await;
    set(1).send().await.unwrap();
    bench.wait_for_service("farm", 1).await;
    assert_eq!(code(set(11).send().await), "ValidationError");
}
