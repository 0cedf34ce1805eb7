//! ListSnapshotsInRecycleBin.

use crate::bench::Bench;

#[tokio::test]
async fn a_deleted_snapshot_is_in_it_and_tells_its_image() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let request = bench.client.deregister_image().image_id(&image);
    request.delete_associated_snapshots(true).send().await.unwrap();
    let there = bench.client.list_snapshots_in_recycle_bin().send().await.unwrap();
    let description = there.snapshots()[0].description().unwrap();
    assert_eq!(description, format!("Created by CreateImage({instance}) for {image}"));
}
