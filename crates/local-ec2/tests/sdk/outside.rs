//! What clients besides AWS' own newest send, and what they look at in answers.

use std::time::SystemTime;

use aws_sdk_ec2::types::{
    AttributeBooleanValue, BlockDeviceMapping, EbsBlockDevice, ImageAttributeName, InstanceType,
    IpPermission, LaunchPermission, LaunchPermissionModifications, PrefixListId, Tag,
};
use local_ec2::{Import, Reply, Request};

use crate::bench::{Bench, code, filter, tag};
use crate::raw::{call, call_of, presigned, send, signature};

/// An RSA key of 1024 bits, as clients write it: base64 in lines, percent-encoded.
const IMPORTED_KEY: &str = "\
    c3NoLXJzYSBBQUFBQjNOemFDMXljMkVBQUFBREFRQUJBQUFBZ1FESzBTWHNvSEdYbWxQV3l5UU1t%0AZ\
    jNVekMwZ3JBZ1JGRWtXM3pqWDdkK1lpNGxLVDMzQzZQZ3psWEhrQ1JlUk5QZzEveFlQSk1USC9h%0AQU\
    85NXIvaTZ3dy9kSU5rdEVubWd1TUQzbVpGWUFCYmUvL25RM2J1UFNBQ3JqQkF0blRKWkNPenE2%0AWTZ\
    ZU0lVY3Z3QzRWaUhyZVFiemJUNzVuc1dSZkFML2lGdCt4VVh3PT0%3D%0A";
/// What OpenSSH tells of it.
const IMPORTED_FINGERPRINT: &str = "c2:37:5e:74:53:af:3f:eb:22:f3:dd:a9:60:c3:61:f0";

/// Runs an instance with more parameters, written by hand.
async fn run(bench: &Bench, more: &str) -> String {
    let base = bench.base().await;
    let body = format!(
        "Action=RunInstances&ImageId={base}&InstanceType=t3.micro&MinCount=1&MaxCount=1{more}"
    );
    call(&bench.endpoint, &body).await
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(value, _)| value)
}

pub(crate) async fn import(
    bench: &Bench,
    name: &str,
    owner: &str,
    deprecated: Option<&str>,
) -> String {
    let file = std::env::temp_dir().join(format!("{name}.img"));
    std::fs::write(&file, vec![0; 4096]).unwrap();
    let import = Import {
        file,
        name: name.into(),
        description: None,
        architecture: "x86_64".into(),
        owner: Some(owner.into()),
        deprecated: deprecated.map(|text| text.parse().unwrap()),
        if_missing: false,
    };
    match bench.control(Request::Import(import)).await {
        Reply::Imported(id) => id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_an_instance_is_asked_for_is_told_of_it() {
    let bench = Bench::new().await;
    let answer = run(
        &bench,
        "&MetadataOptions.HttpTokens=optional&MetadataOptions.HttpPutResponseHopLimit=3\
         &Monitoring.Enabled=true&EbsOptimized=true&EnclaveOptions.Enabled=False\
         &HibernationOptions.Configured=false",
    )
    .await;
    for (name, value) in [
        ("httpTokens", "optional"),
        ("httpPutResponseHopLimit", "3"),
        ("monitoring", "<state>enabled</state>"),
        ("ebsOptimized", "true"),
    ] {
        assert_eq!(element(&answer, name), Some(value), "{answer}");
    }
    let refused = run(&bench, "&HibernationOptions.Configured=true").await;
    assert!(refused.contains("<Code>Unsupported</Code>"), "{refused}");
    assert!(refused.contains("HibernationOptions.Configured"), "{refused}");
    let other = run(&bench, "&Placement.AvailabilityZone=us-east-1z").await;
    assert!(other.contains("<Code>InvalidParameterValue</Code>"), "{other}");
}

#[tokio::test]
async fn an_instance_tells_what_filters_of_others_look_at() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let instance = bench.instance(&id).await;
    let card = &instance.network_interfaces()[0];
    assert_eq!(card.subnet_id(), instance.subnet_id());
    assert_eq!(card.groups()[0].group_name(), Some("default"));
    assert_eq!(card.private_ip_addresses()[0].primary(), Some(true));
    assert_eq!(instance.source_dest_check(), Some(true));
    assert_eq!((instance.ebs_optimized(), instance.ena_support()), (Some(false), Some(true)));
    assert_eq!(instance.platform_details(), Some("Linux/UNIX"));
    assert_eq!(instance.usage_operation(), Some("RunInstances"));
    assert_eq!(instance.cpu_options().unwrap().threads_per_core(), Some(2));
    assert!(instance.current_instance_boot_mode().is_some());
    for name in ["network-interface.subnet-id", "network-interface.group-name"] {
        let wanted = if name.ends_with("name") { "default" } else { card.subnet_id().unwrap() };
        let describe = bench.client.describe_instances().filters(filter(name, wanted));
        assert_eq!(describe.send().await.unwrap().reservations().len(), 1, "{name}");
    }
    bench.client.stop_instances().instance_ids(&id).hibernate(false).send().await.unwrap();
    let stopped = bench.instance(&id).await;
    let reason = stopped.state_transition_reason().unwrap().to_owned();
    assert!(reason.starts_with("User initiated (20") && reason.ends_with(" GMT)"), "{reason}");
}

#[tokio::test]
async fn attributes_of_instances_are_kept() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let off = || AttributeBooleanValue::builder().value(false).build();
    let modify = || bench.client.modify_instance_attribute().instance_id(&id);
    modify().source_dest_check(off()).send().await.unwrap();
    assert_eq!(bench.instance(&id).await.source_dest_check(), Some(false));
    let early = modify().ena_support(off()).send().await;
    assert_eq!(code(early), "IncorrectInstanceState");
    bench.client.stop_instances().instance_ids(&id).send().await.unwrap();
    bench.wait_for_state(&id, "stopped").await;
    modify().ena_support(off()).send().await.unwrap();
    let on = AttributeBooleanValue::builder().value(true).build();
    modify().ebs_optimized(on).send().await.unwrap();
    let instance = bench.instance(&id).await;
    assert_eq!((instance.ena_support(), instance.ebs_optimized()), (Some(false), Some(true)));
    let body = format!("Action=DescribeInstanceAttribute&InstanceId={id}&Attribute=EnaSupport");
    let answer = call(&bench.endpoint, &body).await;
    assert!(answer.contains("<enaSupport><value>false</value></enaSupport>"), "{answer}");
}

