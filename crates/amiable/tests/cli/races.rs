//! Commands that meet others in the middle of their work.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::farm::{Farm, wait_for_line};

/// Starts a command that a call of its holds up, and returns when it is held.
fn held_at(farm: &Farm, rule: &str, args: &[&str]) -> Child {
    farm.stdout(&["local", "fault", "--call", rule]);
    let child = farm.spawn(args);
    let end = Instant::now() + Duration::from_secs(20);
    while !farm.amiable(&["local", "calls"]).contains(", 1 struck by faults") {
        assert!(Instant::now() < end, "{rule} holds it up");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn messages(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    format!("{text}status: {}", output.status.code().unwrap_or(-1))
}

#[test]
fn nothing_is_rolled_back_to_what_is_being_deleted() {
    let farm = Farm::with_example(&[]);
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let second = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    farm.wait_until_empty();
    farm.stdout(&["local", "calls", "--reset"]);
    let rule = "DeregisterImage=wait:3s,times=1";
    let delete = held_at(&farm, rule, &["delete", &first, "--yes"]);
    let rolled_back = farm.amiable(&["rollback", "agent"]);
    assert!(rolled_back.contains("status: 1"), "{rolled_back}");
    assert!(rolled_back.contains(" is deleting "), "{rolled_back}");
    let deleted = messages(delete);
    assert!(deleted.ends_with("status: 0"), "{deleted}");
    // What is current is refused, and so there is always one.
    let refused = farm.amiable(&["delete", &second, "--yes"]);
    assert!(refused.contains("it is the current AMI of template agent"), "{refused}");
}

#[test]
fn what_was_made_current_since_it_was_looked_at_is_not_deleted() {
    // It has looked who uses it once, and looks again.
    made_current_meanwhile(
        "DescribeImageReferences=wait:3s,times=1",
        "was not removed: it is the current AMI of template agent",
    );
    // It has looked again, and has not claimed it yet.
    made_current_meanwhile(
        "DescribeImageReferences=wait:3s,skip=1,times=1",
        "was not removed: it has come into use since it was checked",
    );
}

fn made_current_meanwhile(rule: &str, told: &str) {
    let farm = Farm::with_example(&[]);
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    farm.stdout(&["local", "calls", "--reset"]);
    let delete = held_at(&farm, rule, &["delete", &first, "--yes"]);
    farm.stdout(&["rollback", "agent"]);
    let deleted = messages(delete);
    assert!(deleted.ends_with("status: 1"), "{deleted}");
    assert!(deleted.contains(told), "{deleted}");
    let current = farm.stdout(&["info", "agent"]);
    assert!(current.contains(&first), "{current}");
}

#[test]
fn what_a_bake_has_gone_on_with_is_not_swept() {
    let farm = Farm::with_example(&["--delays", "image=2s"]);
    let mut bake = farm.spawn(&["create", "agent"]);
    let seen = wait_for_line(&mut bake, "  image ami-");
    let image = seen.split_once("  image ").unwrap().1[..21].to_owned();
    bake.kill().unwrap();
    bake.wait().unwrap();
    farm.stdout(&["local", "calls", "--reset"]);
    let rule = "DescribeKeyPairs=wait:4s,times=1";
    let sweep = held_at(&farm, rule, &["sweep", "--yes"]);
    let gone_on = farm.stdout(&["create", "agent", "-q"]);
    assert_eq!(gone_on.trim(), image, "it is gone on with");
    let swept = messages(sweep);
    assert!(
        swept.contains("was not removed: it has come into use since it was checked"),
        "{swept}"
    );
    let info = farm.stdout(&["info", "agent"]);
    assert!(info.contains(&image) && info.contains("current"), "{info}");
}
