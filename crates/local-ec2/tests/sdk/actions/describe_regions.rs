//! DescribeRegions.

use crate::bench::Bench;

#[tokio::test]
async fn the_region_is_the_one_that_is_asked_in() {
    let bench = Bench::new().await;
    let answer = bench.client.describe_regions().send().await.unwrap();
    assert_eq!(answer.regions()[0].region_name(), Some("us-east-1"));
}

#[tokio::test]
async fn any_region_is_there_by_name() {
    let bench = Bench::new().await;
    let request =
        bench.client.describe_regions().region_names("eu-west-1").region_names("us-west-2");
    let names: Vec<_> = request.send().await.unwrap().regions.unwrap_or_default();
    let names: Vec<_> = names.iter().filter_map(|region| region.region_name()).collect();
    assert_eq!(names, ["eu-west-1", "us-west-2"]);
}
