//! Each region has resources of its own; images cross over by CopyImage.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::Region;
use aws_sdk_ec2::primitives::Blob;
use local_ec2::Faults;

use crate::bench::{Bench, code, eventually, filter, tag};

/// A client of the same endpoint in another region.
fn elsewhere(bench: &Bench) -> Client {
    let config = bench.client.config().to_builder().region(Region::new("eu-west-1"));
    Client::from_conf(config.build())
}

async fn names(client: &Client) -> Vec<String> {
    let images = client.describe_images().send().await.unwrap().images.unwrap_or_default();
    let mut names: Vec<String> = images.into_iter().filter_map(|image| image.name).collect();
    names.sort();
    names
}

const BASE: &str = "debian-12-amd64-simulated";

#[tokio::test]
async fn what_is_made_in_a_region_is_not_known_in_another() {
    let bench = Bench::new().await;
    let (here, there) = (&bench.client, elsewhere(&bench));
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "here").await;
    let snapshot = bench.snapshot_of(&image).await;
    let volume = bench.volume_of(&instance).await.volume_id.unwrap();
    assert_eq!(names(here).await, [BASE, "here"]);
    assert_eq!(names(&there).await, [BASE]);
    let known = there.describe_instances().send().await.unwrap();
    assert!(known.reservations().is_empty());
    assert!(there.describe_volumes().send().await.unwrap().volumes().is_empty());
    let snapshots = there.describe_snapshots().owner_ids("self").send().await.unwrap();
    assert!(snapshots.snapshots().iter().all(|it| it.snapshot_id() != Some(&snapshot)));
    let answer = there.describe_images().image_ids(&image).send().await;
    assert_eq!(code(answer), "InvalidAMIID.NotFound");
    assert_eq!(
        code(there.stop_instances().instance_ids(&instance).send().await),
        "InvalidInstanceID.NotFound"
    );
    assert_eq!(
        code(there.delete_volume().volume_id(&volume).send().await),
        "InvalidVolume.NotFound"
    );
    assert_eq!(
        code(there.deregister_image().image_id(&image).send().await),
        "InvalidAMIID.NotFound"
    );
    let tagged = there.create_tags().resources(&image).tags(tag("team", "ci")).send().await;
    assert_eq!(code(tagged), "InvalidAMIID.NotFound");
}

#[tokio::test]
async fn names_and_client_tokens_are_each_regions_own() {
    let bench = Bench::new().await;
    let (here, there) = (&bench.client, elsewhere(&bench));
    let key = crate::actions::import_key_pair::KEY;
    for client in [here, &there] {
        let blob = Blob::new(key);
        client.import_key_pair().key_name("k").public_key_material(blob).send().await.unwrap();
        let group = client.create_security_group().group_name("g").description("d");
        group.send().await.unwrap();
    }
    let key = there.describe_key_pairs().key_names("k").send().await.unwrap();
    assert_eq!(key.key_pairs().len(), 1);
    let base = bench.base().await;
    let launch = async |client: &Client| {
        let request = client.run_instances().image_id(&base).min_count(1).max_count(1);
        let request = request.key_name("k").security_groups("g").client_token("same");
        request.send().await.unwrap().instances.unwrap().remove(0)
    };
    let (one, other) = (launch(here).await, launch(&there).await);
    assert_ne!(one.instance_id(), other.instance_id());
    assert_ne!(one.security_groups()[0].group_id(), other.security_groups()[0].group_id());
    let zone = other.placement.unwrap().availability_zone;
    assert_eq!(zone.as_deref(), Some("eu-west-1a"));
}

