//! DeleteVolume.

use crate::bench::{Bench, code};
use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice, InstanceType};

#[tokio::test]
async fn a_volume_that_outlives_its_instance_is_deleted_by_hand() {
    let bench = Bench::new().await;
    let ebs = EbsBlockDevice::builder().delete_on_termination(false).build();
    let keep = BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(ebs).build();
    let request = bench.client.run_instances().image_id(bench.base().await).min_count(1);
    let request = request.max_count(1).instance_type(InstanceType::T3Micro);
    let answer = request.block_device_mappings(keep).send().await.unwrap();
    let instance = answer.instances()[0].instance_id().unwrap();
    bench.wait_for_state(instance, "running").await;
    let volume = bench.volume_of(instance).await.volume_id.unwrap();
    let delete = || bench.client.delete_volume().volume_id(&volume).send();
    assert_eq!(code(delete().await), "VolumeInUse");
    bench.client.terminate_instances().instance_ids(instance).send().await.unwrap();
    bench.wait_for_state(instance, "terminated").await;
    let answer = bench.client.describe_volumes().volume_ids(&volume).send().await.unwrap();
    assert_eq!(answer.volumes()[0].state().unwrap().as_str(), "available");
    delete().await.unwrap();
    assert_eq!(code(delete().await), "InvalidVolume.NotFound");
}