#[tokio::test]
async fn an_image_is_as_it_was_registered() {
    let bench = Bench::new().await;
    let snapshots = bench.client.describe_snapshots().send().await.unwrap();
    let snapshot = snapshots.snapshots()[0].snapshot_id().unwrap().to_owned();
    let root = |size: i32| {
        let ebs = EbsBlockDevice::builder().snapshot_id(&snapshot).volume_size(size).build();
        BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(ebs).build()
    };
    let register = |name: &str| {
        let request = bench.client.register_image().name(name).root_device_name("/dev/xvda");
        request.block_device_mappings(root(20))
    };
    let ephemeral =
        BlockDeviceMapping::builder().device_name("/dev/xvdb").virtual_name("ephemeral0").build();
    let request = register("new").virtualization_type("hvm").ena_support(true);
    let request = request.boot_mode("uefi-preferred".into()).imds_support("v2.0".into());
    let new = request.block_device_mappings(ephemeral).send().await.unwrap().image_id.unwrap();
    let answer = bench.client.describe_images().image_ids(&new).send().await.unwrap();
    let image = &answer.images()[0];
    assert_eq!(image.block_device_mappings()[0].ebs().unwrap().volume_size(), Some(20));
    assert_eq!(image.block_device_mappings()[1].virtual_name(), Some("ephemeral0"));
    assert_eq!(image.boot_mode().unwrap().as_str(), "uefi-preferred");
    assert_eq!(image.imds_support().unwrap().as_str(), "v2.0");
    assert_eq!(image.platform_details(), Some("Linux/UNIX"));
    assert_eq!(image.usage_operation(), Some("RunInstances"));
    let small = bench.client.register_image().name("small").root_device_name("/dev/xvda");
    assert_eq!(
        code(small.block_device_mappings(root(1)).send().await),
        "InvalidBlockDeviceMapping"
    );
    // Whoever says nothing gets what EC2 gives.
    let old = register("old").send().await.unwrap().image_id.unwrap();
    let answer = bench.client.describe_images().image_ids(&old).send().await.unwrap();
    assert_eq!(answer.images()[0].virtualization_type().unwrap().as_str(), "paravirtual");
    let run = bench.client.run_instances().image_id(&old).instance_type(InstanceType::T3Micro);
    let refused = run.min_count(1).max_count(1).send().await;
    assert_eq!(code(refused), "InvalidParameterCombination");
}

