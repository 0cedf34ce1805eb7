//! ResetSnapshotAttribute.

use aws_sdk_ec2::types::SnapshotAttributeName;

use crate::bench::Bench;

#[tokio::test]
async fn nobody_may_use_it_any_more() {
    let bench = Bench::new().await;
    let image = bench.image_of(&bench.running_instance().await, "one").await;
    let id = bench.snapshot_of(&image).await;
    let attribute = || SnapshotAttributeName::CreateVolumePermission;
    let add = bench.client.modify_snapshot_attribute().snapshot_id(&id).attribute(attribute());
    add.operation_type("add".into()).user_ids("123456789012").send().await.unwrap();
    let describe =
        || bench.client.describe_snapshot_attribute().snapshot_id(&id).attribute(attribute());
    assert_eq!(describe().send().await.unwrap().create_volume_permissions().len(), 1);
    let reset = bench.client.reset_snapshot_attribute().snapshot_id(&id).attribute(attribute());
    reset.send().await.unwrap();
    assert!(describe().send().await.unwrap().create_volume_permissions().is_empty());
}
