//! DescribeImages and DeregisterImage.

use aws_sdk_ec2::types::Filter;

use crate::bench::{Bench, code};

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

#[tokio::test]
async fn names_may_be_asked_for_with_wildcards() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    for name in ["agent-1", "agent-2", "other"] {
        bench.image_of(&instance, name).await;
    }
    let answer =
        bench.client.describe_images().filters(filter("name", "agent-?")).send().await.unwrap();
    let mut names: Vec<&str> = answer.images().iter().filter_map(|image| image.name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["agent-1", "agent-2"]);
}

#[tokio::test]
async fn an_owner_that_is_not_this_account_has_none() {
    let bench = Bench::new().await;
    let ask =
        async |owner: &str| bench.client.describe_images().owners(owner).send().await.unwrap();
    assert_eq!(ask("self").await.images().len(), 1);
    assert_eq!(ask("000000000000").await.images().len(), 1);
    assert!(ask("amazon").await.images().is_empty());
}

#[tokio::test]
async fn wrong_ids_filters_and_tokens_have_their_codes() {
    let bench = Bench::new().await;
    let ask = || bench.client.describe_images();
    assert_eq!(
        code(ask().image_ids("ami-0123456789abcdef0").send().await),
        "InvalidAMIID.NotFound"
    );
    assert_eq!(code(ask().image_ids("0123").send().await), "InvalidAMIID.Malformed");
    assert_eq!(code(ask().filters(filter("nosuch", "x")).send().await), "InvalidParameterValue");
    assert_eq!(code(ask().next_token("!").send().await), "InvalidNextToken");
}

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
