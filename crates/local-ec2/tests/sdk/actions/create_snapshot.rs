//! CreateSnapshot.

use crate::bench::{Bench, code, eventually, tagged};
use aws_sdk_ec2::types::ResourceType;

#[tokio::test]
async fn a_volume_in_use_becomes_a_snapshot_that_an_image_can_stand_on() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let volume = bench.volume_of(&instance).await.volume_id.unwrap();
    let request = bench.client.create_snapshot().volume_id(&volume).description("by hand");
    let tags = tagged(ResourceType::Snapshot, "a", "b");
    let id = request.tag_specifications(tags).send().await.unwrap().snapshot_id.unwrap();
    eventually(async || {
        let answer = bench.client.describe_snapshots().snapshot_ids(&id).send().await.unwrap();
        let snapshot = &answer.snapshots()[0];
        assert_eq!(snapshot.tags()[0].value(), Some("b"));
        (snapshot.state()?.as_str() == "completed").then_some(())
    })
    .await;
    bench.wait_for_state(&instance, "running").await;
}

#[tokio::test]
async fn the_volume_must_be_there() {
    let bench = Bench::new().await;
    let create = |id: &str| bench.client.create_snapshot().volume_id(id).send();
    assert_eq!(code(create("vol-0123456789abcdef0").await), "InvalidVolume.NotFound");
    assert_eq!(code(create("vol").await), "InvalidVolumeID.Malformed");
}