#[tokio::test]
async fn an_image_is_copied_into_another_region_from_where_it_is() {
    let bench = Bench::new().await;
    let (here, there) = (&bench.client, elsewhere(&bench));
    let image = bench.image_of(&bench.running_instance().await, "agent").await;
    let copy = async |from: &str| {
        let request = there.copy_image().name("agent").source_image_id(&image);
        request.source_region(from).client_token("once").send().await
    };
    assert_eq!(code(copy("ap-south-1").await), "InvalidAMIID.NotFound");
    let id = copy("us-east-1").await.unwrap().image_id.unwrap();
    assert_eq!(copy("us-east-1").await.unwrap().image_id, Some(id.clone()));
    assert_eq!(names(&there).await, ["agent", BASE]);
    assert_eq!(code(here.describe_images().image_ids(&id).send().await), "InvalidAMIID.NotFound");
    let from = filter("source-image-region", "us-east-1");
    let told = there.describe_images().filters(from).send().await.unwrap().images.unwrap();
    assert_eq!(told[0].source_image_id(), Some(image.as_str()));
    let regions = here.describe_regions().send().await.unwrap().regions.unwrap();
    let regions: Vec<_> = regions.iter().filter_map(|region| region.region_name()).collect();
    assert_eq!(regions, ["eu-west-1", "us-east-1"]);
    let mapping = &told[0].block_device_mappings()[0];
    let snapshot = mapping.ebs().unwrap().snapshot_id().unwrap();
    let answer = there.describe_snapshots().snapshot_ids(snapshot).send().await.unwrap();
    assert_eq!(answer.snapshots().len(), 1);
}

#[tokio::test]
async fn a_region_takes_so_many_copies_at_the_same_time() {
    let bench = Bench::with_delays("image=5s".parse().unwrap()).await;
    let there = elsewhere(&bench);
    let image = bench.image_of(&bench.running_instance().await, "agent").await;
    let copy = async |name: String| {
        there
            .copy_image()
            .name(name)
            .source_image_id(&image)
            .source_region("us-east-1")
            .send()
            .await
    };
    for count in 0..20 {
        copy(format!("copy-{count}")).await.unwrap();
    }
    assert_eq!(code(copy("one-more".into()).await), "ResourceLimitExceeded");
}

#[tokio::test]
async fn encryption_is_told_of_copies_and_volumes() {
    let bench = Bench::new().await;
    let there = elsewhere(&bench);
    let image = bench.image_of(&bench.running_instance().await, "agent").await;
    let copy = there.copy_image().name("agent").source_image_id(&image).source_region("us-east-1");
    let without = copy.clone().kms_key_id("alias/ci").send().await;
    assert_eq!(code(without), "InvalidParameterDependency");
    let copy = copy.kms_key_id("alias/ci").encrypted(true).send().await.unwrap();
    let images = there.describe_images().image_ids(copy.image_id.unwrap()).send().await.unwrap();
    let ebs = images.images()[0].block_device_mappings()[0].ebs().unwrap();
    assert_eq!(ebs.encrypted(), Some(true));
    let id = ebs.snapshot_id().unwrap();
    let answer = there.describe_snapshots().snapshot_ids(id).send().await.unwrap();
    let key = answer.snapshots()[0].kms_key_id();
    assert_eq!(key, Some("arn:aws:kms:eu-west-1:000000000000:alias/ci"));
    // Without a key it is encrypted by another one, and never in clear.
    let encrypted = images.images()[0].image_id().unwrap();
    let back = bench.client.copy_image().name("back").source_image_id(encrypted);
    eventually(async || {
        let images = there.describe_images().image_ids(encrypted).send().await.unwrap();
        (images.images()[0].state()?.as_str() == "available").then_some(())
    })
    .await;
    let id = back.source_region("eu-west-1").send().await.unwrap().image_id.unwrap();
    let snapshot = bench.snapshot_of(&id).await;
    let answer = bench.client.describe_snapshots().snapshot_ids(snapshot).send().await.unwrap();
    let key = answer.snapshots()[0].kms_key_id();
    assert_eq!(key, Some("arn:aws:kms:us-east-1:000000000000:alias/aws/ebs"));
}

#[tokio::test]
async fn a_fault_may_be_of_one_region() {
    let bench = Bench::new().await;
    let calls = vec!["DescribeImages=InternalError,region=eu-west-1".parse().unwrap()];
    bench.fault(Faults { calls, ..Faults::default() }).await;
    assert!(bench.client.describe_images().send().await.is_ok());
    assert_eq!(code(elsewhere(&bench).describe_images().send().await), "InternalError");
}

#[tokio::test]
async fn regions_last_over_a_restart() {
    let mut bench = Bench::new().await;
    let image = bench.image_of(&bench.running_instance().await, "here").await;
    bench.restart().await;
    assert_eq!(names(&elsewhere(&bench)).await, [BASE]);
    assert!(bench.client.describe_images().image_ids(&image).send().await.is_ok());
}