#[tokio::test]
async fn a_type_of_another_architecture_does_not_start() {
    let bench = Bench::new().await;
    let run = bench.client.run_instances().image_id(bench.base().await);
    let run = run.instance_type(InstanceType::T4gMicro).min_count(1).max_count(1);
    let error = run.send().await.unwrap_err().into_service_error();
    let text = error.meta().message().unwrap();
    assert!(text.starts_with("The architecture 'arm64' of the specified instance type"), "{text}");
}

#[tokio::test]
async fn a_snapshot_that_is_named_for_a_device_is_the_images_own_or_refused() {
    let bench = Bench::new().await;
    let base = bench.base().await;
    let answer = bench.client.describe_images().image_ids(&base).send().await.unwrap();
    let own = answer.images()[0].block_device_mappings()[0].ebs().unwrap().snapshot_id().unwrap();
    let run = |snapshot: &str| {
        let ebs = EbsBlockDevice::builder().snapshot_id(snapshot).build();
        let root = BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(ebs).build();
        let run = bench.client.run_instances().image_id(&base).min_count(1).max_count(1);
        run.instance_type(InstanceType::T3Micro).block_device_mappings(root).send()
    };
    run(own).await.unwrap();
    assert_eq!(code(run("snap-0123456789abcdef0").await), "InvalidSnapshot.NotFound");
    let instance = bench.running_instance().await;
    bench.image_of(&instance, "other").await;
    let snapshots = bench.client.describe_snapshots().send().await.unwrap();
    let mut ids = snapshots.snapshots().iter().filter_map(|it| it.snapshot_id());
    let other = ids.find(|id| *id != own).unwrap().to_owned();
    assert_eq!(code(run(&other).await), "InvalidBlockDeviceMapping");
}

#[tokio::test]
async fn images_of_others_are_told_as_on_ec2() {
    let bench = Bench::new().await;
    let old = import(&bench, "others-old", "111122223333", Some("2020-01-01T00:00:00Z")).await;
    let new = import(&bench, "others-new", "amazon", None).await;
    let ids = async |request: aws_sdk_ec2::operation::describe_images::builders::DescribeImagesFluentBuilder| {
        let answer = request.filters(filter("name", "others-*")).send().await.unwrap();
        answer.images().iter().filter_map(|it| it.image_id().map(String::from)).collect::<Vec<_>>()
    };
    let all = || bench.client.describe_images();
    assert_eq!(ids(all()).await, std::slice::from_ref(&new));
    let mut with_deprecated = ids(all().include_deprecated(true)).await;
    with_deprecated.sort();
    let mut both = [old.clone(), new.clone()];
    both.sort();
    assert_eq!(with_deprecated, both);
    assert_eq!(ids(all().owners("amazon")).await, std::slice::from_ref(&new));
    assert!(ids(all().owners("self")).await.is_empty());
    assert_eq!(ids(all().executable_users("all")).await, std::slice::from_ref(&new));
    assert!(ids(all().executable_users("self")).await.is_empty());
    let answer = all().image_ids(&new).send().await.unwrap();
    assert_eq!(answer.images()[0].image_owner_alias(), Some("amazon"));
    // They may be launched, also when deprecated, and changed by nobody else.
    for id in [&old, &new] {
        bench.launch(id).await;
    }
    let change = bench.client.deregister_image().image_id(&new).send().await;
    assert_eq!(code(change), "AuthFailure");
    let snapshots = bench.client.describe_snapshots().send().await.unwrap();
    assert_eq!(snapshots.snapshots().len(), 1, "only one's own");
    let restorable = bench.client.describe_snapshots().restorable_by_user_ids("111122223333");
    assert!(restorable.send().await.unwrap().snapshots().is_empty());
}

#[tokio::test]
async fn an_image_that_is_gone_is_told_from_one_that_never_was() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let mine = bench.launch(&image).await;
    let deregister = |id: &str| bench.client.deregister_image().image_id(id).send();
    assert_eq!(code(deregister("ami-0123456789abcdef0").await), "InvalidAMIID.NotFound");
    deregister(&image).await.unwrap();
    assert_eq!(code(deregister(&image).await), "InvalidAMIID.Unavailable");
    let describe = || bench.client.describe_images().image_ids(&image).send();
    assert!(describe().await.unwrap().images().is_empty(), "an instance of it runs");
    bench.client.terminate_instances().instance_ids(&mine).send().await.unwrap();
    bench.wait_for_state(&mine, "terminated").await;
    assert_eq!(code(describe().await), "InvalidAMIID.NotFound");
}

