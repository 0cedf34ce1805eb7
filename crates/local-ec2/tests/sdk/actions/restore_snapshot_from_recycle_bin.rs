//! RestoreSnapshotFromRecycleBin.

use crate::bench::{Bench, code};

#[tokio::test]
async fn only_what_is_in_the_bin_comes_back() {
    let bench = Bench::new().await;
    let restore = bench.client.restore_snapshot_from_recycle_bin();
    let none = restore.snapshot_id("snap-0123456789abcdef0").send().await;
    assert_eq!(code(none), "InvalidSnapshot.NotFound");
}
