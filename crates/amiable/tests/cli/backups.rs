//! Templates whose AMIs keep one name.

use rustix::process::{Pid, Signal, kill_process};

use crate::farm::{Farm, wait_for_line};

/// A farm whose one template gives all its AMIs the same name.
fn farm() -> Farm {
    let farm = Farm::with_example(&[]);
    farm.edit(
        "amiable.toml",
        "{namespace}-{system}-{os}-{arch}-{date}-{generation}",
        "ab-{template}",
    );
    farm
}

#[test]
fn the_ami_that_has_the_name_is_copied_before_the_next_one_gets_it() {
    let farm = farm();
    let steps: [&[&str]; 8] = [
        &["create", "agent", "-q"],
        &["update", "agent"],
        &["list"],
        &["update", "agent", "-q"],
        &["rollback", "agent"],
        &["info", "agent"],
        &["update", "agent", "-q"],
        &["list"],
    ];
    let all: Vec<String> = steps.iter().map(|args| farm.amiable(args)).collect();
    insta::assert_snapshot!(all.join("\n"));
    let status = farm.status();
    assert_eq!((&status["images"], &status["snapshots"]), (&5.into(), &5.into()));
}

#[test]
fn a_name_that_another_image_has_is_not_taken_from_it() {
    let farm = farm();
    let register = ["ec2", "register-image", "--name", "ab-agent", "--image-location", "b/m.xml"];
    let output = farm.command("aws", &register).envs(farm.endpoint_env()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    insta::assert_snapshot!(farm.amiable(&["create", "agent"]));
    farm.wait_until_empty();
}

#[test]
fn an_ami_that_failed_verification_gives_the_name_up_too() {
    let farm = farm();
    farm.stdout(&["create", "agent", "-q"]);
    farm.edit("amiable.toml", "# verify = \"verify\"", "verify = \"verify\" #");
    farm.write("init/verify", "#!/bin/sh\n");
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--answer", "file=./verify=4"]);
    let failed = farm.amiable(&["update", "agent", "-q"]);
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start"]);
    let all = [failed, farm.amiable(&["update", "agent", "-q"]), farm.amiable(&["list"])];
    insta::assert_snapshot!(all.join("\n"));
}

/// Images take long here, so that every look in between tells something.
#[test]
fn at_each_instant_the_old_one_or_its_copy_is_available() {
    let farm = farm();
    farm.stdout(&["create", "agent", "-q"]);
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--delays", "image=1s"]);
    let mut update = farm.spawn(&["update", "agent"]);
    let mut seen = std::collections::BTreeSet::new();
    while update.try_wait().unwrap().is_none() {
        // This fails when there is none that is available.
        seen.insert(farm.current("agent"));
    }
    assert!(update.wait().unwrap().success());
    seen.insert(farm.current("agent"));
    assert_eq!(seen.len(), 3, "the old one, its copy, the new one: {seen:?}");
}

#[test]
fn an_interrupt_while_the_copy_is_made_undoes_the_copy() {
    let farm = farm();
    farm.stdout(&["create", "agent", "-q"]);
    let before = farm.amiable(&["list"]);
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--delays", "image=60s"]);
    let mut update = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut update, "  copy of ami-");
    kill_process(Pid::from_child(&update), Signal::INT).unwrap();
    assert_eq!(update.wait().unwrap().code(), Some(130));
    assert_eq!(farm.amiable(&["list"]), before);
    farm.wait_until_empty();
    assert_eq!(farm.status()["snapshots"], 2, "the base's and the AMI's");
}

/// Before anything is started: its id would be another one afterwards.
#[test]
fn an_ami_that_is_protected_or_may_be_used_by_its_id_keeps_its_name() {
    let farm = farm();
    let ami = farm.stdout(&["create", "agent", "-q"]);
    farm.wait_until_empty();
    farm.stdout(&["local", "fault", "--call", "DescribeImageReferences=UnauthorizedOperation"]);
    let unknown = farm.amiable(&["update", "agent"]);
    farm.stdout(&["local", "fault", "--off"]);
    crate::deletions::protect(&farm, ami.trim());
    insta::assert_snapshot!([unknown, farm.amiable(&["update", "agent"])].join("\n"));
    assert!(farm.status()["instances"].as_array().unwrap().is_empty(), "nothing was started");
}
