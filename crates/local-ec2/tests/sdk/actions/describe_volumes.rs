//! DescribeVolumes.

use crate::bench::{Bench, code};

#[tokio::test]
async fn a_volume_tells_what_it_is_attached_to() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let answer = bench.client.describe_volumes().send().await.unwrap();
    let volume = &answer.volumes()[0];
    assert_eq!(volume.attachments()[0].instance_id(), Some(instance.as_str()));
    assert_eq!(volume.size(), Some(2));
    let missing = bench.client.describe_volumes().volume_ids("vol-0123456789abcdef0").send().await;
    assert_eq!(code(missing), "InvalidVolume.NotFound");
}
