//! TerminateInstances, and guests that end themselves.

use crate::bench::{Bench, code};
use aws_sdk_ec2::types::{InstanceType, ShutdownBehavior};

#[tokio::test]
async fn a_terminated_instance_stays_visible_without_its_volume() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let answer = bench.client.terminate_instances().instance_ids(&id).send().await.unwrap();
    let change = &answer.terminating_instances()[0];
    assert_eq!(change.previous_state().unwrap().code(), Some(16));
    bench.wait_for_state(&id, "terminated").await;
    assert!(bench.client.describe_volumes().send().await.unwrap().volumes().is_empty());
    let again = bench.client.terminate_instances().instance_ids(&id).send().await;
    assert!(again.is_ok(), "terminating twice is no error");
}

#[tokio::test]
async fn a_protected_instance_is_not_terminated() {
    let bench = Bench::new().await;
    let request = bench.client.run_instances().image_id(bench.base().await).min_count(1);
    let request = request.max_count(1).instance_type(InstanceType::T3Micro);
    let answer = request.disable_api_termination(true).send().await.unwrap();
    let id = answer.instances()[0].instance_id().unwrap();
    let terminate = bench.client.terminate_instances().instance_ids(id).send().await;
    assert_eq!(code(terminate), "OperationNotPermitted");
}

#[tokio::test]
async fn a_guest_that_powers_off_ends_as_its_shutdown_behaviour_says() {
    let bench = Bench::new().await;
    bench.let_in().await;
    let key =
        russh::keys::PrivateKey::random(&mut rand::rng(), russh::keys::Algorithm::Ed25519).unwrap();
    let public = key.public_key().to_openssh().unwrap();
    let material = aws_sdk_ec2::primitives::Blob::new(public);
    bench
        .client
        .import_key_pair()
        .key_name("k")
        .public_key_material(material)
        .send()
        .await
        .unwrap();
    for (behaviour, state) in
        [(ShutdownBehavior::Stop, "stopped"), (ShutdownBehavior::Terminate, "terminated")]
    {
        let request = bench.client.run_instances().image_id(bench.base().await).key_name("k");
        let request = request.instance_type(InstanceType::T3Micro).min_count(1).max_count(1);
        let answer = request.instance_initiated_shutdown_behavior(behaviour).send().await.unwrap();
        let id = answer.instances()[0].instance_id().unwrap().to_owned();
        bench.wait_for_state(&id, "running").await;
        power_off(bench.instance(&id).await.public_ip_address().unwrap(), &key).await;
        bench.wait_for_state(&id, state).await;
        let reason = bench.instance(&id).await.state_reason.unwrap();
        assert_eq!(reason.code(), Some("Client.InstanceInitiatedShutdown"));
    }
}

struct AnyHostKey;

impl russh::client::Handler for AnyHostKey {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

async fn power_off(address: &str, key: &russh::keys::PrivateKey) {
    let config = std::sync::Arc::new(russh::client::Config::default());
    let mut session = crate::bench::eventually(async || {
        russh::client::connect(config.clone(), (address, 2222), AnyHostKey).await.ok()
    })
    .await;
    let key = russh::keys::PrivateKeyWithHashAlg::new(std::sync::Arc::new(key.clone()), None);
    assert!(session.authenticate_publickey("debian", key).await.unwrap().success());
    let channel = session.channel_open_session().await.unwrap();
    channel.exec(true, "sudo poweroff").await.unwrap();
    channel.eof().await.unwrap();
    let mut channel = channel;
    while channel.wait().await.is_some() {}
}
