//! CreateLaunchTemplateVersion.

use aws_sdk_ec2::types::{InstanceType, RequestLaunchTemplateData};

use crate::bench::{Bench, code};

#[tokio::test]
async fn a_version_has_what_its_source_has_but_for_what_is_said() {
    let mut bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let other = RequestLaunchTemplateData::builder().image_id("ami-0123456789abcdef0").build();
    let create = |token: &str| {
        let create = bench.client.create_launch_template_version().launch_template_name("agents");
        create.source_version("$Latest").client_token(token).launch_template_data(other.clone())
    };
    let version = create("a").send().await.unwrap().launch_template_version.unwrap();
    assert_eq!((version.version_number(), version.default_version()), (Some(2), Some(false)));
    let data = version.launch_template_data().unwrap();
    assert_eq!(data.instance_type(), Some(&InstanceType::T3Micro));
    assert_eq!(data.image_id(), Some("ami-0123456789abcdef0"));
    let again = create("a").send().await.unwrap().launch_template_version.unwrap();
    assert_eq!(again.version_number(), Some(2));
    let another = RequestLaunchTemplateData::builder().image_id("ami-0aaaaaaaaaaaaaaaa").build();
    let another = create("a").launch_template_data(another);
    assert_eq!(code(another.send().await), "IdempotentParameterMismatch");
    let nothing = bench.client.create_launch_template_version().launch_template_id(&template);
    let nothing = nothing.source_version("9").launch_template_data(other.clone());
    assert_eq!(code(nothing.send().await), "InvalidLaunchTemplateId.VersionNotFound");
    bench.restart().await;
    assert_eq!(bench.version(&template).await, 3);
}
