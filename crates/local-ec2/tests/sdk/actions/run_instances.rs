//! RunInstances.

use local_ec2::{Reply, Request};

use crate::bench::{Bench, code, tagged};
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, InstanceInterruptionBehavior, InstanceLifecycleType,
    InstanceMarketOptionsRequest, InstanceNetworkInterfaceSpecification, InstanceType, MarketType,
    Placement, ResourceType, SpotInstanceType, SpotMarketOptions, Tenancy, VolumeType,
};

#[tokio::test]
async fn an_instance_comes_up_with_an_address_of_its_own() {
    let bench = Bench::new().await;
    let (first, second) = (bench.running_instance().await, bench.running_instance().await);
    let (first, second) = (bench.instance(&first).await, bench.instance(&second).await);
    assert!(first.public_ip_address().unwrap().starts_with("127."));
    assert_ne!(first.public_ip_address(), second.public_ip_address());
    assert_eq!(first.root_device_name(), Some("/dev/xvda"));
    assert!(first.block_device_mappings()[0].ebs().unwrap().volume_id().is_some());
}

#[tokio::test]
async fn tags_come_with_the_instance_and_its_volume() {
    let bench = Bench::new().await;
    let tags = |kind| tagged(kind, "a", "b");
    let answer = bench
        .client
        .run_instances()
        .image_id(bench.base().await)
        .instance_type(InstanceType::T3Micro)
        .min_count(1)
        .max_count(1)
        .tag_specifications(tags(ResourceType::Instance))
        .tag_specifications(tags(ResourceType::Volume))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.instances()[0].tags()[0].value(), Some("b"));
    let volumes = bench.client.describe_volumes().send().await.unwrap();
    assert_eq!(volumes.volumes()[0].tags()[0].key(), Some("a"));
}

#[tokio::test]
async fn a_client_token_makes_a_repeat_harmless_and_a_misuse_an_error() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let run = |kind: InstanceType| {
        let request = bench.client.run_instances().image_id(&base).instance_type(kind);
        request.min_count(1).max_count(1).client_token("token").send()
    };
    let first = run(InstanceType::T3Micro).await.unwrap();
    let again = run(InstanceType::T3Micro).await.unwrap();
    assert_eq!(first.instances()[0].instance_id(), again.instances()[0].instance_id());
    assert_eq!(code(run(InstanceType::T3Large).await), "IdempotentParameterMismatch");
}

#[tokio::test]
async fn wrong_parameters_are_refused_with_ec2s_codes() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let run = |image: &str| {
        let request = bench.client.run_instances().image_id(image).min_count(1).max_count(1);
        request.instance_type(InstanceType::T3Micro)
    };
    assert_eq!(code(run("ami-0123456789abcdef0").send().await), "InvalidAMIID.NotFound");
    assert_eq!(code(run("ami-xyz").send().await), "InvalidAMIID.Malformed");
    assert_eq!(
        code(run(&base).instance_type("m5.huge".into()).send().await),
        "InvalidParameterValue"
    );
    assert_eq!(code(run(&base).security_groups("nosuch").send().await), "InvalidGroup.NotFound");
    assert_eq!(code(run(&base).subnet_id("subnet-1").send().await), "InvalidSubnetID.NotFound");
    assert_eq!(code(run(&base).key_name("nosuch").send().await), "InvalidKeyPair.NotFound");
    assert_eq!(code(run(&base).user_data("not base64!").send().await), "InvalidParameterValue");
    assert_eq!(code(run(&base).min_count(2).send().await), "InvalidParameterValue");
    assert_eq!(code(run(&base).kernel_id("aki-1").send().await), "UnknownParameter");
    assert_eq!(code(run(&base).dry_run(true).send().await), "DryRunOperation");
    let small = EbsBlockDevice::builder().volume_size(1).build();
    let small = BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(small).build();
    assert_eq!(
        code(run(&base).block_device_mappings(small).send().await),
        "InvalidBlockDeviceMapping"
    );
    let none = bench.client.describe_instances().send().await.unwrap();
    assert!(none.reservations().is_empty(), "a refusal leaves nothing behind");
}

