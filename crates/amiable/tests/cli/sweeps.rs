//! What is left after the worst, and that it goes.

use crate::farm::{Farm, wait_for_line};

#[test]
fn what_a_killed_bake_left_is_swept_when_its_lease_has_ended() {
    let farm = Farm::with_example(&["--delays", "image=60s"]);
    farm.edit("amiable.toml", "# timeouts = {", "timeouts = { bake = \"2s\" } # {");
    let before = farm.amiable(&["sweep", "--yes"]);
    let mut bake = farm.spawn(&["create", "agent"]);
    wait_for_line(&mut bake, "image ami-");
    bake.kill().unwrap();
    bake.wait().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(3100));
    let all = [
        before,
        farm.amiable(&["sweep", "--dry-run"]),
        farm.amiable(&["sweep"]),
        farm.amiable(&["sweep", "--yes"]),
        farm.amiable(&["sweep", "--yes"]),
        farm.amiable(&["list"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 1, "only the base");
}

#[test]
fn what_a_bake_under_way_owns_is_never_swept() {
    let farm = Farm::with_example(&["--delays", "image=2s"]);
    farm.stdout(&["create", "agent", "-q"]);
    let mut bake = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut bake, "image ami-");
    let swept = farm.amiable(&["sweep", "--yes"]);
    assert!(swept.contains("nothing is left in namespace ci"), "{swept}");
    assert!(bake.wait().unwrap().success());
}

#[test]
fn a_bake_ends_with_its_lease() {
    let farm = Farm::with_example(&["--delays", "ssh=60s"]);
    farm.edit("amiable.toml", "# timeouts = {", "timeouts = { bake = \"2s\" } # {");
    insta::assert_snapshot!(farm.amiable(&["create", "agent"]));
    farm.wait_until_empty();
}
