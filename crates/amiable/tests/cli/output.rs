//! What becomes of results, and of arguments that are something else than was requested.

use std::process::Stdio;

use crate::farm::{DEFAULTS, Farm, JENKINS, wait_for_line};

/// A full disk under standard output.
#[test]
fn a_result_that_cannot_be_written_is_told_and_is_a_failure() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    for args in [&["list"][..], &["info", "agent"], &["iam-policy"], &["update", "agent", "-q"]] {
        let output = farm.spawn_into(args, "/dev/full").wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {told}");
        let text = "error: failed to write to standard output: No space left on device";
        assert!(told.contains(text), "{args:?}: {told}");
    }
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 3, "the bake itself is done");
}

/// A reader that has seen enough, such as `head`.
#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = farm.command("amiable", &["list"]).stdout(Stdio::from(writer)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn what_is_not_an_ami_id_is_told_for_what_it_is() {
    let farm = Farm::with_example(&[]);
    let arn = "arn:aws:ec2:us-east-1::image/ami-0123456789abcdef0";
    for (given, told) in [
        ("agent", "`agent` is not an AMI id: an id begins with `ami-`"),
        ("snap-0123456789abcdef0", "is the id of a snapshot, not of an AMI"),
        ("i-0123456789abcdef0", "is the id of an instance, not of an AMI"),
        ("ami-123", "after `ami-` an id has 17 hexadecimal digits"),
        (arn, "hint: give the AMI's id: ami-0123456789abcdef0"),
    ] {
        for command in ["delete", "restore"] {
            let text = farm.amiable(&[command, given]);
            assert!(text.contains("status: 2"), "{text}");
            let plain = text.replace("[SNAP 1]", "snap").replace("[INSTANCE 1]", "i");
            let told = told.replace("ami-0123456789abcdef0", "[AMI 1]");
            assert!(plain.contains(&told), "{given}: {text}");
        }
    }
}

#[test]
fn control_characters_in_metadata_are_a_mistake() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "ci@example.org", "one\\ntwo");
    let text = farm.amiable(&["validate"]);
    assert!(text.contains("status: 2") && text.contains("has a control character"), "{text}");
}

/// Whatever has `--output json` prints what `amiable schema` says: farm.rs holds each output against it.
#[test]
fn each_command_prints_what_its_schema_says() {
    let farm = Farm::new(&["--recycle-bin", "7d", "--answer", "file=./verify=4"]);
    let agent = "[template.agent]\nregions = [\"us-east-1\", \"eu-west-1\"]\n\
                 [[template.agent.consumer]]\njenkins = { file = \"config.xml\", agents = [\"linux\"] }\n";
    let rest = "[template.bad]\n[template.tools]\nbase = { template = \"agent\" }\n\
         [template.new]\nbase = { template = \"agent\" }\n";
    farm.write(
        "amiable.toml",
        &format!("{DEFAULTS}keep = 1\nkeep_younger = \"1s\"\n{agent}{rest}"),
    );
    farm.write("init/setup", "#!/bin/sh\n");
    farm.write("init/verify", "#!/bin/sh\n");
    farm.write("config.xml", JENKINS);
    let mut seen: Vec<String> = Vec::new();
    let base = farm.base();
    let mut run = |args: &[&str]| {
        let local = args[0] == "local";
        seen.push(args[..if local { 2 } else { 1 }].join(" "));
        let told = farm.amiable(&[args, &["--output", "json", "-q"]].concat());
        assert!(told.contains("--- stdout\n"), "{told}");
        told
    };
    run(&["create", "agent"]);
    run(&["update", "agent", "bad", "tools"]);
    run(&["update", "agent"]);
    farm.edit("amiable.toml", "[template.bad]\n", "[template.bad]\nverify = \"verify\"\n");
    assert!(run(&["update", "bad"]).contains("failed"));
    assert!(run(&["verify", "bad"]).contains("\"passed\": false"));
    assert!(run(&["verify", "agent"]).contains("\"passed\": true"));
    run(&["list"]);
    assert!(run(&["list", "--unmanaged"]).contains("\"used_by\": []"));
    run(&["adopt", &base, "--template", "new", "--dry-run"]);
    run(&["info", "tools"]);
    run(&["info", "agent"]);
    farm.edit("amiable.toml", "os = \"debian-12\"", "os = \"debian-13\"\nmax_age = \"1s\"");
    let plan = run(&["plan"]);
    for kind in ["config", "base-template", "age", "no-current"] {
        assert!(plan.contains(&format!("\"kind\": \"{kind}\"")), "{kind}: {plan}");
    }
    run(&["rollback", "agent"]);
    run(&["roll", "agent", "--to", "2", "--diff"]);
    assert!(run(&["delete", "--dry-run", &farm.current("agent")]).contains("\"used\""));
    let prune = run(&["prune", "--dry-run"]);
    assert!(prune.contains("\"rolled-back\"") && prune.contains("\"old\""), "{prune}");
    let gone = farm.current("bad");
    farm.stdout(&["delete", "--force", "--yes", &gone, "-q"]);
    let restored = run(&["restore", &gone, "ami-00000000000000000"]);
    assert!(restored.contains("\"restored\": true") && restored.contains("Recycle Bin"));
    let mut bake = farm.spawn(&["create", "new"]);
    wait_for_line(&mut bake, "instance i-");
    bake.kill().unwrap();
    bake.wait().unwrap();
    assert!(run(&["sweep", "--dry-run"]).contains("\"instance\""));
    run(&["doctor"]);
    run(&["validate"]);
    run(&["local", "status"]);
    run(&["local", "calls"]);
    let hint = farm.amiable(&["schema", "nothing"]);
    let (_, all) = hint.split_once("there is one for ").unwrap();
    for command in all.trim().split(", ") {
        assert!(seen.iter().any(|it| it == command), "{command}");
        farm.stdout(&["schema", command]);
    }
}
