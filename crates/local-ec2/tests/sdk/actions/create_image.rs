//! CreateImage.

use crate::bench::{Bench, code, eventually, tagged};
use std::time::Duration;

use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice, ResourceType};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn an_image_has_the_name_tags_and_snapshots_it_was_asked_for() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let tags = |kind, value| tagged(kind, "of", value);
    let request =
        bench.client.create_image().instance_id(&instance).name("one").description("first");
    let request = request.tag_specifications(tags(ResourceType::Image, "image"));
    let request = request.tag_specifications(tags(ResourceType::Snapshot, "snapshot"));
    let id = request.send().await.unwrap().image_id.unwrap();
    bench.wait_for_image(&id, "available").await;
    let answer = bench.client.describe_images().image_ids(&id).send().await.unwrap();
    let image = &answer.images()[0];
    assert_eq!((image.name(), image.description()), (Some("one"), Some("first")));
    assert_eq!(image.tags()[0].value(), Some("image"));
    // What it was made from, as EC2 tells of both ways to make one.
    let base = bench.instance(&instance).await.image_id.unwrap();
    assert_eq!(image.source_instance_id(), Some(instance.as_str()));
    assert_eq!(image.source_image_id(), Some(base.as_str()));
    assert_eq!(image.source_image_region(), Some("us-east-1"));
    let snapshot = image.block_device_mappings()[0].ebs().unwrap().snapshot_id().unwrap();
    let answer = bench.client.describe_snapshots().snapshot_ids(snapshot).send().await.unwrap();
    assert_eq!(answer.snapshots()[0].tags()[0].value(), Some("snapshot"));
    assert_eq!(answer.snapshots()[0].state().unwrap().as_str(), "completed");
    bench.wait_for_state(&instance, "running").await;
}

#[tokio::test]
async fn instances_of_an_image_of_an_instance_run() {
    let bench = Bench::new().await;
    let image = bench.image_of(&bench.running_instance().await, "one").await;
    let second = bench.launch(&image).await;
    bench.wait_for_state(&second, "running").await;
    assert_eq!(bench.instance(&second).await.image_id(), Some(image.as_str()));
}

#[tokio::test]
async fn a_name_is_given_once_and_must_be_one() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    bench.image_of(&instance, "one").await;
    let create = |instance: &str, name: &str| {
        bench.client.create_image().instance_id(instance).name(name).send()
    };
    assert_eq!(code(create(&instance, "one").await), "InvalidAMIName.Duplicate");
    assert_eq!(code(create(&instance, "a:b").await), "InvalidAMIName.Malformed");
    assert_eq!(code(create("i-0123456789abcdef0", "two").await), "InvalidInstanceID.NotFound");
    bench.client.terminate_instances().instance_ids(&instance).send().await.unwrap();
    bench.wait_for_state(&instance, "terminated").await;
    assert_eq!(code(create(&instance, "two").await), "IncorrectState");
}

/// Whether a connection to an instance's sshd outlives an image of it.
async fn connection_lives(no_reboot: bool) -> bool {
    let bench = Bench::new().await;
    bench.let_in().await;
    let instance = bench.running_instance().await;
    let address = bench.instance(&instance).await.public_ip_address.unwrap();
    let mut stream =
        eventually(async || TcpStream::connect((address.as_str(), 2222)).await.ok()).await;
    let mut bytes = [0; 4096];
    assert!(stream.read(&mut bytes).await.unwrap() > 0, "sshd says who it is");
    let request = bench.client.create_image().instance_id(&instance).name("live");
    let id = request.no_reboot(no_reboot).send().await.unwrap().image_id.unwrap();
    bench.wait_for_image(&id, "available").await;
    bench.wait_for_state(&instance, "running").await;
    let more = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut bytes)).await;
    more.is_err()
}

#[tokio::test]
async fn an_instance_is_rebooted_for_its_image_unless_told_not_to() {
    assert!(connection_lives(true).await);
    assert!(!connection_lives(false).await);
}

#[tokio::test]
async fn only_what_becomes_of_volumes_can_be_changed() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let create = |name: &str, device: &str, ebs: EbsBlockDevice| {
        let mapping = BlockDeviceMapping::builder().device_name(device).ebs(ebs).build();
        let request = bench.client.create_image().instance_id(&instance).name(name);
        request.block_device_mappings(mapping).send()
    };
    let lasts = || EbsBlockDevice::builder().delete_on_termination(false).build();
    let image = create("one", "/dev/xvda", lasts()).await.unwrap().image_id.unwrap();
    let answer = bench.client.describe_images().image_ids(&image).send().await.unwrap();
    let ebs = answer.images()[0].block_device_mappings()[0].ebs().unwrap();
    assert_eq!(ebs.delete_on_termination(), Some(false));
    let other = create("two", "/dev/sdz", lasts()).await;
    assert_eq!(code(other), "InvalidBlockDeviceMapping");
    let larger = EbsBlockDevice::builder().volume_size(100).build();
    assert_eq!(code(create("three", "/dev/xvda", larger).await), "UnknownParameter");
    let mapping = || BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(lasts()).build();
    let twice = bench.client.create_image().instance_id(&instance).name("four");
    let twice = twice.block_device_mappings(mapping()).block_device_mappings(mapping()).send();
    assert_eq!(code(twice.await), "InvalidBlockDeviceMapping");
}
