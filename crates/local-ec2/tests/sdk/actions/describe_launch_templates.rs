//! DescribeLaunchTemplates.

use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn templates_are_found_by_id_name_and_filter() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    bench.launch_template("others").await;
    let describe = || bench.client.describe_launch_templates();
    for request in [
        describe().launch_template_ids(&template),
        describe().launch_template_names("agents"),
        describe().filters(filter("launch-template-name", "age*")),
    ] {
        let answer = request.send().await.unwrap();
        let [found] = answer.launch_templates() else { panic!("{answer:?}") };
        assert_eq!(found.launch_template_id(), Some(template.as_str()));
    }
    assert_eq!(describe().send().await.unwrap().launch_templates().len(), 2);
    assert_eq!(
        code(describe().launch_template_names("none").send().await),
        "InvalidLaunchTemplateName.NotFoundException"
    );
}
