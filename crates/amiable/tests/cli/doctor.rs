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
        "SSH access by default                       no rule allows [ADDRESS] on port 2222: ";
    assert!(text.contains(told), "{text}");
}

/// The account's Allowed AMIs settings may leave out a base of others.
#[test]
fn a_base_that_the_account_does_not_allow_itself_is_named() {
    let farm = Farm::with_example(&[]);
    farm.write("others.img", &"x".repeat(4096));
    let import = ["local", "import", "others.img", "--name", "debian-13-others"];
    farm.stdout(&[&import[..], &["--owner", "111122223333"]].concat());
    farm.edit("amiable.toml", "base = { owner = \"self\"", "base = { owner = \"111122223333\"");
    let state = |state: &str| {
        let action = "EnableAllowedImagesSettings";
        let body = format!("Action={action}&AllowedImagesSettingsState={state}");
        crate::tunnels::query(&farm, &body.split('&').collect::<Vec<&str>>());
    };
    assert!(!farm.amiable(&["doctor"]).contains("allowed AMIs"));
    state("audit-mode");
    let text = farm.amiable(&["doctor"]);
    assert!(text.contains("allowed AMIs") && text.contains("others are only marked"), "{text}");
    assert!(text.contains("settings do not allow"), "{text}");
    state("enabled");
    let text = farm.amiable(&["doctor"]);
    assert!(text.contains("only AMIs of this account are found"), "{text}");
    let text = farm.amiable(&["create", "agent"]);
    assert!(text.contains("whether the account's settings allow such AMIs"), "{text}");
}
