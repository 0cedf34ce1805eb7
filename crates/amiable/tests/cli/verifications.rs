//! New AMIs are proven before they are current.

use crate::accesses::ec2;
use crate::farm::Farm;

/// A farm whose template has a verify script that exits with `status`.
fn farm_with_verify(status: u32) -> Farm {
    let farm = Farm::with_example(&["--answer", &format!("file=./verify={status}")]);
    farm.write("init/verify", "#!/bin/sh\n");
    farm.edit(
        "amiable.toml",
        "script = \"setup-agent\"",
        "script = \"setup-agent\"\nverify = \"verify\"",
    );
    farm
}

fn all(farm: &Farm, steps: &[&[&str]]) -> String {
    let all: Vec<String> = steps.iter().map(|args| farm.amiable(args)).collect();
    all.join("\n")
}

#[test]
fn an_ami_that_fails_is_quarantined_and_the_current_one_stays() {
    let farm = farm_with_verify(0);
    farm.stdout(&["create", "agent", "-q"]);
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--answer", "file=./verify=4"]);
    insta::assert_snapshot!(all(
        &farm,
        &[
            &["update", "agent"],
            &["list"],
            &["rollback", "agent", "--to", "2"],
            &["verify", "agent", "-q"],
            &["sweep", "--yes"],
        ]
    ));
    let amis: serde_json::Value =
        serde_json::from_str(&farm.stdout(&["list", "--output", "json"])).unwrap();
    let bad = amis[0]["ami"].as_str().unwrap();
    insta::assert_snapshot!("quarantined_info", farm.amiable(&["info", bad]));
    // Whoever takes the newest by its name does not find it.
    let newest = || {
        let query = "reverse(sort_by(Images,&CreationDate))[0].ImageId";
        let name = "Name=name,Values=ci-jenkins-*";
        ec2(&farm, &["describe-images", "--owners", "self", "--filters", name, "--query", query])
    };
    assert_ne!(newest(), bad);
    // That stays so when somebody brings it back.
    farm.amiable(&["restore", bad]);
    assert_ne!(newest(), bad);
    farm.wait_until_empty();

    // What is repaired, or was never broken, can be proven again.
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start"]);
    assert!(farm.amiable(&["verify", bad]).contains("has passed verification and is current now"));
    assert_eq!(farm.current("agent"), bad);
    assert_eq!(newest(), bad);
    farm.wait_until_empty();
}

#[test]
fn that_there_is_no_login_says_nothing_of_the_ami() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "# timeouts = { boot = \"15m\",", "timeouts = { boot = \"3s\",");
    // The builder's login is the first.
    farm.stdout(&["local", "fault", "--call", "ssh-login=no,skip=1"]);
    let told = farm.amiable(&["create", "agent"]);
    farm.stdout(&["local", "fault", "--off"]);
    let told = [told, all(&farm, &[&["list"], &["create", "agent"], &["list"]])].join("\n");
    // How often is tried in the time that there is, depends on the machine.
    let filters = vec![(r"within \d+ s", "within [SECONDS]")];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(told) });
    farm.wait_until_empty();
}

#[test]
fn without_verification_an_ami_waits_for_it() {
    let farm = farm_with_verify(0);
    insta::assert_snapshot!(all(
        &farm,
        &[
            &["create", "agent", "--no-verify"],
            &["list"],
            &["sweep", "--yes"],
            &["verify", "agent"],
            &["verify", "agent", "--output", "json", "-q"],
            &["list"],
            &["verify", "ami-00000000000000000"],
            &["verify", "agnet"],
        ]
    ));
    farm.wait_until_empty();
}

#[test]
fn what_jenkins_needs_is_part_of_it() {
    // The simulated guest answers the checks; their text is tested on its own.
    let farm = Farm::with_example(&["--answer", "hudson-run-init=1"]);
    farm.edit(
        "amiable.toml",
        "script = \"setup-agent\"",
        "script = \"setup-agent\"\nagent = \"jenkins\"",
    );
    let text = farm.amiable(&["create", "agent"]);
    assert!(text.contains("status: 1"), "{text}");
    assert!(text.contains("failed to set the mark of Jenkins on the instance"), "{text}");
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--answer=-fullversion=1"]);
    let text = farm.amiable(&["create", "agent"]);
    assert!(
        text.contains(
            "is quarantined because it failed verification: the checks ended with exit status 1"
        ),
        "{text}"
    );
    farm.wait_until_empty();
}

