//! CreateAutoScalingGroup.

use aws_sdk_autoscaling::types::{
    LaunchTemplate, LaunchTemplateOverrides, MixedInstancesPolicy, Tag,
};
use aws_sdk_ec2::types::RequestLaunchTemplateData;

use crate::bench::{Bench, code};
use crate::scaling::version_of;

#[tokio::test]
async fn a_group_starts_as_many_instances_as_it_is_to_have() {
    let mut bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let client = bench.autoscaling();
    let create = || {
        let create = client.create_auto_scaling_group().auto_scaling_group_name("farm");
        create.max_size(3).availability_zones("us-east-1a")
    };
    let tag = |key: &str, propagates| {
        Tag::builder().key(key).value("v").propagate_at_launch(propagates).build()
    };
    let create_with = || {
        let create = create().min_size(2).tags(tag("on", true)).tags(tag("off", false));
        create.launch_template(version_of(&template, "$Latest"))
    };
    create_with().send().await.unwrap();
    assert_eq!(code(create_with().send().await), "AlreadyExists");
    bench.wait_for_service("farm", 2).await;
    let group = bench.described("farm").await.unwrap();
    let specification = group.launch_template().unwrap();
    assert_eq!(
        (specification.launch_template_name(), specification.version()),
        (Some("agents"), Some("$Latest"))
    );
    let id = group.instances()[0].instance_id().unwrap();
    let instance = bench.instance(id).await;
    let mut tags: Vec<(&str, &str)> =
        instance.tags().iter().filter_map(|it| it.key().zip(it.value())).collect();
    tags.sort();
    let expected = [
        ("aws:autoscaling:groupName", "farm"),
        ("aws:ec2launchtemplate:id", template.as_str()),
        ("aws:ec2launchtemplate:version", "1"),
        ("on", "v"),
    ];
    assert_eq!(tags, expected);
    // One that ends is replaced, also after a restart.
    bench.client.terminate_instances().instance_ids(id).send().await.unwrap();
    bench.restart().await;
    crate::bench::eventually(async || {
        let group = bench.described("farm").await?;
        let is_there = group.instances().iter().any(|it| it.instance_id() == Some(id));
        (!is_there).then_some(())
    })
    .await;
    bench.wait_for_service("farm", 2).await;
}

#[tokio::test]
async fn what_could_not_start_an_instance_is_refused() {
    let bench = Bench::new().await;
    let client = bench.autoscaling();
    let create = || {
        let create = client.create_auto_scaling_group().auto_scaling_group_name("farm");
        create.min_size(1).availability_zones("us-east-1a")
    };
    assert_eq!(code(create().max_size(1).send().await), "ValidationError");
    let template = bench.launch_template("agents").await;
    let missing = RequestLaunchTemplateData::builder().image_id("ami-0123456789abcdef0").build();
    let version = bench.client.create_launch_template_version().launch_template_id(&template);
    version.launch_template_data(missing).send().await.unwrap();
    let with = |version: &str| create().launch_template(version_of(&template, version));
    for version in ["2", "7"] {
        assert_eq!(code(with(version).max_size(1).send().await), "ValidationError", "{version}");
    }
    assert_eq!(code(with("1").max_size(0).send().await), "ValidationError");
    let zoneless = with("1").max_size(1).set_availability_zones(None);
    assert_eq!(code(zoneless.send().await), "ValidationError");
    let both = version_of(&template, "1");
    let mut both = both;
    both.launch_template_name = Some("agents".into());
    assert_eq!(code(create().max_size(1).launch_template(both).send().await), "ValidationError");
    let nowhere = with("1").max_size(1).vpc_zone_identifier("subnet-0123456789abcdef0");
    assert_eq!(code(nowhere.send().await), "ValidationError");
    assert!(bench.described("farm").await.is_none());
}

#[tokio::test]
async fn a_mixed_instances_policy_is_kept_as_it_was_sent() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let kind = |name: &str| LaunchTemplateOverrides::builder().instance_type(name).build();
    let policy =
        LaunchTemplate::builder().launch_template_specification(version_of(&template, "1"));
    let policy = policy.overrides(kind("t3.large")).overrides(kind("t3.small")).build();
    let policy = MixedInstancesPolicy::builder().launch_template(policy).build();
    let create = bench.autoscaling().create_auto_scaling_group().auto_scaling_group_name("farm");
    let create = create
        .min_size(1)
        .max_size(1)
        .availability_zones("us-east-1a")
        .mixed_instances_policy(policy);
    create.send().await.unwrap();
    bench.wait_for_service("farm", 1).await;
    let group = bench.described("farm").await.unwrap();
    let policy = group.mixed_instances_policy().unwrap().launch_template().unwrap();
    let kinds: Vec<_> = policy.overrides().iter().filter_map(|it| it.instance_type()).collect();
    assert_eq!(kinds, ["t3.large", "t3.small"]);
    assert_eq!(policy.launch_template_specification().unwrap().version(), Some("1"));
    assert_eq!(group.instances()[0].instance_type(), Some("t3.large"));
}
