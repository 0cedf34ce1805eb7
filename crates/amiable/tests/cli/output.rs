//! What becomes of results, and of arguments that are something else than was requested.

use std::process::Stdio;

use crate::farm::Farm;

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
