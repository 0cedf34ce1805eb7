//! DescribeSubnets.

use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn the_subnet_belongs_to_the_vpc_and_instances_are_in_it() {
    let bench = Bench::new().await;
    let vpcs = bench.client.describe_vpcs().send().await.unwrap();
    let vpc = vpcs.vpcs()[0].vpc_id().unwrap();
    let request = bench.client.describe_subnets().filters(filter("vpc-id", vpc));
    let answer = request.send().await.unwrap();
    let instance = bench.instance(&bench.running_instance().await).await;
    assert_eq!(answer.subnets()[0].subnet_id(), instance.subnet_id());
    let missing = bench.client.describe_subnets().subnet_ids("subnet-0123456789abcdef0").send();
    assert_eq!(code(missing.await), "InvalidSubnetID.NotFound");
}