#[tokio::test]
async fn attributes_of_images_have_the_names_that_clients_write() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    let image = bench.image_of(&instance, "one").await;
    let ask =
        async |more: &str| call(&bench.endpoint, &format!("Action={more}&ImageId={image}")).await;
    let answer = ask("ModifyImageAttribute&Attribute=LaunchPermission&UserId.1=12").await;
    assert!(answer.contains("<Code>InvalidUserID.Malformed</Code>"), "{answer}");
    let answer = ask("ModifyImageAttribute&Attribute=LaunchPermission&UserGroup.1=foo").await;
    assert!(answer.contains("<Code>InvalidParameterValue</Code>"), "{answer}");
    let answer = ask("ModifyImageAttribute&Attribute=Description&Value=new").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = ask("ModifyImageAttribute&ImdsSupport.Value=v2.0").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = ask("DescribeImageAttribute&Attribute=ImdsSupport").await;
    assert!(answer.contains("<imdsSupport><value>v2.0</value>"), "{answer}");
    let answer = ask("ModifyImageAttribute&ProductCode.1=abc").await;
    assert!(answer.contains("<Code>Unsupported</Code>"), "{answer}");
    let codes = bench.client.describe_image_attribute().image_id(&image);
    let codes = codes.attribute(ImageAttributeName::ProductCodes).send().await.unwrap();
    assert!(codes.product_codes().is_empty());
    let account = LaunchPermission::builder().user_id("111122223333").build();
    let add = LaunchPermissionModifications::builder().add(account).build();
    let modify = bench.client.modify_image_attribute().image_id(&image).launch_permission(add);
    modify.send().await.unwrap();
    let shared = bench.client.describe_images().executable_users("111122223333");
    assert_eq!(shared.send().await.unwrap().images().len(), 1);
}

#[tokio::test]
async fn a_tag_with_an_empty_value_is_deleted_where_it_is_empty() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let tagged = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let create = bench.client.create_tags().resources(&id);
    create.tags(tagged("full", "x")).tags(tagged("empty", "")).send().await.unwrap();
    let delete = bench.client.delete_tags().resources(&id);
    delete.tags(tagged("full", "")).tags(tagged("empty", "")).send().await.unwrap();
    let left = bench.instance(&id).await;
    let keys: Vec<&str> = left.tags().iter().filter_map(|tag| tag.key()).collect();
    assert_eq!(keys, ["full"]);
}

#[tokio::test]
async fn networks_and_zones_are_whole() {
    let bench = Bench::new().await;
    let vpcs = bench.client.describe_vpcs().send().await.unwrap();
    let vpc = vpcs.vpcs()[0].vpc_id().unwrap();
    bench.client.create_tags().resources(vpc).tags(tag("team", "ci")).send().await.unwrap();
    let tagged = bench.client.describe_vpcs().filters(filter("tag:team", "ci")).send().await;
    let tagged = tagged.unwrap();
    assert_eq!(tagged.vpcs()[0].tags()[0].value(), Some("ci"));
    assert!(tagged.vpcs()[0].cidr_block_association_set()[0].association_id().is_some());
    let subnets = bench.client.describe_subnets().send().await.unwrap();
    assert_eq!(subnets.subnets()[0].availability_zone_id(), Some("use1-az1"));
    let zones = bench.client.describe_availability_zones().zone_ids("use1-az1").send().await;
    assert_eq!(zones.unwrap().availability_zones()[0].zone_id(), Some("use1-az1"));
}

#[tokio::test]
async fn a_prefix_list_that_is_not_there_is_named() {
    let bench = Bench::new().await;
    let list = PrefixListId::builder().prefix_list_id("pl-0123456789abcdef0").build();
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22);
    let authorize = bench.client.authorize_security_group_ingress().group_name("default");
    let refused = authorize.ip_permissions(rule.prefix_list_ids(list).build()).send().await;
    assert_eq!(code(refused), "InvalidPrefixListID.NotFound");
}

