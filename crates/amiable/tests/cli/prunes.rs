//! Cleaning up by reason.

use crate::farm::{DEFAULTS, Farm, JENKINS, wait_for_line};

#[test]
fn what_nothing_speaks_for_goes_and_all_else_is_explained() {
    let farm = Farm::with_example(&[]);
    for _ in 0..5 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    farm.stdout(&["update", "agent", "-q", "--no-verify"]);
    farm.wait_until_empty();
    let explain = ["prune", "--explain", "--keep", "1", "--younger", "1s"];
    let mut told = vec![farm.amiable(&["prune", "--dry-run"])];
    std::thread::sleep(std::time::Duration::from_secs(1));
    told.push(farm.amiable(&explain));
    let prune = |more: &[&str]| {
        farm.amiable(&[&["prune", "--keep", "1", "--younger", "1s"], more].concat())
    };
    told.push(prune(&[]));
    told.push(prune(&["--yes", "--limit", "2"]));
    told.push(prune(&["--yes"]));
    told.push(prune(&["--yes"]));
    told.push(farm.amiable(&["list"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_cannot_be_looked_up_keeps_everything() {
    let farm = Farm::with_example(&[]);
    for _ in 0..3 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    farm.wait_until_empty();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let fault = ["local", "fault", "--call", "DescribeImageReferences=UnauthorizedOperation"];
    farm.stdout(&fault);
    let prune = ["prune", "--yes", "--keep", "1", "--younger", "1s"];
    let mut told = vec![farm.amiable(&prune)];
    assert_eq!(farm.status()["images"], 4);
    farm.stdout(&["local", "fault", "--off"]);
    told.push(farm.amiable(&prune));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_was_launched_lately_is_kept_where_that_is_asked_for() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "[defaults]\n", "[defaults]\nkeep_launched = \"30d\"\n");
    for _ in 0..3 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    farm.wait_until_empty();
    std::thread::sleep(std::time::Duration::from_secs(1));
    // Each was launched to be verified.
    let prune = ["prune", "--yes", "--keep", "0", "--younger", "1ms"];
    let text = farm.amiable(&["prune", "--explain", "--keep", "0", "--younger", "1ms"]);
    let why =
        "an instance was started from it 0 min ago, and AMIs launched within 30 days are kept";
    assert_eq!(text.matches(why).count(), 3, "{text}");
    farm.edit("amiable.toml", "keep_launched = \"30d\"\n", "");
    assert!(farm.amiable(&prune).contains("2 of "));
}

#[test]
fn what_goes_is_retired_first_where_that_is_asked_for_and_taken_back_when_it_is_needed() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "[defaults]\n", "[defaults]\nretire_after = \"2s\"\n");
    for _ in 0..4 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    farm.wait_until_empty();
    let prune = |keep: &str| farm.amiable(&["prune", "--yes", "--keep", keep, "--younger", "1ms"]);
    let pause = || std::thread::sleep(std::time::Duration::from_millis(2100));
    let mut told = vec![prune("1"), prune("1")];
    pause();
    told.push(prune("1"));
    // Of the two that are disabled one is needed after all.
    told.extend([prune("2"), farm.amiable(&["list"])]);
    told.push(farm.amiable(&["rollback", "agent", "--to", "1"]));
    told.push(farm.amiable(&["rollback", "agent", "--to", "4"]));
    told.push(prune("1"));
    pause();
    told.push(prune("1"));
    pause();
    told.push(prune("1"));
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(farm.status()["images"], 3);
}

/// Without it `plan` would bake the same again, and make it current.
#[test]
fn what_was_rolled_back_is_kept_whatever_the_rules_say() {
    let farm = Farm::with_example(&[]);
    for _ in 0..2 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    farm.write("init/setup-agent", "#!/bin/sh\necho broken\n");
    farm.stdout(&["update", "agent", "-q"]);
    farm.stdout(&["rollback", "agent", "-q"]);
    farm.wait_until_empty();
    let told = farm.amiable(&["prune", "--explain", "--keep", "0", "--younger", "1ms"]);
    assert!(told.contains("it was rolled back; while it exists"), "{told}");
    farm.stdout(&["prune", "--yes", "--keep", "0", "--younger", "1ms", "-q"]);
    let plan = farm.amiable(&["plan"]);
    assert!(plan.contains("on hold: this is what generation 3"), "{plan}");
    farm.stdout(&["update", "--all", "-q"]);
    assert!(farm.stdout(&["info", "agent"]).contains("generation    2"));
}

/// EC2 takes all launch permissions from what is disabled, and gives none back.
#[test]
fn what_is_taken_back_is_shared_again_and_is_not_rolled_to_before() {
    let farm = Farm::with_example(&[]);
    let shared = "[template.agent]\nshare_with = [\"123456789012\"]\n";
    farm.edit("amiable.toml", "[template.agent]\n", shared);
    farm.edit("amiable.toml", "[defaults]\n", "[defaults]\nretire_after = \"1s\"\n");
    let consumer =
        "[[template.agent.consumer]]\ntag = { channel = \"stable\" }\n[template.agent.metadata]";
    farm.edit("amiable.toml", "[template.agent.metadata]", consumer);
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    let prune = || {
        std::thread::sleep(std::time::Duration::from_millis(1100));
        farm.amiable(&["prune", "--yes", "--keep", "0", "--younger", "1ms"])
    };
    let may_launch = || {
        let args = format!(
            "ec2 describe-image-attribute --attribute launchPermission --image-id {first} \
             --query LaunchPermissions[].UserId"
        );
        crate::regions::aws(&farm, "us-east-1", &args)
    };
    assert!(
        prune().contains("EC2 is preparing the usage report"),
        "other accounts are asked about"
    );
    assert!(prune().contains("deprecated ["), "nobody there uses it");
    assert!(prune().contains("disabled ["));
    assert_eq!(may_launch(), "");
    let rolled = farm.amiable(&["roll", "agent", "--to", "1", "--write"]);
    assert!(rolled.contains("status: 1") && rolled.contains("it is disabled"), "{rolled}");
    let back = farm.amiable(&["rollback", "agent", "--to", "1"]);
    assert!(back.contains("status: 0"), "{back}");
    assert_eq!(may_launch(), "123456789012");
    assert_eq!(farm.current("agent"), first);
}

/// What follows the defaults.
const FLEET: &str = r#"keep = 1
keep_younger = "1s"
[template.agent]
[template.bad]
[template.busy]
[template.dead]
[template.gone]
[template.named]
[[template.named.consumer]]
jenkins = { file = "config.xml", agents = ["linux"] }
[template.waiting]
[template.young]
keep_younger = "30d"
"#;

/// The id of an AMI by its name.
fn named(farm: &Farm, name: &str) -> String {
    let text = farm.stdout(&["list", "--output", "json"]);
    let amis: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ami = amis.as_array().unwrap().iter().find(|ami| ami["name"] == name).unwrap();
    ami["ami"].as_str().unwrap().to_owned()
}

/// One that is current, was, comes before it, is protected, used, named, young, quarantined,
/// overtaken, waiting, being made, left by the dead, without a current one, and without a
/// template.
#[test]
fn a_fleet_with_every_kind_of_reason() {
    let farm = Farm::new(&["--answer", "file=./verify=4"]);
    farm.write("amiable.toml", &format!("{DEFAULTS}{FLEET}"));
    farm.write("init/setup", "#!/bin/sh\n");
    farm.write("init/verify", "#!/bin/sh\n");
    farm.write("config.xml", JENKINS);
    let update = |more: &[&str]| drop(farm.stdout(&[&["update", "-q"], more].concat()));
    for _ in 0..6 {
        update(&["agent"]);
    }
    update(&["agent", "--no-verify"]);
    update(&["agent"]);
    update(&["agent", "--no-verify"]);
    update(&["bad", "dead", "gone", "named", "young"]);
    update(&["young"]);
    update(&["young"]);
    update(&["named", "--no-roll"]);
    update(&["named", "--no-roll"]);
    update(&["waiting", "--no-verify"]);
    farm.edit("amiable.toml", "[template.bad]\n", "[template.bad]\nverify = \"verify\"\n");
    assert!(farm.amiable(&["update", "bad", "-q"]).contains("is quarantined"));
    farm.edit("amiable.toml", "[template.gone]\n", "");
    crate::deletions::protect(&farm, &named(&farm, "agent-2"));
    let run = format!(
        "ec2 run-instances --instance-type t3.micro --image-id {}",
        named(&farm, "agent-3")
    );
    crate::regions::aws(&farm, "us-east-1", &run);
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--delays", "image=60s"]);
    let mut busy = farm.spawn(&["update", "busy"]);
    wait_for_line(&mut busy, "  image ami-");
    let mut dead = farm.spawn(&["update", "dead"]);
    wait_for_line(&mut dead, "  image ami-");
    dead.kill().unwrap();
    dead.wait().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let mut told = vec![farm.amiable(&["prune", "--explain", "--limit", "4"])];
    told.push(farm.amiable(&["prune", "--yes", "--limit", "4"]));
    told.push(farm.amiable(&["prune", "--yes"]));
    told.push(farm.amiable(&["prune", "--yes"]));
    told.push(farm.amiable(&["list"]));
    busy.kill().unwrap();
    busy.wait().unwrap();
    insta::assert_snapshot!(told.join("\n"));
}
