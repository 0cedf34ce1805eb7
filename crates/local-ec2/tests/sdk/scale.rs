//! Many at once. How long it takes is for benchmarks; here it is that all are there.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice, InstanceType};

use crate::bench::{Bench, eventually, filter};

#[tokio::test]
async fn a_thousand_instances_come_up_and_go() {
    let bench = Bench::new().await;
    let request = bench.client.run_instances().image_id(bench.base().await);
    let request = request.instance_type(InstanceType::T3Micro).min_count(1000).max_count(1000);
    assert_eq!(request.send().await.unwrap().instances().len(), 1000);
    let running = async || {
        let running = filter("instance-state-name", "running");
        let request = bench.client.describe_instances().filters(running).max_results(300);
        let mut pages = request.into_paginator().send();
        let mut ids = BTreeSet::new();
        while let Some(page) = pages.next().await {
            for reservation in page.unwrap().reservations() {
                let instances = reservation.instances().iter();
                ids.extend(instances.map(|it| it.instance_id().unwrap().to_owned()));
            }
        }
        ids
    };
    eventually(async || (running().await.len() == 1000).then_some(())).await;
    let ids: Vec<String> = running().await.into_iter().collect();
    let terminate = bench.client.terminate_instances().set_instance_ids(Some(ids));
    terminate.send().await.unwrap();
    eventually(async || {
        let volumes = bench.client.describe_volumes().max_results(5).send().await.unwrap();
        volumes.volumes().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn pages_of_many_images_hold_each_once() {
    let bench = Bench::new().await;
    let snapshot = bench.snapshot_of(&bench.base().await).await;
    for number in 0..500 {
        let ebs = EbsBlockDevice::builder().snapshot_id(&snapshot).build();
        let root = BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(ebs).build();
        let request = bench.client.register_image().name(format!("image-{number:05}"));
        let request = request.root_device_name("/dev/xvda").block_device_mappings(root);
        request.send().await.unwrap();
    }
    let mut pages = bench.client.describe_images().max_results(70).into_paginator().send();
    let (mut names, mut count) = (BTreeSet::new(), 0);
    while let Some(page) = pages.next().await {
        let images = page.unwrap().images.unwrap_or_default();
        assert!(images.len() <= 70);
        count += images.len();
        names.extend(images.into_iter().filter_map(|image| image.name));
    }
    assert_eq!((count, names.len()), (501, 501));
}
