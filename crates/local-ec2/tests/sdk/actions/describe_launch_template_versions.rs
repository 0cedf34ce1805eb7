//! DescribeLaunchTemplateVersions.

use aws_sdk_ec2::types::RequestLaunchTemplateData;

use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn versions_are_told_newest_first_and_by_their_words() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    bench.version(&template).await;
    bench.version(&template).await;
    let describe = || bench.client.describe_launch_template_versions();
    let numbers = async |request: aws_sdk_ec2::operation::describe_launch_template_versions::builders::DescribeLaunchTemplateVersionsFluentBuilder| {
        let answer = request.send().await.unwrap();
        let numbers = answer.launch_template_versions().iter().filter_map(|it| it.version_number());
        numbers.collect::<Vec<i64>>()
    };
    let mine = || describe().launch_template_id(&template);
    assert_eq!(numbers(mine()).await, [3, 2, 1]);
    assert_eq!(numbers(mine().versions("$Default").versions("$Latest")).await, [3, 1]);
    assert_eq!(numbers(mine().min_version("2").max_version("2")).await, [2]);
    assert_eq!(numbers(mine().filters(filter("is-default-version", "true"))).await, [1]);
    assert_eq!(numbers(describe().versions("$Latest")).await, [3]);
    let page = mine().max_results(2).send().await.unwrap();
    assert_eq!(page.launch_template_versions().len(), 2);
    assert_eq!(numbers(mine().set_next_token(page.next_token)).await, [1]);
    assert_eq!(code(describe().send().await), "InvalidParameterCombination");
    assert_eq!(code(mine().versions("7").send().await), "InvalidLaunchTemplateId.VersionNotFound");
    assert_eq!(
        code(describe().launch_template_id("lt-0123456789abcdef0").send().await),
        "InvalidLaunchTemplateId.NotFound"
    );
    assert_eq!(
        code(describe().launch_template_name("none").send().await),
        "InvalidLaunchTemplateName.NotFoundException"
    );
    assert_eq!(
        code(describe().launch_template_id("lt-x").send().await),
        "InvalidLaunchTemplateId.Malformed"
    );
}

#[tokio::test]
async fn a_parameter_is_resolved_where_that_is_asked_for() {
    let bench = Bench::new().await;
    let image = bench.base().await;
    bench.image_parameter("/ci/ami", &image).await;
    let data = RequestLaunchTemplateData::builder().image_id("resolve:ssm:/ci/ami").build();
    let create = bench.client.create_launch_template().launch_template_name("by-ssm");
    create.launch_template_data(data).send().await.unwrap();
    let describe =
        || bench.client.describe_launch_template_versions().launch_template_name("by-ssm");
    let image_of = async |resolve: bool| {
        let answer = describe().resolve_alias(resolve).send().await.unwrap();
        let version = answer.launch_template_versions.unwrap().into_iter().next().unwrap();
        version.launch_template_data.unwrap().image_id.unwrap()
    };
    assert_eq!(image_of(false).await, "resolve:ssm:/ci/ami");
    assert_eq!(image_of(true).await, image);
    bench.ssm().delete_parameter().name("/ci/ami").send().await.unwrap();
    assert_eq!(code(describe().resolve_alias(true).send().await), "InvalidParameterValue");
}
