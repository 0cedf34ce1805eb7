//! StartInstanceRefresh.

use aws_sdk_autoscaling::types::{RefreshPreferences, ScaleInProtectedInstances};
use local_ec2::Faults;

use crate::bench::{Bench, code, eventually};
use crate::scaling::{a_moment, at_once, version_of};

async fn farm(bench: &Bench, size: i32) -> (String, i64) {
    let template = bench.launch_template("agents").await;
    let version = bench.version(&template).await;
    bench.group("farm", &template, size).await;
    (template, version)
}

#[tokio::test]
async fn all_instances_are_replaced_and_the_group_has_the_configuration_then() {
    let mut bench = Bench::new().await;
    let (template, version) = farm(&bench, 3).await;
    bench.refresh("farm", (&template, version), at_once()).await;
    let second = bench.autoscaling().start_instance_refresh().auto_scaling_group_name("farm");
    assert_eq!(code(second.send().await), "InstanceRefreshInProgress");
    let group = bench.described("farm").await.unwrap();
    assert_eq!(group.launch_template().unwrap().version(), Some("1"));
    bench.restart().await;
    let refresh = bench.wait_for_refresh("farm", "Successful").await;
    assert_eq!(
        (refresh.percentage_complete(), refresh.instances_to_update()),
        (Some(100), Some(0))
    );
    assert_eq!(bench.versions("farm").await, ["2", "2", "2"]);
    let group = bench.described("farm").await.unwrap();
    assert_eq!(group.launch_template().unwrap().version(), Some("2"));
    // What matches is skipped.
    let instances = |group: aws_sdk_autoscaling::types::AutoScalingGroup| {
        let ids = group.instances.unwrap_or_default().into_iter().filter_map(|it| it.instance_id);
        ids.collect::<Vec<_>>()
    };
    let skip = RefreshPreferences::builder().skip_matching(true).instance_warmup(0).build();
    bench.refresh("farm", (&template, version), skip).await;
    bench.wait_for_refresh("farm", "Successful").await;
    assert_eq!(instances(bench.described("farm").await.unwrap()), instances(group));
}

/// It has replaced one of three when launches begin to fail.
#[tokio::test]
async fn launches_that_fail_make_it_fail_and_the_group_stays_as_it_was() {
    let bench = Bench::new().await;
    let (template, version) = farm(&bench, 3).await;
    let fault = "RunInstances=InsufficientInstanceCapacity,skip=1,times=3".parse().unwrap();
    bench.fault(Faults { calls: vec![fault], ..Faults::default() }).await;
    let one = RefreshPreferences::builder().min_healthy_percentage(60).instance_warmup(0);
    bench.refresh("farm", (&template, version), one.build()).await;
    let refresh = bench.wait_for_refresh("farm", "Failed").await;
    assert!(refresh.status_reason().unwrap().contains("sufficient"), "{refresh:?}");
    let group = bench.described("farm").await.unwrap();
    assert_eq!(group.launch_template().unwrap().version(), Some("1"));
    bench.wait_for_service("farm", 3).await;
    assert_eq!(bench.versions("farm").await, ["1", "1", "2"]);
}

#[tokio::test]
async fn what_failed_is_rolled_back_where_that_is_asked_for() {
    let bench = Bench::new().await;
    let (template, version) = farm(&bench, 3).await;
    let fault = "RunInstances=InsufficientInstanceCapacity,skip=1,times=3".parse().unwrap();
    bench.fault(Faults { calls: vec![fault], ..Faults::default() }).await;
    let back = RefreshPreferences::builder().min_healthy_percentage(60).instance_warmup(0);
    bench.refresh("farm", (&template, version), back.auto_rollback(true).build()).await;
    bench.wait_for_refresh("farm", "RollbackSuccessful").await;
    bench.wait_for_service("farm", 3).await;
    assert_eq!(bench.versions("farm").await, ["1", "1", "1"]);
}

