//! DescribeTags.

use crate::bench::{Bench, filter, tag};

#[tokio::test]
async fn the_tags_of_all_resources_are_found_by_key_and_by_resource() {
    let bench = Bench::new().await;
    let (image, instance) = (bench.base().await, bench.running_instance().await);
    for id in [&image, &instance] {
        bench.client.create_tags().resources(id).tags(tag("team", "ci")).send().await.unwrap();
    }
    let ask = |name: &str, value: &str| bench.client.describe_tags().filters(filter(name, value));
    assert_eq!(ask("key", "te*").send().await.unwrap().tags().len(), 2);
    let answer = ask("resource-type", "instance").send().await.unwrap();
    assert_eq!(answer.tags()[0].resource_id(), Some(instance.as_str()));
    let mut pages = ask("value", "ci").max_results(1).into_paginator().send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        count += page.unwrap().tags().len();
    }
    assert_eq!(count, 2);
}
