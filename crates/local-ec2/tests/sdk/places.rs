//! DescribeRegions and DescribeAvailabilityZones.

use crate::bench::Bench;

#[tokio::test]
async fn the_region_is_the_one_that_is_asked_in() {
    let bench = Bench::new().await;
    let answer = bench.client.describe_regions().send().await.unwrap();
    assert_eq!(answer.regions()[0].region_name(), Some("us-east-1"));
}

#[tokio::test]
async fn it_has_one_zone() {
    let bench = Bench::new().await;
    let answer = bench.client.describe_availability_zones().send().await.unwrap();
    let zones: Vec<_> = answer.availability_zones().iter().map(|zone| zone.zone_name()).collect();
    assert_eq!(zones, [Some("us-east-1a")]);
}
