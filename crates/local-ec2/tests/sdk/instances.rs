//! Describe, start, stop, reboot, terminate and console of instances.

use aws_sdk_ec2::types::{Filter, InstanceType, ShutdownBehavior};

use crate::bench::{Bench, code};

#[tokio::test]
async fn an_instance_stops_and_starts_with_the_same_volume_and_address() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let before = bench.instance(&id).await;
    bench.client.stop_instances().instance_ids(&id).send().await.unwrap();
    bench.wait_for_state(&id, "stopped").await;
    assert_eq!(bench.instance(&id).await.public_ip_address(), None);
    bench.client.start_instances().instance_ids(&id).send().await.unwrap();
    bench.wait_for_state(&id, "running").await;
    let after = bench.instance(&id).await;
    assert_eq!(before.block_device_mappings(), after.block_device_mappings());
    assert_eq!(before.public_ip_address(), after.public_ip_address());
}

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
    assert_eq!(
        code(bench.client.stop_instances().instance_ids(&id).send().await),
        "IncorrectInstanceState"
    );
    assert_eq!(
        code(bench.client.start_instances().instance_ids(&id).send().await),
        "IncorrectInstanceState"
    );
    assert_eq!(
        code(bench.client.reboot_instances().instance_ids(&id).send().await),
        "IncorrectInstanceState"
    );
}

#[tokio::test]
async fn ids_that_are_wrong_change_nothing() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let both = bench.client.stop_instances().instance_ids(&id).instance_ids("i-0123456789abcdef0");
    assert_eq!(code(both.send().await), "InvalidInstanceID.NotFound");
    bench.wait_for_state(&id, "running").await;
    let malformed = bench.client.describe_instances().instance_ids("i-1").send().await;
    assert_eq!(code(malformed), "InvalidInstanceID.Malformed");
}

#[tokio::test]
async fn filters_hold_and_unknown_ones_are_refused() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let ask = async |name: &str, value: &str| {
        let filter = Filter::builder().name(name).values(value).build();
        bench.client.describe_instances().filters(filter).send().await
    };
    let found = ask("instance-state-name", "run*").await.unwrap();
    assert_eq!(found.reservations()[0].instances()[0].instance_id(), Some(id.as_str()));
    assert!(ask("instance-state-name", "stopped").await.unwrap().reservations().is_empty());
    assert_eq!(code(ask("colour", "red").await), "InvalidParameterValue");
}

#[tokio::test]
async fn several_instances_come_in_pages() {
    let bench = Bench::new().await;
    let request = bench.client.run_instances().image_id(bench.base().await);
    let request = request.instance_type(InstanceType::T3Micro).min_count(7).max_count(7);
    assert_eq!(request.send().await.unwrap().instances().len(), 7);
    let mut pages = bench.client.describe_instances().max_results(5).into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().reservations().len());
    }
    assert_eq!(sizes, [5, 2]);
}

#[tokio::test]
async fn a_guest_that_powers_off_ends_as_its_shutdown_behaviour_says() {
    let bench = Bench::new().await;
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

#[tokio::test]
async fn an_instance_that_is_stopped_or_terminated_while_it_starts_ends_as_asked() {
    let running = std::time::Duration::from_millis(300);
    let delays = local_ec2::Delays { running, ..local_ec2::Delays::default() };
    let bench = Bench::with_delays(delays).await;
    let base = bench.base().await;
    let (first, second) = (bench.launch(&base).await, bench.launch(&base).await);
    bench.client.stop_instances().instance_ids(&first).send().await.unwrap();
    bench.client.terminate_instances().instance_ids(&second).send().await.unwrap();
    bench.wait_for_state(&first, "stopped").await;
    bench.wait_for_state(&second, "terminated").await;
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

#[tokio::test]
async fn the_console_is_there_for_instances_that_are() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let answer = bench.client.get_console_output().instance_id(&id).send().await.unwrap();
    assert!(answer.output().is_some());
    let missing = bench.client.get_console_output().instance_id("i-0123456789abcdef0").send().await;
    assert_eq!(code(missing), "InvalidInstanceID.NotFound");
}