#[test]
fn an_interrupted_verification_leaves_the_ami_as_it_was() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q", "--no-verify"]);
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--delays", "ssh=60s"]);
    let mut child = farm.spawn(&["verify", "agent"]);
    crate::farm::wait_for_line(&mut child, "  instance i-");
    crate::interrupts::interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    farm.wait_until_empty();
    assert!(farm.amiable(&["list"]).contains("  pending "));
}

#[test]
fn a_base_without_cloud_init_is_reached_by_key_pair_and_console() {
    let farm = Farm::with_example(&[]);
    let script = "script = \"setup-agent\"";
    let keys = |more: &str| format!("{script}\n{more}");
    let temporary = keys("key_pair = \"temporary\"\nhost_key = \"console\"\n");
    farm.edit("amiable.toml", script, &temporary);
    farm.stdout(&["create", "agent", "-q"]);
    let aws = |args: &[&str]| {
        let mut command = farm.command("aws", &[args, &["--output", "text"]].concat());
        let output = command.envs(farm.endpoint_env()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let key_pairs = || aws(&["ec2", "describe-key-pairs", "--query", "KeyPairs[].KeyName"]);
    assert_eq!(key_pairs().trim(), "", "temporary ones are removed again");

    let made = farm.command("ssh-keygen", &["-q", "-t", "rsa", "-N", "", "-f", "farm.pem"]);
    let mut made = made;
    assert!(made.status().unwrap().success());
    let import = ["ec2", "import-key-pair", "--key-name", "farm"];
    aws(&[&import[..], &["--public-key-material", "fileb://farm.pem.pub"]].concat());
    let existing =
        keys("key_pair = \"farm\"\nssh_key_file = \"farm.pem\"\nhost_key = \"first-contact\"\n");
    farm.edit("amiable.toml", &temporary, &existing);
    let text = farm.amiable(&["update", "agent"]);
    assert!(text.contains("status: 0"), "{text}");
    assert_eq!(text.matches("is trusted without proof, with the host key SHA256:").count(), 2);
    assert_eq!(key_pairs().trim(), "farm", "the person's own stays");
}

/// A program here tries a live instance, after the verify script: the AMI becomes current if that goes well.
#[test]
fn a_smoke_test_decides_whether_an_ami_becomes_current() {
    let farm = Farm::with_example(&[]);
    let smoke =
        "smoke = [\"./smoke-test\", \"{ami}\", \"{instance}\", \"{address}\", \"{generation}\"]\n";
    farm.edit("amiable.toml", "[template.agent]\n", &format!("[template.agent]\n{smoke}"));
    farm.write_program("smoke-test", "#!/bin/sh\necho \"$@\" > tried\n");
    farm.stdout(&["create", "agent", "-q"]);
    let first = farm.current("agent");
    let tried = std::fs::read_to_string(farm.path("tried")).unwrap();
    let words: Vec<&str> = tried.split_whitespace().collect();
    assert_eq!((words[0], words[3]), (first.as_str(), "1"), "{tried}");
    assert!(words[1].starts_with("i-") && words[2].starts_with("127."), "{tried}");
    farm.wait_until_empty();
    farm.write_program("smoke-test", "#!/bin/sh\necho the agent does not answer\nexit 3\n");
    let told = farm.amiable(&["update", "agent"]);
    assert!(told.contains("./smoke-test failed: exit status: 3"), "{told}");
    assert!(
        told.contains("the agent does not answer") && told.contains("is quarantined"),
        "{told}"
    );
    assert_eq!(farm.current("agent"), first);
    // One that is not there is told before anything is started.
    std::fs::remove_file(farm.path("smoke-test")).unwrap();
    for command in ["verify", "update"] {
        let told = farm.amiable(&[command, "agent"]);
        let why = "the smoke test could not be run: failed to start ./smoke-test";
        assert!(told.contains(why) && told.contains("status: 1"), "{told}");
        assert!(!told.contains("starting the instance"), "{told}");
    }
    assert!(farm.amiable(&["update", "agent", "--no-verify"]).contains("status: 0"));
    farm.wait_until_empty();
    farm.edit("amiable.toml", "{address}", "{adress}");
    let told = farm.amiable(&["validate"]);
    assert!(told.contains("there is no placeholder {adress}"), "{told}");
}
