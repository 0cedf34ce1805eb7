//! DescribeSnapshots and DeleteSnapshot.

use aws_sdk_ec2::types::Filter;

use crate::bench::{Bench, code};

#[tokio::test]
async fn snapshots_are_found_by_id_and_by_filter() {
    let bench = Bench::new().await;
    let all = bench.client.describe_snapshots().owner_ids("self").send().await.unwrap();
    let id = all.snapshots()[0].snapshot_id().unwrap();
    let filter = Filter::builder().name("snapshot-id").values(id).build();
    let found = bench.client.describe_snapshots().filters(filter).send().await.unwrap();
    assert_eq!(found.snapshots().len(), 1);
}

#[tokio::test]
async fn wrong_ids_have_their_codes() {
    let bench = Bench::new().await;
    let ask = |id: &str| bench.client.describe_snapshots().snapshot_ids(id).send();
    assert_eq!(code(ask("snap-0123456789abcdef0").await), "InvalidSnapshot.NotFound");
    assert_eq!(code(ask("snap").await), "InvalidSnapshotID.Malformed");
    let delete = bench.client.delete_snapshot().snapshot_id("snap-0123456789abcdef0").send().await;
    assert_eq!(code(delete), "InvalidSnapshot.NotFound");
}
