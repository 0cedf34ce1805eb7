//! ModifySubnetAttribute.

use aws_sdk_ec2::types::AttributeBooleanValue;

use crate::bench::{Bench, filter};

#[tokio::test]
async fn new_instances_get_public_addresses_as_the_subnet_says_at_that_time() {
    let bench = Bench::new().await;
    let subnet = bench.private_subnet().await;
    let private = bench.launch_in(&subnet).await;
    let on = AttributeBooleanValue::builder().value(true).build();
    let modify = bench.client.modify_subnet_attribute().subnet_id(&subnet);
    modify.map_public_ip_on_launch(on).send().await.unwrap();
    let public = bench.launch_in(&subnet).await;
    assert_eq!(bench.instance(&private).await.public_ip_address(), None);
    assert!(bench.instance(&public).await.public_ip_address().is_some());
    let all = filter("map-public-ip-on-launch", "true");
    let answer = bench.client.describe_subnets().filters(all).send().await.unwrap();
    assert_eq!(answer.subnets().len(), 2);
}
