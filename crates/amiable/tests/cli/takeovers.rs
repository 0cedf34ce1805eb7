//! Bakes that died are gone on with; bakes that live are left alone.

use std::process::Child;

use crate::farm::{Farm, wait_for_line, wait_for_lines};

/// Lets an update come to a line, and kills it there.
fn killed_at(farm: &Farm, line: &str) {
    killed_at_the_last(farm, &[line]);
}

/// The same at the last of several lines.
fn killed_at_the_last(farm: &Farm, lines: &[&str]) {
    let mut bake = farm.spawn(&["update", "agent"]);
    wait_for_lines(&mut bake, lines);
    bake.kill().unwrap();
    bake.wait().unwrap();
}

/// What the next update says, and what is there afterwards.
fn repeat(farm: &Farm) -> String {
    let text = farm.amiable(&["update", "agent"]);
    assert!(text.contains("status: 0"), "{text}");
    farm.wait_until_empty();
    text
}

#[test]
fn a_killed_bake_is_gone_on_with_from_each_stage() {
    let farm = Farm::with_example(&["--delays", "running=300ms,ssh=300ms,stopped=1s,image=1s"]);
    farm.stdout(&["create", "agent", "-q"]);
    for (count, (stage, told)) in [
        ("  instance i-", "which a dead bake of [OPERATOR] had left behind"),
        ("running the init script", "which a dead bake of [OPERATOR] had left behind"),
        ("stopping the instance", "which is already provisioned"),
        ("  image ami-", "which [OPERATOR] started"),
        ("verifying the AMI", "which [OPERATOR] started"),
    ]
    .into_iter()
    .enumerate()
    {
        killed_at(&farm, stage);
        let before = farm.current("agent");
        let text = repeat(&farm);
        assert!(text.contains(told), "{stage}: {text}");
        let again = text.contains("running the init script");
        assert_eq!(again, told.contains("dead"), "{stage}: {text}");
        assert_ne!(farm.current("agent"), before);
        // The base, and one AMI for each update that was requested until it was done.
        assert_eq!(farm.status()["images"], count + 3, "{stage}");
        assert_eq!(farm.status()["snapshots"], count + 3, "{stage}");
        assert_eq!(farm.status()["volumes"], 0, "{stage}");
    }
}

#[test]
fn a_machine_that_a_dead_bake_verified_with_is_replaced() {
    let farm = Farm::with_example(&["--delays", "running=300ms"]);
    killed_at_the_last(&farm, &["verifying the AMI", "  instance i-"]);
    let text = repeat(&farm);
    assert!(text.contains("which [OPERATOR] started"), "{text}");
    assert!(text.contains("removed [INSTANCE 1], which a dead bake"), "{text}");
    assert_eq!(farm.status()["images"], 2);
}

#[test]
fn what_was_made_to_another_recipe_is_not_gone_on_with() {
    let farm = Farm::with_example(&["--delays", "image=60s"]);
    killed_at(&farm, "  image ami-");
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start"]);
    farm.write("init/setup-agent", "#!/bin/sh\necho changed\n");
    let text = repeat(&farm);
    assert!(
        text.contains("removed [AMI 3], which a dead bake of [OPERATOR] had left behind"),
        "{text}"
    );
    assert!(text.contains("running the init script"), "{text}");
    assert_eq!(farm.status()["images"], 2, "the base and the new one");
}

fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn of_two_bakes_one_wins_and_the_other_is_told_who_and_since_when() {
    let farm = Farm::with_example(&["--delays", "running=500ms,image=1s"]);
    let mut first = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut first, "  instance i-");
    let second = farm.amiable(&["update", "agent"]);
    insta::assert_snapshot!(second);
    // One whose process is elsewhere cannot be told from one that lives, unless by a person.
    assert!(first.wait().unwrap().success());
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 2);
}

#[test]
fn of_two_bakes_that_begin_at_the_same_moment_one_wins() {
    let farm = Farm::with_example(&["--delays", "running=1s"]);
    for round in 1..=3 {
        let both = [farm.spawn(&["update", "agent"]), farm.spawn(&["update", "agent"])].map(end);
        let mut statuses = both.clone().map(|(status, _)| status);
        statuses.sort();
        assert_eq!(statuses, [Some(0), Some(1)], "{both:?}");
        let (_, text) = both.iter().find(|(status, _)| *status == Some(1)).unwrap();
        assert!(text.contains(" is baking agent since 20"), "{text}");
        farm.wait_until_empty();
        assert_eq!(farm.status()["images"], round + 1, "the base and one for each round");
    }
}

#[test]
fn a_wait_that_runs_out_is_taken_up_again() {
    let farm = Farm::with_example(&["--delays", "image=3s"]);
    let timeouts = "timeouts = { image = \"1s\" } # {";
    farm.edit("amiable.toml", "# timeouts = {", timeouts);
    let text = farm.amiable(&["create", "agent"]);
    assert!(text.contains("[AMI 2] stays pending: the same command resumes from it"), "{text}");
    farm.edit("amiable.toml", timeouts, "# timeouts = {");
    let text = farm.amiable(&["create", "agent"]);
    assert!(text.contains("agent: [AMI 2] is current (generation 1)"), "{text}");
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 2);
}
