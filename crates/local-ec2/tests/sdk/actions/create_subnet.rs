//! CreateSubnet.

use crate::bench::{Bench, code};

#[tokio::test]
async fn it_must_be_inside_the_vpc_and_beside_the_others() {
    let bench = Bench::new().await;
    let vpc = bench.client.describe_vpcs().send().await.unwrap().vpcs()[0].vpc_id.clone().unwrap();
    let create =
        |vpc: &str, cidr: &str| bench.client.create_subnet().vpc_id(vpc).cidr_block(cidr).send();
    for (vpc, cidr, expected) in [
        ("vpc-0123456789abcdef0", "127.96.0.0/24", "InvalidVpcID.NotFound"),
        (&vpc, "127.96.0.0", "InvalidParameterValue"),
        (&vpc, "10.0.0.0/24", "InvalidSubnet.Range"),
        (&vpc, "127.96.0.0/12", "InvalidSubnet.Range"),
        (&vpc, "127.64.8.0/24", "InvalidSubnet.Conflict"),
    ] {
        assert_eq!(code(create(vpc, cidr).await), expected, "{cidr}");
    }
    let subnet = create(&vpc, "127.96.0.16/28").await.unwrap().subnet.unwrap();
    assert_eq!(subnet.map_public_ip_on_launch(), Some(false));
    assert_eq!(subnet.available_ip_address_count(), Some(11));
    assert_eq!(code(create(&vpc, "127.96.0.0/24").await), "InvalidSubnet.Conflict");
}
