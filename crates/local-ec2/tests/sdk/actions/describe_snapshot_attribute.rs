//! DescribeSnapshotAttribute.

use aws_sdk_ec2::types::SnapshotAttributeName;

use crate::bench::{Bench, code};

#[tokio::test]
async fn nobody_may_use_a_new_snapshot() {
    let bench = Bench::new().await;
    let image = bench.image_of(&bench.running_instance().await, "one").await;
    let id = bench.snapshot_of(&image).await;
    let describe = |id: &str, attribute| {
        bench.client.describe_snapshot_attribute().snapshot_id(id).attribute(attribute).send()
    };
    let permission = SnapshotAttributeName::CreateVolumePermission;
    let found = describe(&id, permission.clone()).await.unwrap();
    assert!(found.create_volume_permissions().is_empty());
    let missing = describe("snap-0123456789abcdef0", permission).await;
    assert_eq!(code(missing), "InvalidSnapshot.NotFound");
    assert_eq!(
        code(describe(&id, SnapshotAttributeName::ProductCodes).await),
        "InvalidParameterValue"
    );
}
