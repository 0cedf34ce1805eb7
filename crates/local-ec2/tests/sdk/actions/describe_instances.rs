//! DescribeInstances.

use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn filters_hold_and_unknown_ones_are_refused() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let ask = async |name: &str, value: &str| {
        bench.client.describe_instances().filters(filter(name, value)).send().await
    };
    let found = ask("instance-state-name", "run*").await.unwrap();
    assert_eq!(found.reservations()[0].instances()[0].instance_id(), Some(id.as_str()));
    assert!(ask("instance-state-name", "stopped").await.unwrap().reservations().is_empty());
    assert_eq!(code(ask("colour", "red").await), "InvalidParameterValue");
}

#[tokio::test]
async fn several_instances_come_in_pages() {
    let bench = Bench::new().await;
    for _ in 0..7 {
        bench.launch(&bench.base().await).await;
    }
    let mut pages = bench.client.describe_instances().max_results(5).into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().reservations().len());
    }
    assert_eq!(sizes, [5, 2]);
}

#[tokio::test]
async fn ids_and_pages_exclude_each_other_and_pages_are_not_too_small() {
    let bench = Bench::new().await;
    let ask = || bench.client.describe_instances();
    let id = bench.launch(&bench.base().await).await;
    assert_eq!(code(ask().max_results(4).send().await), "InvalidParameterValue");
    let both = ask().instance_ids(&id).max_results(5).send().await;
    assert_eq!(code(both), "InvalidParameterCombination");
    assert_eq!(code(ask().instance_ids("i-1").send().await), "InvalidInstanceID.Malformed");
    let filter = filter("nosuch", "x");
    assert_eq!(code(ask().filters(filter).send().await), "InvalidParameterValue");
}