#[tokio::test]
async fn a_checkpoint_is_waited_at() {
    let bench = Bench::new().await;
    let (template, version) = farm(&bench, 2).await;
    let rest = RefreshPreferences::builder().min_healthy_percentage(0).instance_warmup(0);
    let rest = rest.checkpoint_percentages(50).checkpoint_percentages(100).checkpoint_delay(1);
    bench.refresh("farm", (&template, version), rest.build()).await;
    eventually(async || {
        let refresh = bench.last_refresh("farm").await;
        (refresh.percentage_complete() == Some(50)).then_some(())
    })
    .await;
    a_moment().await;
    assert_eq!(bench.versions("farm").await, ["1", "2"]);
    bench.wait_for_refresh("farm", "Successful").await;
    assert_eq!(bench.versions("farm").await, ["2", "2"]);
}

#[tokio::test]
async fn protected_instances_are_waited_for_ignored_or_replaced() {
    let bench = Bench::new().await;
    let (template, version) = farm(&bench, 1).await;
    let group = bench.described("farm").await.unwrap();
    let protect = bench.autoscaling().set_instance_protection().auto_scaling_group_name("farm");
    let protect = protect.instance_ids(group.instances()[0].instance_id().unwrap());
    protect.protected_from_scale_in(true).send().await.unwrap();
    let with = |how| {
        let all = RefreshPreferences::builder().min_healthy_percentage(0).instance_warmup(0);
        all.scale_in_protected_instances(how).build()
    };
    bench.refresh("farm", (&template, version), with(ScaleInProtectedInstances::Wait)).await;
    a_moment().await;
    assert_eq!(bench.last_refresh("farm").await.status().unwrap().as_str(), "InProgress");
    let cancel = bench.autoscaling().cancel_instance_refresh().auto_scaling_group_name("farm");
    cancel.send().await.unwrap();
    bench.refresh("farm", (&template, version), with(ScaleInProtectedInstances::Ignore)).await;
    bench.wait_for_refresh("farm", "Successful").await;
    assert_eq!(bench.versions("farm").await, ["1"]);
    bench.refresh("farm", (&template, version), with(ScaleInProtectedInstances::Refresh)).await;
    bench.wait_for_refresh("farm", "Successful").await;
    assert_eq!(bench.versions("farm").await, ["2"]);
}

/// With a maximum above 100 percent the new one is there before the old one goes.
#[tokio::test]
async fn more_than_all_may_be_healthy() {
    let bench = Bench::new().await;
    let (template, version) = farm(&bench, 1).await;
    let surge = RefreshPreferences::builder().min_healthy_percentage(100);
    let surge = surge.max_healthy_percentage(200).instance_warmup(1);
    bench.refresh("farm", (&template, version), surge.build()).await;
    bench.wait_for_service("farm", 2).await;
    assert_eq!(bench.versions("farm").await, ["1", "2"]);
    bench.wait_for_refresh("farm", "Successful").await;
    assert_eq!(bench.versions("farm").await, ["2"]);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused() {
    let bench = Bench::new().await;
    let (template, _) = farm(&bench, 0).await;
    let client = bench.autoscaling();
    let start = || client.start_instance_refresh().auto_scaling_group_name("farm");
    let preferences = |text: RefreshPreferences| start().preferences(text);
    let base = RefreshPreferences::builder;
    for bad in [
        base().min_healthy_percentage(101),
        base().max_healthy_percentage(90),
        base().max_healthy_percentage(150),
        base().min_healthy_percentage(50).max_healthy_percentage(200),
        base().checkpoint_percentages(60).checkpoint_percentages(50),
    ] {
        assert_eq!(code(preferences(bad.build()).send().await), "ValidationError");
    }
    let update = client.update_auto_scaling_group().auto_scaling_group_name("farm");
    update.launch_template(version_of(&template, "$Latest")).send().await.unwrap();
    let back = || preferences(base().auto_rollback(true).build());
    assert_eq!(code(back().send().await), "ValidationError", "without a desired configuration");
    let desired = aws_sdk_autoscaling::types::DesiredConfiguration::builder();
    let desired = desired.launch_template(version_of(&template, "2")).build();
    let back = back().desired_configuration(desired);
    assert_eq!(code(back.send().await), "ValidationError", "from a version that moves");
    let none = client.start_instance_refresh().auto_scaling_group_name("none");
    assert_eq!(code(none.send().await), "ValidationError");
}
