//! DescribeVpcs.

use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn the_default_vpc_is_found() {
    let bench = Bench::new().await;
    let ask =
        |value: &str| bench.client.describe_vpcs().filters(filter("is-default", value)).send();
    assert_eq!(ask("true").await.unwrap().vpcs().len(), 1);
    assert!(ask("false").await.unwrap().vpcs().is_empty());
    let missing = bench.client.describe_vpcs().vpc_ids("vpc-0123456789abcdef0").send().await;
    assert_eq!(code(missing), "InvalidVpcID.NotFound");
}