#[tokio::test]
async fn keys_have_the_fingerprints_that_ec2_documents() {
    let bench = Bench::new().await;
    let create = |name: &str, kind: &str| {
        bench.client.create_key_pair().key_name(name).key_type(kind.into()).send()
    };
    let rsa = create("rsa", "rsa").await.unwrap();
    // SHA-1 of the private key in DER: 20 bytes.
    assert_eq!(rsa.key_fingerprint().unwrap().split(':').count(), 20);
    let other = create("ed", "ed25519").await.unwrap();
    let text = other.key_fingerprint().unwrap();
    assert!(text.len() == 44 && text.ends_with('='), "{text}");
    // What `ssh-keygen -E md5 -l` tells of the public key of an RSA key made elsewhere.
    let body = format!("Action=ImportKeyPair&KeyName=old&PublicKeyMaterial={IMPORTED_KEY}");
    let answer = call(&bench.endpoint, body).await;
    assert_eq!(element(&answer, "keyFingerprint"), Some(IMPORTED_FINGERPRINT), "{answer}");
}

#[tokio::test]
async fn regions_services_and_versions_must_exist() {
    let bench = Bench::new().await;
    let body = "Action=DescribeImages&Version=2016-11-15";
    let answer = call_of(&bench.endpoint, "0", "ec2", body).await;
    assert!(answer.contains("Credential should be scoped to a valid region"), "{answer}");
    let answer = call_of(&bench.endpoint, "us-east-1", "s3", body).await;
    assert!(answer.contains("should be scoped to correct service"), "{answer}");
    let answer = call(&bench.endpoint, "Action=DescribeImages&Version=1999-01-01").await;
    assert!(answer.contains("<Code>NoSuchVersion</Code>"), "{answer}");
    let old = call(&bench.endpoint, "Action=DescribeImages&Version=2014-10-01").await;
    assert!(old.starts_with("HTTP/1.1 200 "), "{old}");
    let answer = call(&bench.endpoint, "Action=DescribeRegions&RegionName.1=0").await;
    assert!(answer.contains("<Code>InvalidParameterValue</Code>"), "{answer}");
}

#[tokio::test]
async fn signatures_are_taken_in_a_query_and_the_second_version_is_named() {
    let bench = Bench::new().await;
    let answer = presigned(&bench.endpoint, "Action=DescribeImages&Version=2016-11-15").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let body = "Action=DescribeImages&SignatureVersion=2&AWSAccessKeyId=x&Signature=y";
    let answer = send(&bench.endpoint, "", body).await;
    assert!(answer.contains("Signature Version 2 is not supported"), "{answer}");
    // A date besides the one that is signed.
    let body = "Action=DescribeImages&Timestamp=2026-11-29T00%3A00%3A00Z";
    let headers = signature(&bench.endpoint, body, SystemTime::now());
    assert!(send(&bench.endpoint, &headers, body).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_text_that_looks_like_an_id_is_a_text() {
    let bench = Bench::new().await;
    let id = bench.running_instance().await;
    let there = call_of(
        &bench.endpoint,
        "eu-west-1",
        "ec2",
        "Action=CreateSecurityGroup&GroupName=x&GroupDescription=x",
    )
    .await;
    let elsewhere = element(&there, "groupId").unwrap();
    let body = format!("Action=CreateTags&ResourceId.1={id}&Tag.1.Key={elsewhere}&Tag.1.Value=x");
    let answer = call(&bench.endpoint, &body).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = run(&bench, &format!("&ClientToken={elsewhere}")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let unknown = call(
        &bench.endpoint,
        "Action=CopySnapshot&SourceSnapshotId=snap-0123456789abcdef0&SourceRegion=eu-west-1",
    )
    .await;
    assert!(unknown.contains("<Code>InvalidAction</Code>"), "{unknown}");
}

#[tokio::test]
async fn other_services_get_answers_that_their_clients_read() {
    let bench = Bench::new().await;
    let s3 = call_of(&bench.endpoint, "us-east-1", "s3", "").await;
    assert!(s3.contains("<Error><Code>NotImplemented</Code>"), "{s3}");
    let iam = "Action=ListUsers&Version=2010-05-08";
    let iam = call_of(&bench.endpoint, "us-east-1", "iam", iam).await;
    assert!(iam.contains("<ErrorResponse>") && iam.contains("InvalidAction"), "{iam}");
    let eks = call_of(&bench.endpoint, "us-east-1", "eks", "").await;
    assert!(eks.contains("application/json") && eks.contains("not served"), "{eks}");
}

#[tokio::test]
async fn user_data_may_have_line_ends() {
    let bench = Bench::new().await;
    let answer = run(&bench, "&UserData=aGVs%0AbG8%3D%0A").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let refused = run(&bench, "&UserData=%21").await;
    assert!(refused.contains("<Code>InvalidParameterValue</Code>"), "{refused}");
    assert!(refused.contains("Invalid BASE64 encoding of user data"), "{refused}");
}
