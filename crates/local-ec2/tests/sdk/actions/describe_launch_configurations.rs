//! DescribeLaunchConfigurations.

use crate::bench::Bench;

#[tokio::test]
async fn there_are_none() {
    let bench = Bench::new().await;
    let answer = bench.autoscaling().describe_launch_configurations().send().await.unwrap();
    assert!(answer.launch_configurations().is_empty());
}
