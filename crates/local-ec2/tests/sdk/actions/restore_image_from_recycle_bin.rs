//! RestoreImageFromRecycleBin.

use crate::bench::{Bench, code};

#[tokio::test]
async fn an_image_comes_back_once_its_snapshots_are_there() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let restore = |id: &str| bench.client.restore_image_from_recycle_bin().image_id(id).send();
    assert_eq!(code(restore(&image).await), "InvalidAMIID.NotFound");
    let request = bench.client.deregister_image().image_id(&image);
    request.delete_associated_snapshots(true).send().await.unwrap();
    assert_eq!(code(restore(&image).await), "InvalidSnapshot.NotFound");
    let binned = bench.client.list_snapshots_in_recycle_bin().send().await.unwrap();
    let snapshot = binned.snapshots()[0].snapshot_id().unwrap();
    let back = bench.client.restore_snapshot_from_recycle_bin().snapshot_id(snapshot);
    back.send().await.unwrap();
    assert_eq!(restore(&image).await.unwrap().r#return(), Some(true));
    let again = bench.launch(&image).await;
    bench.wait_for_state(&again, "running").await;
    assert_eq!(code(restore(&image).await), "InvalidAMIID.NotFound");
}
