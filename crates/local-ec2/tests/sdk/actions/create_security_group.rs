//! CreateSecurityGroup.

use crate::bench::{Bench, code, tagged};
use aws_sdk_ec2::types::{InstanceType, ResourceType};

/// A new group of a name.
pub(crate) async fn create(bench: &Bench, name: &str) -> String {
    let request = bench.client.create_security_group().group_name(name).description("of a test");
    request.send().await.unwrap().group_id.unwrap()
}

#[tokio::test]
async fn instances_are_launched_in_it_by_id_and_by_name() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let run = || {
        let request = bench.client.run_instances().min_count(1).max_count(1);
        request.instance_type(InstanceType::T3Micro)
    };
    let base = bench.base().await;
    for request in [run().security_group_ids(&id), run().security_groups("agents")] {
        let answer = request.image_id(&base).send().await.unwrap();
        assert_eq!(answer.instances()[0].security_groups()[0].group_id(), Some(id.as_str()));
    }
}

#[tokio::test]
async fn names_are_given_once_and_have_a_form() {
    let bench = Bench::new().await;
    create(&bench, "agents").await;
    let group = |name: &str| {
        let tags = tagged(ResourceType::SecurityGroup, "a", "b");
        let request = bench.client.create_security_group().group_name(name).description("x");
        request.tag_specifications(tags)
    };
    assert_eq!(code(group("agents").send().await), "InvalidGroup.Duplicate");
    assert_eq!(code(group("sg-1").send().await), "InvalidParameterValue");
    assert_eq!(code(group("é").send().await), "InvalidParameterValue");
    let elsewhere = group("other").vpc_id("vpc-0123456789abcdef0").send().await;
    assert_eq!(code(elsewhere), "InvalidVpcID.NotFound");
    let answer = group("other").send().await.unwrap();
    assert_eq!(answer.tags()[0].value(), Some("b"));
}
