//! Bakes without an AMI: `--no-ami`.

use crate::farm::{Farm, wait_for_line};

/// Nothing of a trial is left, and it changes nothing of what there was.
fn is_as_before(farm: &Farm, images: u64) {
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], images);
    assert_eq!(farm.status()["snapshots"], images);
    assert_eq!(farm.status()["volumes"], 0);
}

#[test]
fn a_trial_runs_the_scripts_and_leaves_nothing() {
    let farm = Farm::with_example(&[]);
    insta::assert_snapshot!(farm.amiable(&["create", "agent", "--no-ami"]));
    is_as_before(&farm, 1);
    // It makes nothing, so that there is a current one is no matter.
    farm.stdout(&["create", "agent", "-q"]);
    let again = farm.amiable(&["create", "agent", "--no-ami", "--output", "json"]);
    assert!(again.contains("\"result\": \"tried\"") && again.contains("\"ami\": null"), "{again}");
    assert_eq!(farm.stdout(&["update", "agent", "--no-ami", "-q"]), "");
    is_as_before(&farm, 2);
    assert!(farm.amiable(&["sweep", "--yes"]).contains("there are no leftovers"));
}

#[test]
fn a_trial_of_all_tries_what_is_out_of_date() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    let text = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    let (_, template) = text.split_once("[template.agent]").unwrap();
    let above = template.split_once("[template.agent.metadata]").unwrap().0.replace(
        "base = { owner = \"self\", name = \"debian-*\" }",
        "base = { template = \"agent\" }",
    );
    let above = above.replace("os = \"debian-12\"", "os = \"above\"");
    farm.write("amiable.toml", &format!("{text}\n[template.above]\n{above}"));
    let tried = farm.amiable(&["update", "--all", "--no-ami"]);
    assert!(tried.contains("status: 0"), "{tried}");
    assert!(tried.contains("agent     up-to-date") && tried.contains("above     tried"), "{tried}");
    is_as_before(&farm, 2);
}

#[test]
fn a_trial_fails_as_a_bake_does() {
    let farm = Farm::with_example(&[]);
    // After the look for cloud-init, at the account and at its package work.
    farm.stdout(&["local", "fault", "--call", "ssh=3,skip=3,times=1"]);
    let failed = farm.amiable(&["create", "agent", "--no-ami"]);
    assert!(failed.contains("status: 1") && failed.contains("exit status 3"), "{failed}");
    is_as_before(&farm, 1);
}

/// A machine that goes on costs money, so it is no success.
#[test]
fn a_trial_whose_machine_cannot_be_ended_fails() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["local", "fault", "--call", "TerminateInstances=UnauthorizedOperation,times=9"]);
    let failed = farm.amiable(&["create", "agent", "--no-ami"]);
    assert!(failed.contains("status: 1") && failed.contains("TerminateInstances"), "{failed}");
    farm.stdout(&["local", "fault", "--off"]);
    farm.stdout(&["create", "agent", "--no-ami", "-q"]);
    let swept = farm.amiable(&["sweep", "--yes"]);
    assert!(swept.contains("terminated [INSTANCE 1]"), "{swept}");
    farm.wait_until_empty();
}

/// Neither keeps the other from its work, or takes up what the other has left.
#[test]
fn a_trial_and_a_bake_of_the_same_template_do_not_meet() {
    let farm = Farm::with_example(&["--delays", "running=300ms,ssh=300ms,stopped=1s,image=1s"]);
    let mut bake = farm.spawn(&["create", "agent"]);
    wait_for_line(&mut bake, "running the init script");
    let tried = farm.amiable(&["create", "agent", "--no-ami"]);
    assert!(tried.contains("status: 0"), "{tried}");
    assert!(bake.wait().unwrap().success());
    let mut trial = farm.spawn(&["create", "agent", "--no-ami"]);
    wait_for_line(&mut trial, "running the init script");
    let baked = farm.amiable(&["update", "agent"]);
    assert!(baked.contains("status: 0") && !baked.contains("left behind"), "{baked}");
    assert!(trial.wait().unwrap().success());
    // One that was killed is removed by the next bake, whatever it had come to.
    let mut trial = farm.spawn(&["create", "agent", "--no-ami"]);
    wait_for_line(&mut trial, "sealing the machine");
    trial.kill().unwrap();
    trial.wait().unwrap();
    let mut stopped = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut stopped, "stopping the instance");
    stopped.kill().unwrap();
    stopped.wait().unwrap();
    let tried = farm.amiable(&["create", "agent", "--no-ami"]);
    assert!(!tried.contains("resuming") && !tried.contains("left behind"), "{tried}");
    let baked = farm.amiable(&["update", "agent"]);
    assert!(baked.contains("which is already provisioned"), "{baked}");
    is_as_before(&farm, 4);
}

#[test]
fn an_interrupted_trial_leaves_nothing() {
    let farm = Farm::with_example(&["--delays", "running=3s"]);
    let mut trial = farm.spawn(&["create", "agent", "--no-ami"]);
    wait_for_line(&mut trial, "  instance i-");
    let pid = trial.id().to_string();
    assert!(farm.command("kill", &["-INT", &pid]).status().unwrap().success());
    assert_eq!(trial.wait().unwrap().code(), Some(130));
    is_as_before(&farm, 1);
}
