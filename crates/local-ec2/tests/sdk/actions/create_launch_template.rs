//! CreateLaunchTemplate.

use aws_sdk_ec2::types::{RequestLaunchTemplateData, ResourceType};

use crate::bench::{Bench, code, filter, tagged};
use crate::raw::call;
use crate::scaling::data;

#[tokio::test]
async fn a_name_is_taken_once_and_a_token_makes_one() {
    let bench = Bench::new().await;
    let image = bench.base().await;
    let create = |name: &str| {
        bench
            .client
            .create_launch_template()
            .launch_template_name(name)
            .launch_template_data(data(&image))
    };
    let first = create("agents").client_token("t").send().await.unwrap().launch_template.unwrap();
    assert_eq!((first.default_version_number(), first.latest_version_number()), (Some(1), Some(1)));
    let again = create("agents").client_token("t").send().await.unwrap().launch_template.unwrap();
    assert_eq!(again.launch_template_id(), first.launch_template_id());
    assert_eq!(
        code(create("agents").send().await),
        "InvalidLaunchTemplateName.AlreadyExistsException"
    );
    assert_eq!(code(create("a").send().await), "InvalidLaunchTemplateName.MalformedException");
    let tagged =
        create("tagged").tag_specifications(tagged(ResourceType::LaunchTemplate, "a", "b"));
    let tagged = tagged.send().await.unwrap().launch_template.unwrap();
    let describe = bench.client.describe_tags().filters(filter("resource-type", "launch-template"));
    let tags = describe.send().await.unwrap();
    assert_eq!(tags.tags()[0].resource_id(), tagged.launch_template_id());
}

/// What instances would not start with is refused by name, as RunInstances does.
#[tokio::test]
async fn data_that_is_not_served_is_refused_by_name() {
    let bench = Bench::new().await;
    let empty = bench.client.create_launch_template().launch_template_name("empty");
    let empty = empty.launch_template_data(RequestLaunchTemplateData::builder().build());
    assert_eq!(code(empty.send().await), "MissingParameter");
    for parameter in ["KernelId=aki-1", "SubnetId=subnet-1", "HibernationOptions.Configured=true"] {
        let body = format!(
            "Action=CreateLaunchTemplate&LaunchTemplateName=bad&LaunchTemplateData.{parameter}"
        );
        let answer = call(&bench.endpoint, &body).await;
        assert!(answer.contains("<Code>UnknownParameter</Code>"), "{answer}");
    }
}
