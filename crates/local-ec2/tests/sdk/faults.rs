//! `amiable local fault`: what clients meet on AWS now and then.

use std::time::Duration;

use aws_sdk_ec2::types::InstanceType;
use local_ec2::Faults;

use crate::bench::{Bench, code, eventually, tag};
use crate::raw::call;

/// Longer than a call takes, and short enough to wait for.
const WHILE: Duration = Duration::from_millis(1500);

fn calls(faults: &[&str]) -> Faults {
    let calls = faults.iter().map(|text| text.parse().unwrap()).collect();
    Faults { calls, ..Faults::default() }
}

#[tokio::test]
async fn descriptions_lag_behind() {
    let bench = Bench::new().await;
    let old = bench.running_instance().await;
    bench.fault(Faults { lag: WHILE, ..Faults::default() }).await;
    let new = bench.launch(&bench.base().await).await;
    let described = bench.client.describe_instances().instance_ids(&new).send().await;
    assert_eq!(code(described), "InvalidInstanceID.NotFound");
    bench.client.stop_instances().instance_ids(&old).send().await.unwrap();
    let state = bench.instance(&old).await.state.unwrap().name.unwrap();
    assert_eq!(state.as_str(), "running", "it is stopping, and nobody knows yet");
    bench.wait_for_state(&old, "stopped").await;
    eventually(async || bench.client.describe_instances().instance_ids(&new).send().await.ok())
        .await;
}

#[tokio::test]
async fn new_resources_are_not_found_for_a_while() {
    let bench = Bench::new().await;
    let image = bench.image_of(&bench.running_instance().await, "one").await;
    bench.fault(Faults { not_found: WHILE, ..Faults::default() }).await;
    let new = bench.launch(&image).await;
    let create = || bench.client.create_tags().resources(&new).tags(tag("a", "b")).send();
    assert_eq!(code(create().await), "InvalidInstanceID.NotFound");
    eventually(async || create().await.ok()).await;
}

#[tokio::test]
async fn calls_are_throttled_as_ec2_documents_it() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    bench.fault(Faults { throttle: true, ..Faults::default() }).await;
    let body = format!("Action=RunInstances&ImageId={base}&MinCount=1&MaxCount=1&DryRun=true");
    let mut throttled = 0;
    for _ in 0..20 {
        let answer = call(&bench.endpoint, &body).await;
        if answer.contains("<Code>RequestLimitExceeded</Code>") {
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            throttled += 1;
        }
    }
    assert!(throttled > 0, "a burst of 20 is more than a bucket of 5 and 2 a second give");
    // The bucket fills again. The SDK waits and tries again by itself, but draws its pauses
    // at random: all of its three tries may come too early.
    eventually(async || {
        let request = bench.client.run_instances().image_id(&base).min_count(1).max_count(1);
        request.instance_type(InstanceType::T3Micro).send().await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_call_fails_with_the_error_that_was_asked_for_and_nothing_is_done() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    bench.fault(calls(&["RunInstances=InsufficientInstanceCapacity,times=5"])).await;
    let request = bench.client.run_instances().image_id(&base).min_count(1).max_count(1);
    let request = request.instance_type(InstanceType::T3Micro);
    assert_eq!(code(request.send().await), "InsufficientInstanceCapacity");
    assert!(bench.client.describe_instances().send().await.unwrap().reservations().is_empty());
}

#[tokio::test]
async fn a_connection_is_cut_before_or_after_the_effect() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let create = |name: &str| format!("Action=CreateImage&InstanceId={instance}&Name={name}");
    let names = async || {
        let answer = bench.client.describe_images().send().await.unwrap();
        answer.images().iter().filter_map(|it| it.name().map(String::from)).collect::<Vec<_>>()
    };
    bench.fault(calls(&["CreateImage=cut,times=1"])).await;
    assert_eq!(call(&bench.endpoint, &create("before")).await, "");
    assert!(!names().await.contains(&"before".into()));
    bench.fault(calls(&["CreateImage=cut,after,times=1"])).await;
    assert_eq!(call(&bench.endpoint, &create("after")).await, "");
    assert!(names().await.contains(&"after".into()));
}

#[tokio::test]
async fn the_sdk_gets_over_a_cut_connection() {
    let bench = Bench::new().await;
    bench.fault(calls(&["*=cut,times=1"])).await;
    bench.base().await;
}

#[tokio::test]
async fn faults_end_when_told_so() {
    let bench = Bench::new().await;
    bench.fault(calls(&["*=InternalError"])).await;
    let failed = bench.client.describe_images().send().await;
    assert_eq!(code(failed), "InternalError");
    bench.fault(Faults::default()).await;
    bench.base().await;
}
