//! CreateInstanceConnectEndpoint.

use crate::bench::{Bench, code};

#[tokio::test]
async fn it_is_in_a_subnet_and_a_group_and_a_token_makes_a_repeat_harmless() {
    let bench = Bench::new().await;
    let subnet = bench.private_subnet().await;
    let create = |subnet: &str| {
        bench.client.create_instance_connect_endpoint().subnet_id(subnet).client_token("t").send()
    };
    assert_eq!(code(create("subnet-0123456789abcdef0").await), "InvalidSubnetID.NotFound");
    let first = create(&subnet).await.unwrap().instance_connect_endpoint.unwrap();
    let again = create(&subnet).await.unwrap().instance_connect_endpoint.unwrap();
    assert_eq!(first.instance_connect_endpoint_id(), again.instance_connect_endpoint_id());
    assert_eq!(first.state().unwrap().as_str(), "create-in-progress");
    assert_eq!(first.security_group_ids().len(), 1, "the default group");
    assert_eq!(first.subnet_id(), Some(subnet.as_str()));
}
