//! DescribeAvailabilityZones.

use crate::bench::Bench;

#[tokio::test]
async fn it_has_one_zone() {
    let bench = Bench::new().await;
    let answer = bench.client.describe_availability_zones().send().await.unwrap();
    let zones: Vec<_> = answer.availability_zones().iter().map(|zone| zone.zone_name()).collect();
    assert_eq!(zones, [Some("us-east-1a")]);
}
