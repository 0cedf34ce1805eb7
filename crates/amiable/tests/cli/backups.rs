//! Templates whose AMIs keep one name.

use crate::farm::Farm;

/// A farm whose one template gives all its AMIs the same name.
fn farm() -> Farm {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "{system}-{os}-{arch}-{date}-{generation}", "ab-{template}");
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
