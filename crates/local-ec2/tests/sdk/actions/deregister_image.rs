//! DeregisterImage.

use crate::bench::{Bench, code};

#[tokio::test]
async fn a_deregistered_image_is_gone_and_its_snapshot_can_be_deleted_then() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let facts = bench.client.describe_images().image_ids(&image).send().await.unwrap();
    let mapping = &facts.images()[0].block_device_mappings()[0];
    let snapshot = mapping.ebs().unwrap().snapshot_id().unwrap();
    let delete = || bench.client.delete_snapshot().snapshot_id(snapshot).send();
    assert_eq!(code(delete().await), "InvalidSnapshot.InUse");
    bench.client.deregister_image().image_id(&image).send().await.unwrap();
    let again = bench.client.deregister_image().image_id(&image).send().await;
    assert_eq!(code(again), "InvalidAMIID.Unavailable");
    delete().await.unwrap();
    assert_eq!(code(delete().await), "InvalidSnapshot.NotFound");
}

#[tokio::test]
async fn snapshots_can_go_with_their_image() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let before = bench.client.describe_snapshots().send().await.unwrap().snapshots().len();
    let request =
        bench.client.deregister_image().image_id(&image).delete_associated_snapshots(true);
    request.send().await.unwrap();
    let after = bench.client.describe_snapshots().send().await.unwrap().snapshots().len();
    assert_eq!(after, before - 1);
}