#[tokio::test]
async fn a_volume_is_of_the_type_that_was_asked_for_and_an_image_of_it_too() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let run = |ebs: EbsBlockDevice| {
        let mapping = BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(ebs).build();
        let request = bench.client.run_instances().image_id(&base).min_count(1).max_count(1);
        request.instance_type(InstanceType::T3Micro).block_device_mappings(mapping).send()
    };
    let of = |kind: VolumeType| EbsBlockDevice::builder().volume_type(kind);
    for (ebs, expected) in [
        (of(VolumeType::Gp2).iops(3000), "InvalidParameterCombination"),
        (of(VolumeType::Io2), "MissingParameter"),
        (of(VolumeType::Gp3).iops(100), "InvalidParameterValue"),
        (of(VolumeType::St1).throughput(200), "InvalidParameterCombination"),
        (of("gp9".into()), "InvalidParameterValue"),
    ] {
        assert_eq!(code(run(ebs.build()).await), expected);
    }
    let answer = run(of(VolumeType::Gp3).iops(4000).build()).await.unwrap();
    let id = answer.instances()[0].instance_id().unwrap();
    let volume = bench.volume_of(id).await;
    assert_eq!((volume.iops(), volume.throughput()), (Some(4000), Some(125)));
    bench.wait_for_state(id, "running").await;
    let image = bench.image_of(id, "fast").await;
    let answer = bench.client.describe_images().image_ids(image).send().await.unwrap();
    assert_eq!(answer.images()[0].block_device_mappings()[0].ebs().unwrap().iops(), Some(4000));
}

#[tokio::test]
async fn a_zone_or_tenancy_that_is_not_there_is_refused() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let run = |placement: Placement| {
        let request = bench.client.run_instances().image_id(&base).min_count(1).max_count(1);
        request.instance_type(InstanceType::T3Micro).placement(placement).send()
    };
    let zone = |name: &str| Placement::builder().availability_zone(name).build();
    assert_eq!(code(run(zone("us-east-1f")).await), "InvalidParameterValue");
    let dedicated = Placement::builder().tenancy(Tenancy::Dedicated).build();
    assert_eq!(code(run(dedicated).await), "Unsupported");
    run(zone("us-east-1a")).await.unwrap();
}

#[tokio::test]
async fn instances_of_one_request_are_one_reservation() {
    let bench = Bench::new().await;
    let request = bench.client.run_instances().image_id(bench.base().await);
    let request = request.instance_type(InstanceType::T3Micro).min_count(3).max_count(3);
    assert_eq!(request.send().await.unwrap().instances().len(), 3);
    let answer = bench.client.describe_instances().send().await.unwrap();
    let sizes: Vec<usize> = answer.reservations().iter().map(|it| it.instances().len()).collect();
    assert_eq!(sizes, [3]);
}

#[tokio::test]
async fn a_network_interface_says_where_it_is_and_the_launch_does_not() {
    let bench = Bench::new().await;
    let (base, subnet) = (bench.base().await, bench.private_subnet().await);
    let run = || {
        let request = bench.client.run_instances().image_id(&base).min_count(1).max_count(1);
        request.instance_type(InstanceType::T3Micro)
    };
    let card = || InstanceNetworkInterfaceSpecification::builder().subnet_id(&subnet);
    let public = card().device_index(0).associate_public_ip_address(true).build();
    for (request, expected) in [
        (run().subnet_id(&subnet).security_groups("default"), "InvalidParameterCombination"),
        (
            run().subnet_id(&subnet).network_interfaces(public.clone()),
            "InvalidParameterCombination",
        ),
        (
            run().security_groups("default").network_interfaces(public.clone()),
            "InvalidParameterCombination",
        ),
        (run().network_interfaces(card().build()), "InvalidParameterValue"),
        (run().subnet_id("subnet-0123456789abcdef0"), "InvalidSubnetID.NotFound"),
    ] {
        assert_eq!(code(request.send().await), expected);
    }
    let answer = run().network_interfaces(public).send().await.unwrap();
    let instance = &answer.instances()[0];
    assert_eq!(instance.subnet_id(), Some(subnet.as_str()));
    assert!(instance.private_ip_address().unwrap().starts_with("127.96.7."));
    assert!(instance.public_ip_address().is_some());
    let private = InstanceNetworkInterfaceSpecification::builder().device_index(0);
    let private = private.associate_public_ip_address(false).build();
    let answer = run().network_interfaces(private).send().await.unwrap();
    assert_eq!(answer.instances()[0].public_ip_address(), None);
}

