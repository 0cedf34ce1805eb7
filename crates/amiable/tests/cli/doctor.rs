//! Doctor.

use crate::farm::Farm;

#[test]
fn a_ready_account_passes_and_each_missing_right_is_named() {
    let farm = Farm::with_example(&[]);
    let ready = farm.amiable(&["doctor"]);
    farm.stdout(&["local", "fault", "--allow", "Describe*"]);
    let reader = farm.amiable(&["doctor"]);
    farm.stdout(&["local", "fault", "--call", "GetCallerIdentity=ExpiredToken"]);
    let expired = farm.amiable(&["doctor", "--output", "json"]);
    insta::assert_snapshot!([ready, reader, expired].join("\n"));
    assert_eq!(farm.status()["images"], 1, "nothing was done");
}

#[test]
fn a_base_that_is_missing_is_told() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "name = \"debian-*\"", "name = \"fedora-*\"");
    let text = farm.amiable(&["doctor"]);
    assert!(text.contains("status: 1"), "{text}");
    assert!(text.contains("FAILED  base of agent"), "{text}");
}

#[test]
fn a_group_that_does_not_let_this_machine_in_is_told() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "[defaults]", "[defaults]\nsecurity_groups = [\"default\"]");
    let text = farm.amiable(&["doctor"]);
    assert!(text.contains("status: 1"), "{text}");
    let told =
        "SSH access by default                       no rule lets [ADDRESS] in at port 2222: ";
    assert!(text.contains(told), "{text}");
}
