//! DescribeSnapshots.

use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn snapshots_are_found_by_id_and_by_filter() {
    let bench = Bench::new().await;
    let all = bench.client.describe_snapshots().owner_ids("self").send().await.unwrap();
    let id = all.snapshots()[0].snapshot_id().unwrap();
    let filter = filter("snapshot-id", id);
    let found = bench.client.describe_snapshots().filters(filter).send().await.unwrap();
    assert_eq!(found.snapshots().len(), 1);
}

#[tokio::test]
async fn wrong_ids_have_their_codes() {
    let bench = Bench::new().await;
    let ask = |id: &str| bench.client.describe_snapshots().snapshot_ids(id).send();
    assert_eq!(code(ask("snap-0123456789abcdef0").await), "InvalidSnapshot.NotFound");
    assert_eq!(code(ask("snap").await), "InvalidSnapshotID.Malformed");
}

#[tokio::test]
async fn another_owner_has_none() {
    let bench = Bench::new().await;
    let answer = bench.client.describe_snapshots().owner_ids("amazon").send().await.unwrap();
    assert!(answer.snapshots().is_empty());
}

#[tokio::test]
async fn a_start_time_is_found_as_it_was_told() {
    let bench = Bench::new().await;
    let all = bench.client.describe_snapshots().send().await.unwrap();
    let time = all.snapshots()[0].start_time().unwrap();
    let time = time.fmt(aws_smithy_types::date_time::Format::DateTime).unwrap();
    let time = format!("{}*", time.trim_end_matches('Z'));
    let found = bench.client.describe_snapshots().filters(filter("start-time", &time));
    assert_eq!(found.send().await.unwrap().snapshots().len(), 1);
}
