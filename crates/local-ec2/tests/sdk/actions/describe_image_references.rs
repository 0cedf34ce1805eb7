//! DescribeImageReferences.

use crate::bench::{Bench, code};

#[tokio::test]
async fn instances_refer_to_their_image_until_they_are_terminated() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let base = bench.base().await;
    let ask = || {
        let request = bench.client.describe_image_references().image_ids(&base);
        request.include_all_resource_types(true).send()
    };
    let answer = ask().await.unwrap();
    let [reference] = answer.image_references() else { panic!("{answer:?}") };
    assert_eq!(reference.image_id(), Some(base.as_str()));
    assert_eq!(reference.resource_type().unwrap().as_str(), "ec2:Instance");
    assert!(reference.arn().unwrap().ends_with(&format!(":instance/{instance}")));
    bench.client.terminate_instances().instance_ids(&instance).send().await.unwrap();
    bench.wait_for_state(&instance, "terminated").await;
    assert!(ask().await.unwrap().image_references().is_empty());
}

#[tokio::test]
async fn images_must_be_named_and_be_there() {
    let bench = Bench::new().await;
    let ask = |id: &str| {
        let request = bench.client.describe_image_references().image_ids(id);
        request.include_all_resource_types(true).send()
    };
    assert_eq!(code(ask("ami-0123456789abcdef0").await), "InvalidAMIID.NotFound");
    assert_eq!(code(ask("ami-1").await), "InvalidAMIID.Malformed");
    let none = bench.client.describe_image_references().include_all_resource_types(true);
    assert_eq!(code(none.send().await), "MissingParameter");
}
