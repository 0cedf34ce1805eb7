//! RegisterImage.

use crate::bench::{Bench, code};
use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice, InstanceType};

fn root(snapshot: &str) -> BlockDeviceMapping {
    let ebs = EbsBlockDevice::builder().snapshot_id(snapshot).build();
    BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(ebs).build()
}

#[tokio::test]
async fn a_snapshot_becomes_an_image_that_runs_and_keeps_it_in_use() {
    let bench = Bench::new().await;
    let snapshots = bench.client.describe_snapshots().send().await.unwrap();
    let snapshot = snapshots.snapshots()[0].snapshot_id().unwrap();
    let request = bench.client.register_image().name("other").root_device_name("/dev/xvda");
    let request = request.virtualization_type("hvm");
    let answer = request.block_device_mappings(root(snapshot)).send().await.unwrap();
    let instance = bench.launch(answer.image_id().unwrap()).await;
    bench.wait_for_state(&instance, "running").await;
    let request = bench.client.deregister_image().image_id(bench.base().await);
    request.delete_associated_snapshots(true).send().await.unwrap();
    let left = bench.client.describe_snapshots().send().await.unwrap();
    assert_eq!(left.snapshots().len(), 1, "the other image still uses it");
}

#[tokio::test]
async fn a_manifest_makes_an_instance_store_image_which_cannot_run_here() {
    let bench = Bench::new().await;
    let request = bench.client.register_image().name("old").image_location("bucket/manifest.xml");
    let id = request.send().await.unwrap().image_id.unwrap();
    let answer = bench.client.describe_images().image_ids(&id).send().await.unwrap();
    assert_eq!(answer.images()[0].root_device_type().unwrap().as_str(), "instance-store");
    let run = bench.client.run_instances().image_id(&id).instance_type(InstanceType::T3Micro);
    assert_eq!(code(run.min_count(1).max_count(1).send().await), "Unsupported");
}

#[tokio::test]
async fn an_image_needs_a_root_device_that_exists() {
    let bench = Bench::new().await;
    let register = || bench.client.register_image().name("x-1").root_device_name("/dev/xvda");
    assert_eq!(code(register().send().await), "InvalidBlockDeviceMapping");
    let missing = register().block_device_mappings(root("snap-0123456789abcdef0")).send().await;
    assert_eq!(code(missing), "InvalidSnapshot.NotFound");
}
