//! `amiable local reset`.

use local_ec2::{Faults, Reply, Request};

use crate::actions::create_security_group::create;
use crate::bench::Bench;

#[tokio::test]
async fn everything_goes_but_what_was_there_from_the_beginning() {
    let mut bench = Bench::new().await;
    let instance = bench.running_instance().await;
    bench.image_of(&instance, "one").await;
    create(&bench, "agents").await;
    bench.fault(Faults { throttle: true, ..Faults::default() }).await;
    assert_eq!(bench.control(Request::Reset).await, Reply::Reset);
    for _ in 0..2 {
        let client = &bench.client;
        assert!(client.describe_instances().send().await.unwrap().reservations().is_empty());
        assert_eq!(client.describe_images().send().await.unwrap().images().len(), 1);
        assert_eq!(client.describe_snapshots().send().await.unwrap().snapshots().len(), 1);
        assert!(client.describe_volumes().send().await.unwrap().volumes().is_empty());
        let groups = client.describe_security_groups().send().await.unwrap();
        assert_eq!(groups.security_groups().len(), 1);
        assert_eq!(bench.control(Request::Faults).await, Reply::Faults(Faults::default()));
        bench.restart().await;
    }
    bench.running_instance().await;
}
