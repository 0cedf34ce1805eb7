//! DescribeInstanceTypes.

use crate::bench::{Bench, code};
use aws_sdk_ec2::types::InstanceType;

#[tokio::test]
async fn a_type_is_known_by_its_name() {
    let bench = Bench::new().await;
    let ask =
        |kind: InstanceType| bench.client.describe_instance_types().instance_types(kind).send();
    let answer = ask(InstanceType::R6i2xlarge).await.unwrap();
    let kind = &answer.instance_types()[0];
    assert_eq!(kind.v_cpu_info().unwrap().default_v_cpus(), Some(8));
    assert_eq!(kind.memory_info().unwrap().size_in_mib(), Some(65536));
    assert_eq!(code(ask("m5.huge".into()).await), "InvalidInstanceType");
}

#[tokio::test]
async fn common_ones_are_listed_in_pages() {
    let bench = Bench::new().await;
    let mut pages = bench.client.describe_instance_types().max_results(5).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(page.unwrap().instance_types.unwrap_or_default());
    }
    assert_eq!(names.len(), 16);
}
