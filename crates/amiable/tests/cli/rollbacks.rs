//! Rollback, and forward again.

use crate::farm::Farm;

#[test]
fn a_template_goes_back_and_forward_without_a_bake() {
    let farm = Farm::with_example(&[]);
    for mode in ["create", "update", "update"] {
        farm.stdout(&[mode, "agent", "-q"]);
    }
    let before = farm.status()["instances"].clone();
    let steps: [&[&str]; 11] = [
        &["rollback", "agent"],
        &["list"],
        &["rollback", "agent"],
        &["rollback", "agent"],
        &["rollback", "agent", "--to", "3"],
        &["rollback", "agent", "--to", "3", "--output", "json"],
        &["list"],
        &["info", "agent"],
        &["rollback", "agent", "--to", "9"],
        &["rollback", "agnet"],
        &["rollback", "agent", "--to", "2", "--output", "json", "--quiet"],
    ];
    let all: Vec<String> = steps.iter().map(|args| farm.amiable(args)).collect();
    insta::assert_snapshot!(all.join("\n"));
    assert_eq!(farm.status()["instances"], before, "no instance was started");
}

#[test]
fn there_is_nothing_to_go_back_to() {
    let farm = Farm::with_example(&[]);
    let before = farm.amiable(&["rollback", "agent"]);
    farm.stdout(&["create", "agent", "-q"]);
    insta::assert_snapshot!([before, farm.amiable(&["rollback", "agent"])].join("\n"));
}

/// The write that decides is one call: whether its answer is lost or not, there is one
/// current AMI, and the same command again is harmless.
#[test]
fn a_rollback_whose_answer_is_lost_is_done_once() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    farm.stdout(&["update", "agent", "-q"]);
    for fault in ["CreateTags=cut,times=9", "CreateTags=cut,after,times=9"] {
        farm.stdout(&["local", "fault", "--call", fault]);
        let failed = farm.amiable(&["rollback", "agent", "--to", "1"]);
        assert!(failed.contains("status: 1"), "{failed}");
        farm.stdout(&["local", "fault", "--off"]);
        let list = farm.stdout(&["list"]);
        assert_eq!(list.matches(" current ").count(), 1, "{list}");
        farm.stdout(&["rollback", "agent", "--to", "1"]);
        assert!(farm.stdout(&["info", "agent"]).contains("generation    1\n"));
        farm.stdout(&["rollback", "agent", "--to", "2"]);
    }
}