/// Volumes besides those of the image: empty ones and copies. They stay where nothing else is said,
/// and the image that is made has those that it is not told to leave out.
#[tokio::test]
async fn further_volumes_stay_unless_asked_otherwise_and_an_image_can_leave_them_out() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let run = |mappings: Vec<BlockDeviceMapping>| {
        let request = bench.client.run_instances().image_id(&base).min_count(1).max_count(1);
        let request = request.instance_type(InstanceType::T3Micro);
        request.set_block_device_mappings(Some(mappings)).send()
    };
    let at = |device: &str, ebs: EbsBlockDevice| {
        BlockDeviceMapping::builder().device_name(device).ebs(ebs).build()
    };
    let ebs = EbsBlockDevice::builder;
    let none =
        |device: &str| BlockDeviceMapping::builder().device_name(device).no_device("").build();
    let snapshot = bench.snapshot_of(&base).await;
    let sized = || ebs().volume_size(20).build();
    for (mappings, expected) in [
        (vec![at("/dev/sdf", ebs().build())], "MissingParameter"),
        (vec![at("/dev/nvme1n1", sized())], "InvalidParameterValue"),
        (vec![at("/dev/sdf", sized()), at("/dev/sdf", sized())], "InvalidBlockDeviceMapping"),
        // The base's own is /dev/xvda.
        (vec![at("xvda", sized())], "InvalidBlockDeviceMapping"),
        (
            vec![at("/dev/sdf", ebs().snapshot_id("snap-0123456789abcdef0").build())],
            "InvalidSnapshot.NotFound",
        ),
        (
            vec![at("/dev/sdf", ebs().volume_size(20).volume_initialization_rate(200).build())],
            "InvalidParameterCombination",
        ),
        (
            vec![at(
                "/dev/sdf",
                ebs().snapshot_id(&snapshot).volume_initialization_rate(99).build(),
            )],
            "InvalidParameterValue",
        ),
        (vec![none("/dev/xvda")], "InvalidBlockDeviceMapping"),
    ] {
        assert_eq!(code(run(mappings).await), expected);
    }
    let copy = ebs().snapshot_id(&snapshot).volume_initialization_rate(200);
    let answer = run(vec![
        at("/dev/sdf", sized()),
        at("/dev/sdg", copy.delete_on_termination(true).build()),
        at("/dev/sdh", ebs().volume_size(5).delete_on_termination(true).build()),
    ])
    .await
    .unwrap();
    let id = answer.instances()[0].instance_id().unwrap();
    bench.wait_for_state(id, "running").await;
    let devices = bench.instance(id).await;
    let devices: Vec<&str> =
        devices.block_device_mappings().iter().filter_map(|it| it.device_name()).collect();
    assert_eq!(devices, ["/dev/xvda", "/dev/sdf", "/dev/sdg", "/dev/sdh"]);
    let volumes = bench.client.describe_volumes().send().await.unwrap();
    let mut told: Vec<String> = volumes
        .volumes()
        .iter()
        .map(|it| {
            let kind = it.volume_type().unwrap().as_str();
            let rate = it.volume_initialization_rate();
            format!(
                "{} {kind} {} {rate:?}",
                it.size().unwrap(),
                it.snapshot_id() == Some(&snapshot)
            )
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        ["2 gp2 true Some(200)", "2 gp3 true None", "20 gp2 false None", "5 gp2 false None"]
    );
    let image = bench
        .client
        .create_image()
        .instance_id(id)
        .name("two")
        .block_device_mappings(none("/dev/sdh"));
    let image = image.send().await.unwrap().image_id.unwrap();
    bench.wait_for_image(&image, "available").await;
    let answer = bench.client.describe_images().image_ids(&image).send().await.unwrap();
    let mappings = answer.images()[0].block_device_mappings();
    let devices: Vec<&str> = mappings.iter().filter_map(|it| it.device_name()).collect();
    assert_eq!(devices, ["/dev/xvda", "/dev/sdf", "/dev/sdg"]);
    bench.client.terminate_instances().instance_ids(id).send().await.unwrap();
    bench.wait_for_state(id, "terminated").await;
    let volumes = bench.client.describe_volumes().send().await.unwrap();
    let left: Vec<_> = volumes.volumes().iter().map(|it| it.size()).collect();
    assert_eq!(left, [Some(20)], "that it goes must be said");
    bench.wait_for_state(&bench.launch(&image).await, "running").await;
}

