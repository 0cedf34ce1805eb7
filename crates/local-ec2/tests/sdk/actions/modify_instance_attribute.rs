//! ModifyInstanceAttribute.

use crate::bench::{Bench, code};
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, InstanceAttributeName, SecureBlobAttributeValue,
};

#[tokio::test]
async fn type_and_user_data_change_while_it_is_stopped() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let modify = || {
        let request = bench.client.modify_instance_attribute().instance_id(&id);
        let data = SecureBlobAttributeValue::builder().value(Blob::new("#!/bin/sh")).build();
        let kind = AttributeValue::builder().value("m5.large").build();
        request.instance_type(kind).user_data(data).send()
    };
    assert_eq!(code(modify().await), "IncorrectInstanceState");
    bench.client.stop_instances().instance_ids(&id).send().await.unwrap();
    bench.wait_for_state(&id, "stopped").await;
    modify().await.unwrap();
    assert_eq!(bench.instance(&id).await.instance_type().unwrap().as_str(), "m5.large");
    let request = bench.client.describe_instance_attribute().instance_id(&id);
    let answer = request.attribute(InstanceAttributeName::UserData).send().await.unwrap();
    assert_eq!(answer.user_data().unwrap().value(), Some("IyEvYmluL3No"));
}

#[tokio::test]
async fn protection_groups_and_shutdown_behaviour_change_at_any_time() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let modify = || bench.client.modify_instance_attribute().instance_id(&id);
    let on = AttributeBooleanValue::builder().value(true).build();
    modify().disable_api_termination(on).send().await.unwrap();
    let terminate = || bench.client.terminate_instances().instance_ids(&id).send();
    assert_eq!(code(terminate().await), "OperationNotPermitted");
    let named = modify().attribute(InstanceAttributeName::DisableApiTermination).value("false");
    named.send().await.unwrap();
    let behaviour = AttributeValue::builder().value("explode").build();
    let wrong = modify().instance_initiated_shutdown_behavior(behaviour).send().await;
    assert_eq!(code(wrong), "InvalidParameterValue");
    let unknown = modify().attribute(InstanceAttributeName::Kernel).value("aki-1").send().await;
    assert_eq!(code(unknown), "InvalidParameterCombination");
    assert_eq!(code(modify().groups("sg-0123456789abcdef0").send().await), "InvalidGroup.NotFound");
    terminate().await.unwrap();
}
