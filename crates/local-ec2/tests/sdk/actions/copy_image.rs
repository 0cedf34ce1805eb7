//! CopyImage.

use crate::bench::{Bench, code};

#[tokio::test]
async fn a_copy_outlives_its_source_and_a_repeat_makes_no_second() {
    let bench = Bench::new().await;
    let source = bench.image_of(&bench.running_instance().await, "source").await;
    let copy = || {
        let request = bench.client.copy_image().name("copy").source_image_id(&source);
        request.source_region("us-east-1").client_token("token").send()
    };
    let id = copy().await.unwrap().image_id.unwrap();
    assert_eq!(copy().await.unwrap().image_id, Some(id.clone()));
    bench.wait_for_image(&id, "available").await;
    let request = bench.client.deregister_image().image_id(&source);
    request.delete_associated_snapshots(true).send().await.unwrap();
    let instance = bench.launch(&id).await;
    bench.wait_for_state(&instance, "running").await;
    let answer = bench.client.describe_images().image_ids(&id).send().await.unwrap();
    assert_eq!(answer.images()[0].source_image_id(), Some(source.as_str()));
    assert_eq!(answer.images()[0].source_instance_id(), None);
}

#[tokio::test]
async fn tags_are_copied_on_demand() {
    let bench = Bench::new().await;
    let source = bench.image_of(&bench.running_instance().await, "source").await;
    let tag = crate::bench::tag("team", "ci");
    bench.client.create_tags().resources(&source).tags(tag).send().await.unwrap();
    for (name, with_tags) in [("with", true), ("without", false)] {
        let request = bench.client.copy_image().name(name).source_image_id(&source);
        let request = request.source_region("us-east-1").copy_image_tags(with_tags);
        let id = request.send().await.unwrap().image_id.unwrap();
        let answer = bench.client.describe_images().image_ids(&id).send().await.unwrap();
        assert_eq!(answer.images()[0].tags().len(), usize::from(with_tags), "{name}");
    }
}

#[tokio::test]
async fn the_source_must_be_there_and_the_name_new() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let copy = |name: &str, source: &str| {
        let request = bench.client.copy_image().name(name).source_image_id(source);
        request.source_region("us-east-1").send()
    };
    assert_eq!(code(copy("copy", "ami-0123456789abcdef0").await), "InvalidAMIID.NotFound");
    assert_eq!(code(copy("a:b", &base).await), "InvalidAMIName.Malformed");
    let taken = copy("debian-12-amd64-simulated", &base).await;
    assert_eq!(code(taken), "InvalidAMIName.Duplicate");
}
