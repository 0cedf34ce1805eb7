//! DeleteSnapshot; that one in use stays is shown with DeregisterImage.

use crate::bench::{Bench, code};

#[tokio::test]
async fn one_that_is_not_there_is_told() {
    let bench = Bench::new().await;
    let delete = |id: &str| bench.client.delete_snapshot().snapshot_id(id).send();
    assert_eq!(code(delete("snap-0123456789abcdef0").await), "InvalidSnapshot.NotFound");
    assert_eq!(code(delete("snap-x").await), "InvalidSnapshotID.Malformed");
    let used = bench.snapshot_of(&bench.base().await).await;
    assert_eq!(code(delete(&used).await), "InvalidSnapshot.InUse");
}
