//! What is left after the worst, and that it goes.

use crate::farm::{Farm, wait_for_line};
use crate::regions::aws;

#[test]
fn what_a_killed_bake_left_is_swept_when_its_lease_has_ended() {
    let farm = Farm::with_example(&["--delays", "image=60s"]);
    farm.edit("amiable.toml", "# timeouts = {", "timeouts = { bake = \"2s\" } # {");
    let before = farm.amiable(&["sweep", "--yes"]);
    let mut bake = farm.spawn(&["create", "agent"]);
    wait_for_line(&mut bake, "image ami-");
    bake.kill().unwrap();
    bake.wait().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(3100));
    let all = [
        before,
        farm.amiable(&["sweep", "--dry-run"]),
        farm.amiable(&["sweep"]),
        farm.amiable(&["sweep", "--yes"]),
        farm.amiable(&["sweep", "--yes"]),
        farm.amiable(&["list"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 1, "only the base");
}

#[test]
fn what_a_bake_under_way_owns_is_never_swept() {
    let farm = Farm::with_example(&["--delays", "image=2s"]);
    farm.stdout(&["create", "agent", "-q"]);
    let mut bake = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut bake, "image ami-");
    let swept = farm.amiable(&["sweep", "--yes"]);
    assert!(swept.contains("there are no leftovers in namespace ci"), "{swept}");
    assert!(bake.wait().unwrap().success());
}

#[test]
fn a_bake_ends_with_its_lease() {
    let farm = Farm::with_example(&["--delays", "ssh=60s"]);
    farm.edit("amiable.toml", "# timeouts = {", "timeouts = { bake = \"2s\" } # {");
    insta::assert_snapshot!(farm.amiable(&["create", "agent"]));
    farm.wait_until_empty();
}

#[test]
fn an_image_that_the_bakes_limit_cut_off_is_gone_on_with() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "# timeouts = {", "timeouts = { bake = \"6s\" } # {");
    farm.stdout(&["local", "fault", "--call", "CreateImage=wait:20s,after,times=1"]);
    let cut = farm.amiable(&["create", "agent", "--no-verify"]);
    assert!(cut.contains("gave up after 6 s: the bake as a whole did not end"), "{cut}");
    assert!(cut.contains("[AMI 2] stays pending: the same command resumes from it"), "{cut}");
    farm.edit("amiable.toml", "bake = \"6s\"", "bake = \"1h\"");
    let again = farm.amiable(&["create", "agent"]);
    assert!(again.contains("agent: [AMI 2] is current (generation 1)"), "{again}");
    farm.wait_until_empty();
}

/// EC2 keeps such volumes when an instance ends; the AMI says the same of its own instances.
#[test]
fn volumes_that_would_outlive_their_instance_go_with_a_bakes_own() {
    let farm = Farm::with_example(&[]);
    let aws = |args: &str| aws(&farm, "us-east-1", &format!("ec2 {args}"));
    let snapshot = "Images[0].BlockDeviceMappings[0].Ebs.SnapshotId";
    let snapshot = aws(&format!("describe-images --owners self --query {snapshot}"));
    let device = |name: &str| {
        let ebs = format!(r#"{{"SnapshotId":"{snapshot}","DeleteOnTermination":false}}"#);
        format!(r#"{{"DeviceName":"{name}","Ebs":{ebs}}}"#)
    };
    let mappings = format!("[{},{}]", device("/dev/sda1"), device("/dev/sdb"));
    aws(&format!(
        "register-image --name debian-99 --root-device-name /dev/sda1 --architecture x86_64 \
         --virtualization-type hvm --block-device-mappings {mappings}"
    ));
    let volumes = || aws("describe-volumes --query length(Volumes)");
    let ami = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    farm.wait_until_empty();
    assert_eq!(volumes(), "0", "the builder's and the verifier's");
    let lasting = "Images[0].BlockDeviceMappings[].Ebs.DeleteOnTermination";
    let lasting = aws(&format!("describe-images --image-ids {ami} --query {lasting}"));
    assert_eq!(lasting, "False\tFalse");
    // What is tagged as a dead bake's and free is found when its lease has ended.
    let tags = "{Key=amiable:namespace,Value=ci},{Key=amiable:lease,Value=2026-01-01T00:00:00Z}";
    let tags = format!("ResourceType=volume,Tags=[{tags}]");
    let run = format!("run-instances --instance-type t2.small --image-id {ami}");
    let query = "--query Instances[0].InstanceId";
    let instance = aws(&format!("{run} --tag-specifications {tags} {query}"));
    aws(&format!("terminate-instances --instance-ids {instance}"));
    farm.wait_until_empty();
    assert_eq!(volumes(), "2");
    let swept = farm.amiable(&["sweep", "--yes"]);
    assert!(swept.contains("deleted [VOL 1]") && swept.contains("deleted [VOL 2]"), "{swept}");
    assert_eq!(volumes(), "0");
}

/// A clean-up of tags may take those that say what an AMI is.
#[test]
fn an_ami_that_was_verified_or_that_an_instance_runs_from_is_not_swept() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "# timeouts = {", "timeouts = { bake = \"2s\" } # {");
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    let aws = |args: &str| aws(&farm, "us-east-1", &format!("ec2 {args}"));
    let untag = |key: &str| aws(&format!("delete-tags --resources {first} --tags Key={key}"));
    untag("amiable:promoted");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let swept = farm.amiable(&["sweep", "--yes"]);
    assert!(swept.contains("there are no leftovers in namespace ci"), "{swept}");
    untag("amiable:verified");
    let run = format!("run-instances --instance-type t2.small --image-id {first}");
    let instance = aws(&format!("{run} --query Instances[0].InstanceId"));
    let swept = farm.amiable(&["sweep", "--yes"]);
    let why = "was not removed: the instance [INSTANCE 1] (running) was started from it";
    assert!(swept.contains("status: 1") && swept.contains(why), "{swept}");
    assert_eq!(farm.status()["images"], 3);
    aws(&format!("terminate-instances --instance-ids {instance}"));
    farm.wait_until_empty();
    let swept = farm.amiable(&["sweep", "--yes"]);
    assert!(swept.contains("deregistered"), "{swept}");
}