#[tokio::test]
async fn a_spot_instance_is_told_as_one_and_is_not_stopped() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let run = |market: InstanceMarketOptionsRequest| {
        let request = bench.client.run_instances().image_id(&base).min_count(1).max_count(1);
        let tags = tagged(ResourceType::SpotInstancesRequest, "a", "b");
        let request = request.instance_type(InstanceType::T3Micro).tag_specifications(tags);
        request.instance_market_options(market).send()
    };
    let market = |options: SpotMarketOptions| {
        let market = InstanceMarketOptionsRequest::builder().market_type(MarketType::Spot);
        market.spot_options(options).build()
    };
    let options = SpotMarketOptions::builder;
    for (market, expected) in [
        (market(options().max_price("free").build()), "InvalidParameterValue"),
        (market(options().spot_instance_type(SpotInstanceType::Persistent).build()), "Unsupported"),
        (
            market(
                options()
                    .instance_interruption_behavior(InstanceInterruptionBehavior::Stop)
                    .build(),
            ),
            "InvalidParameterCombination",
        ),
        (
            InstanceMarketOptionsRequest::builder().market_type(MarketType::CapacityBlock).build(),
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(code(run(market).await), expected);
    }
    let answer = run(market(options().max_price("0.05").build())).await.unwrap();
    let instance = &answer.instances()[0];
    assert_eq!(instance.instance_lifecycle(), Some(&InstanceLifecycleType::Spot));
    let (id, request) =
        (instance.instance_id().unwrap(), instance.spot_instance_request_id().unwrap());
    bench.wait_for_state(id, "running").await;
    let stop = || bench.client.stop_instances().instance_ids(id).send();
    assert_eq!(code(stop().await), "UnsupportedOperation");
    let image = bench.image_of(id, "of-spot").await;
    bench.wait_for_image(&image, "available").await;
    assert_eq!(bench.instance(id).await.state().unwrap().name().unwrap().as_str(), "running");
    let plain = bench.running_instance().await;
    let refused = Request::Interrupt(plain.clone());
    assert!(matches!(bench.control(refused).await, Reply::Failed(_)));
    assert!(matches!(bench.control(Request::Interrupt(id.to_owned())).await, Reply::Interrupted));
    bench.wait_for_state(id, "terminated").await;
    let ended = bench.instance(id).await;
    let reason = ended.state_reason().unwrap();
    assert_eq!(reason.code(), Some("Server.SpotInstanceTermination"));
    let tags = bench.client.describe_tags().send().await.unwrap();
    assert!(tags.tags().iter().any(|it| it.resource_id() == Some(request)), "{tags:?}");
}
