//! ModifySnapshotAttribute.

use aws_sdk_ec2::types::{
    CreateVolumePermission, CreateVolumePermissionModifications, SnapshotAttributeName,
};

use crate::bench::{Bench, code};

const ONE: &str = "123456789012";
const OTHER: &str = "210987654321";

#[tokio::test]
async fn users_come_and_go_and_an_image_of_it_does_not_matter() {
    let bench = Bench::new().await;
    let image = bench.image_of(&bench.running_instance().await, "one").await;
    let id = bench.snapshot_of(&image).await;
    let user = |id: &str| CreateVolumePermission::builder().user_id(id).build();
    let modify = |it: CreateVolumePermissionModifications| {
        bench
            .client
            .modify_snapshot_attribute()
            .snapshot_id(&id)
            .create_volume_permission(it)
            .send()
    };
    let change = CreateVolumePermissionModifications::builder;
    modify(change().add(user(ONE)).add(user(OTHER)).build()).await.unwrap();
    modify(change().add(user(ONE)).remove(user(OTHER)).build()).await.unwrap();
    let attribute = SnapshotAttributeName::CreateVolumePermission;
    let described =
        bench.client.describe_snapshot_attribute().snapshot_id(&id).attribute(attribute);
    let found = described.send().await.unwrap();
    let users: Vec<_> =
        found.create_volume_permissions().iter().filter_map(|it| it.user_id()).collect();
    assert_eq!(users, [ONE]);
    let bad = modify(change().add(user("somebody")).build()).await;
    assert_eq!(code(bad), "InvalidParameterValue");
    let none = bench.client.modify_snapshot_attribute().snapshot_id(&id).send().await;
    assert_eq!(code(none), "InvalidParameterCombination");
}
