//! SetInstanceProtection.

use crate::bench::{Bench, code};
use crate::scaling::a_moment;

#[tokio::test]
async fn what_is_protected_is_not_ended_when_the_group_shrinks() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    bench.group("farm", &template, 2).await;
    let group = bench.described("farm").await.unwrap();
    let id = group.instances()[1].instance_id().unwrap().to_owned();
    let client = bench.autoscaling();
    let protect = |id: &str| {
        let set = client.set_instance_protection().auto_scaling_group_name("farm");
        set.instance_ids(id).protected_from_scale_in(true)
    };
    protect(&id).send().await.unwrap();
    let set =
        |size| client.set_desired_capacity().auto_scaling_group_name("farm").desired_capacity(size);
    set(0).send().await.unwrap();
    bench.wait_for_service("farm", 1).await;
    a_moment().await;
    let group = bench.described("farm").await.unwrap();
    let [left] = group.instances() else { panic!("{group:?}") };
    assert_eq!(
        (left.instance_id(), left.protected_from_scale_in()),
        (Some(id.as_str()), Some(true))
    );
    assert_eq!(code(protect("i-0123456789abcdef0").send().await), "ValidationError");
}
