//! DescribeInstanceTypeOfferings.

use crate::bench::{Bench, filter};
use aws_sdk_ec2::types::LocationType;

#[tokio::test]
async fn types_are_offered_in_the_zone() {
    let bench = Bench::new().await;
    let ask = |name: &str| {
        let request = bench.client.describe_instance_type_offerings();
        let request = request.location_type(LocationType::AvailabilityZone);
        request.filters(filter("instance-type", name)).send()
    };
    let answer = ask("m7i.large").await.unwrap();
    assert_eq!(answer.instance_type_offerings()[0].location(), Some("us-east-1a"));
    assert!(ask("m5.huge").await.unwrap().instance_type_offerings().is_empty());
}
