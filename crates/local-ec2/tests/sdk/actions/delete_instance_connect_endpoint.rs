//! DeleteInstanceConnectEndpoint.

use crate::bench::{Bench, code};

#[tokio::test]
async fn it_is_gone_and_sets_its_subnet_free() {
    let bench = Bench::new().await;
    let subnet = bench.private_subnet().await;
    let id = bench.connect_endpoint(&subnet).await;
    let subnet = || bench.client.delete_subnet().subnet_id(&subnet).send();
    assert_eq!(code(subnet().await), "DependencyViolation");
    let delete =
        || bench.client.delete_instance_connect_endpoint().instance_connect_endpoint_id(&id).send();
    delete().await.unwrap();
    assert_eq!(code(delete().await), "InvalidInstanceConnectEndpointId.NotFound");
    subnet().await.unwrap();
}
