//! DescribeScalingActivities.

use local_ec2::Faults;

use crate::bench::{Bench, eventually};

#[tokio::test]
async fn a_launch_that_fails_is_told_and_tried_again() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let fault = "RunInstances=InsufficientInstanceCapacity,times=1".parse().unwrap();
    bench.fault(Faults { calls: vec![fault], ..Faults::default() }).await;
    bench.group("farm", &template, 1).await;
    let client = bench.autoscaling();
    let describe = || client.describe_scaling_activities().auto_scaling_group_name("farm");
    let told = eventually(async || {
        let answer = describe().send().await.unwrap();
        let activities = answer.activities().iter().filter_map(|it| {
            Some((it.status_code()?.as_str().to_owned(), it.status_message().map(String::from)))
        });
        let activities: Vec<_> = activities.collect();
        (activities.len() == 2).then_some(activities)
    })
    .await;
    assert_eq!(told[0], ("Successful".to_owned(), None));
    assert!(told[1].1.as_ref().unwrap().contains("sufficient t3.small capacity"), "{told:?}");
    assert_eq!(describe().max_records(1).send().await.unwrap().activities().len(), 1);
}
