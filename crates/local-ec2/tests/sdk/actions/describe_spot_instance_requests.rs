//! DescribeSpotInstanceRequests.

use aws_sdk_ec2::types::{InstanceMarketOptionsRequest, InstanceType, MarketType, ResourceType};

use crate::bench::{Bench, code, filter, tagged};

#[tokio::test]
async fn a_request_is_there_with_its_instance_and_its_tags() {
    let bench = Bench::new().await;
    let market = InstanceMarketOptionsRequest::builder().market_type(MarketType::Spot).build();
    let run = bench.client.run_instances().image_id(bench.base().await).min_count(1).max_count(1);
    let run = run.instance_type(InstanceType::T3Micro).instance_market_options(market);
    let run = run.tag_specifications(tagged(ResourceType::SpotInstancesRequest, "a", "b"));
    let answer = run.send().await.unwrap();
    let id = answer.instances()[0].instance_id().unwrap();
    let describe = || bench.client.describe_spot_instance_requests();
    let found = describe().filters(filter("instance-id", id)).send().await.unwrap();
    let [request] = found.spot_instance_requests() else { panic!("{found:?}") };
    assert_eq!(request.state().unwrap().as_str(), "active");
    assert_eq!(request.tags()[0].value(), Some("b"));
    assert_eq!(
        code(describe().spot_instance_request_ids("sir-0123456789abcdef0").send().await),
        "InvalidSpotInstanceRequestID.NotFound"
    );
    bench.client.terminate_instances().instance_ids(id).send().await.unwrap();
    bench.wait_for_state(id, "terminated").await;
    let found = describe().filters(filter("tag:a", "b")).send().await.unwrap();
    assert_eq!(found.spot_instance_requests()[0].state().unwrap().as_str(), "closed");
}
