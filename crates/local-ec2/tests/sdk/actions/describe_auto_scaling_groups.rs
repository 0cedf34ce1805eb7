//! DescribeAutoScalingGroups.

use crate::bench::Bench;

#[tokio::test]
async fn groups_come_by_name_and_in_pages() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    for name in ["a", "b", "c"] {
        bench.group(name, &template, 0).await;
    }
    let client = bench.autoscaling();
    let page = client.describe_auto_scaling_groups().max_records(2).send().await.unwrap();
    assert_eq!(page.auto_scaling_groups().len(), 2);
    let rest = client.describe_auto_scaling_groups().set_next_token(page.next_token);
    let rest = rest.send().await.unwrap();
    let names = rest.auto_scaling_groups().iter().filter_map(|it| it.auto_scaling_group_name());
    assert_eq!(names.collect::<Vec<_>>(), ["c"]);
    let named = client.describe_auto_scaling_groups().auto_scaling_group_names("b");
    let named = named.auto_scaling_group_names("none").send().await.unwrap();
    let [group] = named.auto_scaling_groups() else { panic!("{named:?}") };
    assert_eq!((group.min_size(), group.max_size()), (Some(0), Some(10)));
    assert!(group.auto_scaling_group_arn().unwrap().contains("autoScalingGroupName/b"));
}
