//! Delete.

use std::time::Duration;

use crate::farm::Farm;

/// Registers an image by hand, as someone else's tool would.
fn register(farm: &Farm, name: &str, snapshot: &str) -> String {
    let mapping = format!("DeviceName=/dev/xvda,Ebs={{SnapshotId={snapshot}}}");
    let args = [
        "ec2",
        "register-image",
        "--name",
        name,
        "--root-device-name",
        "/dev/xvda",
        "--block-device-mappings",
        &mapping,
        "--output",
        "text",
    ];
    let output = farm.command("aws", &args).envs(farm.endpoint_env()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_previous_ami_is_deleted_and_the_current_one_is_not() {
    let farm = Farm::with_example(&[]);
    let previous = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let current = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    let all = [
        farm.amiable(&["delete", &current, "--yes"]),
        farm.amiable(&["delete", &previous]),
        farm.amiable(&["delete", &previous, &current, "--yes"]),
        farm.amiable(&["delete", &previous, "--yes"]),
        farm.amiable(&["delete", &previous, "--yes"]),
        farm.amiable(&["list"]),
        farm.amiable(&["delete", "agent", "--yes"]),
        farm.amiable(&["delete", &current, "--yes", "--force", "--quiet"]),
        farm.amiable(&["list"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
    assert_eq!(farm.status()["snapshots"], 1, "only the base's");
}

#[test]
fn an_image_of_others_is_refused_and_a_shared_snapshot_stays() {
    let farm = Farm::with_example(&[]);
    let ours = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let info = farm.stdout(&["info", "agent", "--output", "json"]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let theirs = register(&farm, "theirs", info["snapshots"][0].as_str().unwrap());
    let all = [
        farm.amiable(&["delete", &theirs, "--yes"]),
        farm.amiable(&["delete", &ours, "--yes", "--force"]),
        farm.amiable(&["list"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
    assert_eq!(farm.status()["snapshots"], 2, "the base's and the shared one");
}

/// Killed or cut off after the AMI is gone: the same command again deletes the rest.
#[test]
fn an_interrupted_deletion_is_finished_by_the_same_command() {
    let farm = Farm::with_example(&[]);
    let ami = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["local", "fault", "--call", "DeleteSnapshot=UnauthorizedOperation,times=1"]);
    let all = [
        farm.amiable(&["delete", &ami, "--yes", "--force"]),
        farm.amiable(&["delete", &ami, "--yes"]),
        farm.amiable(&["delete", &ami, "--yes"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
    assert_eq!(farm.status()["snapshots"], 1, "only the base's");
}

#[test]
fn a_dry_run_shows_the_plan_and_deletes_nothing() {
    let farm = Farm::with_example(&[]);
    let ami = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let all = [
        farm.amiable(&["delete", &ami, "--dry-run"]),
        farm.amiable(&["delete", &ami, "--dry-run", "--output", "json"]),
        farm.amiable(&["delete", &ami, "--output", "json"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
    assert_eq!(farm.status()["images"], 2);
}

#[test]
fn what_is_in_use_or_protected_or_cannot_be_looked_up_is_refused() {
    let farm = Farm::with_example(&[]);
    let used = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    let aws = |args: &[&str]| {
        let output = farm.command("aws", args).envs(farm.endpoint_env()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let run = ["ec2", "run-instances", "--image-id", &used, "--instance-type", "t3.micro"];
    let query = ["--output", "text", "--query", "Instances[0].InstanceId"];
    let instance = aws(&[&run[..], &query].concat());
    let mut all = vec![farm.amiable(&["delete", &used, "--yes"])];
    aws(&["ec2", "terminate-instances", "--instance-ids", &instance]);
    farm.wait_until_empty();
    farm.stdout(&["local", "fault", "--call", "DescribeInstances=UnauthorizedOperation"]);
    all.push(farm.amiable(&["delete", &used, "--dry-run"]));
    farm.stdout(&["local", "fault", "--off"]);
    // Debian's aws does not know the action yet, so the endpoint is asked by name.
    protect(&farm, &used);
    all.push(farm.amiable(&["delete", &used, "--yes"]));
    all.push(farm.amiable(&["delete", &used, "--yes", "--force"]));
    insta::assert_snapshot!(all.join("\n"));
}

/// Switches deregistration protection on.
pub(crate) fn protect(farm: &Farm, image: &str) {
    call(farm, "EnableImageDeregistrationProtection", image);
}

/// Makes a call about an image whose action Debian's boto3 does not know.
fn call(farm: &Farm, action: &str, image: &str) {
    let script = "import boto3, sys\n\
        client = boto3.client('ec2', endpoint_url=sys.argv[1])\n\
        client.meta.events.register('before-call.ec2', lambda params, **k: params['body'].update(Action=sys.argv[3]))\n\
        client.deregister_image(ImageId=sys.argv[2])\n";
    let env = farm.endpoint_env();
    let url = &env.iter().find(|(key, _)| key == "AWS_ENDPOINT_URL").unwrap().1;
    let mut command = farm.command("/usr/bin/python3", &["-c", script, url, image, action]);
    let output = command.envs(env.clone()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_a_bake_under_way_makes_is_not_deleted() {
    let farm = Farm::with_example(&["--delays", "image=3s"]);
    let mut bake = farm.spawn(&["create", "agent"]);
    let seen = crate::farm::wait_for_line(&mut bake, "  image ami-");
    let (_, image) = seen.split_once("  image ").unwrap();
    let refused = farm.amiable(&["delete", &image[..21], "--yes"]);
    assert!(
        refused.contains("status: 1") && refused.contains("that bake is making it"),
        "{refused}"
    );
    assert!(bake.wait().unwrap().success());
}

#[test]
fn an_ami_that_somebody_has_disabled_is_seen_and_its_generation_does_not_come_again() {
    let farm = Farm::with_example(&[]);
    let disabled = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    call(&farm, "DisableImage", &disabled);
    let all = [
        farm.amiable(&["list"]),
        farm.amiable(&["update", "agent", "-q"]),
        farm.amiable(&["create", "agent", "-q"]),
        farm.amiable(&["list"]),
        farm.amiable(&["rollback", "agent"]),
        farm.amiable(&["delete", &disabled, "--yes"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_was_deleted_comes_back_from_the_recycle_bin() {
    let farm = Farm::with_example(&["--recycle-bin", "7d"]);
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    let told = [
        farm.amiable(&["delete", &first, "--yes"]),
        farm.amiable(&["list"]),
        farm.amiable(&["restore", &first]),
        farm.amiable(&["list"]),
        farm.amiable(&["restore", &first]),
        farm.amiable(&["restore", "ami-0123456789abcdef0"]),
        farm.amiable(&["rollback", "agent"]),
    ];
    let day = vec![(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC", "until [TIME]")];
    insta::with_settings!({ filters => day }, { insta::assert_snapshot!(told.join("\n")) });
    assert_eq!(farm.current("agent"), first);
    farm.wait_until_empty();
}

/// The snapshots come first: what breaks off after them is gone on with.
#[test]
fn a_restore_that_broke_off_is_gone_on_with() {
    let farm = Farm::with_example(&["--recycle-bin", "7d"]);
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    farm.stdout(&["delete", &first, "--yes", "-q"]);
    for call in ["RestoreImageFromRecycleBin=InternalError", "CreateTags=InternalError"] {
        farm.stdout(&["local", "fault", "--call", call]);
        let text = farm.amiable(&["restore", &first]);
        assert!(text.contains("status: 1") && text.contains("InternalError"), "{text}");
    }
    farm.stdout(&["local", "fault", "--off"]);
    let text = farm.amiable(&["restore", &first]);
    assert!(text.contains("(generation 1) is restored as previous"), "{text}");
    assert_eq!(farm.status()["snapshots"], 3);
}

#[test]
fn other_accounts_that_use_a_shared_ami_keep_it() {
    let farm = Farm::with_example(&["--delays", "report=1s"]);
    let shared = "[template.agent]\nshare_with = [\"123456789012\"]\n";
    farm.edit("amiable.toml", "[template.agent]\n", shared);
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    let used =
        ["local", "used", &first, "--instances", "3", "--launch-templates", "1", "--account"];
    let used_by = |account| farm.amiable(&[&used[..], &[account]].concat());
    let mut told = vec![
        farm.amiable(&["info", &first]),
        used_by("210987654321"),
        used_by("123456789012"),
        farm.amiable(&["delete", &first, "--yes"]),
        farm.amiable(&["prune", "--yes", "--keep", "0", "--younger", "1ms"]),
    ];
    std::thread::sleep(Duration::from_millis(1100));
    told.extend([
        farm.amiable(&["delete", &first, "--yes"]),
        farm.amiable(&["info", &first]),
        farm.amiable(&["prune", "--yes", "--keep", "0", "--younger", "1ms"]),
    ]);
    farm.stdout(&["local", "fault", "--call", "DescribeImageUsageReports=UnauthorizedOperation"]);
    told.push(farm.amiable(&["prune", "--yes", "--keep", "0", "--younger", "1ms"]));
    farm.stdout(&["local", "fault", "--off"]);
    told.push(farm.amiable(&["delete", &first, "--yes", "--force"]));
    let ids = vec![(r"amiur-[0-9a-f]{17}", "[REPORT]")];
    insta::with_settings!({ filters => ids }, { insta::assert_snapshot!(told.join("\n")) });
}

/// What an error says differs each time, and is no news.
#[test]
fn force_deletes_though_users_cannot_be_looked_up() {
    let farm = Farm::with_example(&[]);
    let [first, second] = [1, 2].map(|_| farm.stdout(&["update", "agent", "-q"]));
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    farm.stdout(&["local", "fault", "--call", "DescribeImageReferences=UnauthorizedOperation"]);
    let refused = farm.amiable(&["delete", first.trim(), "--yes"]);
    assert!(refused.contains("status: 1") && refused.contains("could not be determined"));
    let deleted = farm.amiable(&["delete", first.trim(), "--yes", "--force"]);
    assert!(deleted.contains("status: 0") && deleted.contains("deregistered"), "{deleted}");
    farm.stdout(&["local", "fault", "--off"]);
    // The same command again deletes the rest.
    let again = farm.amiable(&["delete", first.trim(), second.trim(), "--yes"]);
    assert!(again.contains("status: 0") && again.contains("there is no "), "{again}");
    assert_eq!(farm.status()["images"], 2);
}
