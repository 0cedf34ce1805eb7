//! Cleaning up by reason.

use crate::farm::Farm;

#[test]
fn what_nothing_speaks_for_goes_and_all_else_is_explained() {
    let farm = Farm::with_example(&[]);
    for _ in 0..5 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    farm.stdout(&["update", "agent", "-q", "--no-verify"]);
    farm.wait_until_empty();
    let explain = ["prune", "--explain", "--keep", "1", "--younger", "1s"];
    let mut told = vec![farm.amiable(&["prune", "--dry-run"])];
    std::thread::sleep(std::time::Duration::from_secs(1));
    told.push(farm.amiable(&explain));
    let prune = |more: &[&str]| {
        farm.amiable(&[&["prune", "--keep", "1", "--younger", "1s"], more].concat())
    };
    told.push(prune(&[]));
    told.push(prune(&["--yes", "--limit", "2"]));
    told.push(prune(&["--yes"]));
    told.push(prune(&["--yes"]));
    told.push(farm.amiable(&["list"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_cannot_be_looked_up_keeps_everything() {
    let farm = Farm::with_example(&[]);
    for _ in 0..3 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    farm.wait_until_empty();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let fault = ["local", "fault", "--call", "DescribeImageReferences=UnauthorizedOperation"];
    farm.stdout(&fault);
    let prune = ["prune", "--yes", "--keep", "1", "--younger", "1s"];
    let mut told = vec![farm.amiable(&prune)];
    assert_eq!(farm.status()["images"], 4);
    farm.stdout(&["local", "fault", "--off"]);
    told.push(farm.amiable(&prune));
    insta::assert_snapshot!(told.join("\n"));
}
