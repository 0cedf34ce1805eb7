//! DescribeInstanceConnectEndpoints.

use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn they_are_found_by_vpc_and_state_once_they_are_there() {
    let bench = Bench::new().await;
    let id = bench.connect_endpoint(&bench.private_subnet().await).await;
    let describe = || bench.client.describe_instance_connect_endpoints();
    for (name, value, count) in [("state", "create-complete", 1), ("state", "delete-failed", 0)] {
        let answer = describe().filters(filter(name, value)).send().await.unwrap();
        assert_eq!(answer.instance_connect_endpoints().len(), count, "{name}");
    }
    let answer = describe().instance_connect_endpoint_ids(&id).send().await.unwrap();
    let endpoint = &answer.instance_connect_endpoints()[0];
    assert_eq!(endpoint.dns_name(), Some("localhost"));
    assert_eq!(endpoint.preserve_client_ip(), Some(false));
    let unknown = describe().instance_connect_endpoint_ids("eice-0123456789abcdef0").send().await;
    assert_eq!(code(unknown), "InvalidInstanceConnectEndpointId.NotFound");
}
