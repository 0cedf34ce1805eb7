//! `amiable iam-policy`, held against the calls that the commands really make.

use std::collections::BTreeSet;

use rustix::process::{Pid, Signal, kill_process};

use crate::farm::{Farm, wait_for_line};

/// What tells who uses an image.
const USERS: [&str; 4] = [
    "DescribeAutoScalingGroups",
    "DescribeImageReferences",
    "DescribeLaunchConfigurations",
    "DescribeLaunchTemplateVersions",
];

/// What tells who uses an image in other accounts.
const REPORTS: [&str; 3] =
    ["CreateImageUsageReport", "DescribeImageUsageReportEntries", "DescribeImageUsageReports"];

/// What a policy allows, without what no EC2-compatible endpoint is asked for.
fn allowed(farm: &Farm, command: &str) -> BTreeSet<String> {
    let commands: Vec<&str> = command.split(' ').collect();
    let text = farm.stdout(&[&["iam-policy"], &commands[..]].concat());
    let policy: serde_json::Value = serde_json::from_str(&text).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|it| it["Action"].as_array().unwrap());
    let actions = actions.map(|action| action.as_str().unwrap().to_owned());
    actions.filter(|action| !action.starts_with("servicequotas:")).collect()
}

/// Lets a farm do what the policy for a command allows, and nothing else.
///
/// Returned are the actions, but for those that an AMI is hidden by which fails verification, and
/// shown again: tests/cli/verifications.rs has some.
fn restrict(farm: &Farm, command: &str) -> BTreeSet<String> {
    let actions = allowed(farm, command);
    let mut arguments = vec!["local", "fault"];
    for action in &actions {
        arguments.extend(["--allow", action]);
    }
    farm.stdout(&arguments);
    farm.stdout(&["local", "calls", "--reset"]);
    let names = actions.iter().map(|action| action.split_once(':').unwrap().1.to_owned());
    names.filter(|name| !matches!(name.as_str(), "DisableImage" | "EnableImage")).collect()
}

/// The actions that were called since, of those that need a right.
fn called(farm: &Farm) -> BTreeSet<String> {
    let text = farm.stdout(&["local", "calls", "--output", "json"]);
    let counts: serde_json::Value = serde_json::from_str(&text).unwrap();
    let made = counts["made"].as_object().unwrap().keys().cloned();
    made.filter(|action| !action.starts_with("ssh") && action != "GetCallerIdentity").collect()
}

fn free(farm: &Farm) {
    farm.stdout(&["local", "fault", "--off"]);
}

/// A farm whose template needs all that a template can need, but for what has no action of
/// EC2's.
fn demanding_farm() -> Farm {
    let farm = Farm::with_example(&["--delays", "image=300ms"]);
    let more = "ssh_user = \"debian\"\nkey_pair = \"temporary\"\nhost_key = \"console\"";
    farm.edit("amiable.toml", "ssh_user = \"debian\"", more);
    farm.edit("amiable.toml", "{namespace}-{system}-{os}-{arch}-{date}-{generation}", "{template}");
    farm
}

/// A bake with all that may happen to it: a copy, and an undo of an image.
#[test]
fn a_bake_needs_what_its_policy_allows_and_nothing_else() {
    let farm = demanding_farm();
    let mut policy = restrict(&farm, "update");
    // An auto scaling group would tell of one; tests/cli/moto.rs has some.
    assert!(policy.remove("DescribeLaunchConfigurations"));
    farm.stdout(&["create", "agent", "-q"]);
    let mut bake = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut bake, "  instance i-");
    bake.kill().unwrap();
    bake.wait().unwrap();
    farm.stdout(&["update", "agent", "-q"]);
    let mut bake = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut bake, "  image ami-");
    kill_process(Pid::from_child(&bake), Signal::INT).unwrap();
    assert_eq!(bake.wait().unwrap().code(), Some(130));
    assert_eq!(called(&farm), policy);
    free(&farm);
    farm.wait_until_empty();
}

#[test]
fn the_other_commands_need_what_their_policies_allow_and_nothing_else() {
    let farm = demanding_farm();
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    for (command, runs) in [
        ("list", vec![vec!["list"], vec!["list", "--all-regions"]]),
        ("info", vec![vec!["info", "agent"]]),
        ("report", vec![vec!["report", "--html", "report.html"]]),
        ("verify", vec![vec!["verify", "agent"]]),
        ("rollback", vec![vec!["rollback", "agent", "--to", "1"]]),
    ] {
        farm.stdout(&["update", "agent", "-q"]);
        let mut policy = restrict(&farm, command);
        // An auto scaling group would tell of one; tests/cli/moto.rs has some.
        policy.remove("DescribeLaunchConfigurations");
        // Nothing is shared; tests/cli/deletions.rs has an AMI that is.
        policy.retain(|action| !REPORTS.contains(&action.as_str()));
        // The bakes have made the group, and no dead process has left a rule.
        policy.remove("CreateSecurityGroup");
        if command != "report" {
            policy.remove("DescribeSecurityGroupRules");
        }
        for run in &runs {
            farm.stdout(run);
        }
        assert_eq!(called(&farm), policy, "{command}");
        free(&farm);
    }
    assert!(!farm.amiable(&["info", &first]).contains("status: 0"), "its name was given up");
}

#[test]
fn a_deletion_needs_what_its_policy_allows_and_nothing_else() {
    let farm = Farm::with_example(&[]);
    let [open, protected] = [1, 2].map(|_| farm.stdout(&["update", "agent", "-q"]));
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    crate::deletions::protect(&farm, protected.trim());
    let mut policy = restrict(&farm, "delete");
    for action in REPORTS {
        assert!(policy.remove(action), "{action}");
    }
    // An auto scaling group would tell of one; tests/cli/moto.rs has some.
    assert!(policy.remove("DescribeLaunchConfigurations"));
    farm.stdout(&["delete", protected.trim(), "--yes", "--force"]);
    farm.stdout(&["delete", open.trim(), "--yes"]);
    // One that was interrupted is looked for by its snapshots.
    farm.amiable(&["delete", open.trim(), "--yes"]);
    assert_eq!(called(&farm), policy);
}

#[test]
fn a_sweep_needs_what_its_policy_allows_and_nothing_else() {
    let farm = demanding_farm();
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--delays", "image=60s"]);
    // A key pair that no bake will delete.
    farm.stdout(&["local", "fault", "--call", "RunInstances=wait:60s"]);
    let mut bake = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut bake, "starting the instance");
    while !called(&farm).contains("RunInstances") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    bake.kill().unwrap();
    bake.wait().unwrap();
    free(&farm);
    let mut bake = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut bake, "  image ami-");
    bake.kill().unwrap();
    bake.wait().unwrap();
    free(&farm);
    let mut policy = restrict(&farm, "sweep");
    // tests/cli/sweeps.rs has a volume that outlives its instance, and images that are available.
    assert!(policy.remove("DeleteVolume"));
    for action in USERS {
        assert!(policy.remove(action), "{action}");
    }
    let swept = farm.amiable(&["sweep", "--yes"]);
    farm.wait_until_empty();
    // The group can go once nothing has it any more.
    farm.stdout(&["sweep", "--yes"]);
    assert_eq!(called(&farm), policy, "{swept}");
    assert!(swept.contains("status: 0"), "{swept}");
    free(&farm);
    farm.wait_until_empty();
}

/// A bake that is distributed, with terms that come and go, and a copy that is undone.
#[test]
fn distributing_needs_what_its_policy_allows_and_nothing_else() {
    let farm = Farm::with_example(&["--delays", "image=1s"]);
    let terms = "[template.agent]\nregions = [\"us-east-1\", \"eu-west-1\"]\n\
                 share_with = [\"123456789012\"]\ndeprecate_after = \"90d\"\n\
                 deregistration_protection = true\n";
    farm.edit("amiable.toml", "[template.agent]\n", terms);
    let mut policy = restrict(&farm, "update");
    // Only a machine that nobody can log in to is asked for its console.
    assert!(policy.remove("GetConsoleOutput"));
    // No dead process has left a rule, or an image.
    policy.remove("DescribeSecurityGroupRules");
    for action in USERS {
        assert!(policy.remove(action), "{action}");
    }
    farm.stdout(&["create", "agent", "-q"]);
    for key in ["deprecate_after = \"90d\"\n", "deregistration_protection = true\n"] {
        farm.edit("amiable.toml", key, "");
    }
    farm.stdout(&["update", "--all", "-q"]);
    let mut update = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut update, "eu-west-1: copying to ami-");
    kill_process(Pid::from_child(&update), Signal::INT).unwrap();
    assert_eq!(update.wait().unwrap().code(), Some(130));
    assert_eq!(called(&farm), policy);
    farm.stdout(&["update", "agent", "-q"]);
    let mut policy = restrict(&farm, "rollback");
    farm.stdout(&["rollback", "agent"]);
    assert!(called(&farm).is_subset(&policy));
    policy.clone_from(&restrict(&farm, "list"));
    farm.stdout(&["list", "--all-regions"]);
    assert_eq!(called(&farm), policy);
    free(&farm);
    farm.wait_until_empty();
}

#[test]
fn policies_are_printed_for_the_commands_chosen() {
    let farm = demanding_farm();
    let all = [
        farm.amiable(&["iam-policy"]),
        farm.amiable(&["iam-policy", "list", "rollback", "--by-tag"]),
        farm.amiable(&["iam-policy", "lst"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

/// A job that only updates needs no permissions for the other commands, and can check its own.
#[test]
fn doctor_checks_the_permissions_for_some_commands() {
    let farm = demanding_farm();
    farm.stdout(&["create", "agent", "-q"]);
    restrict(&farm, "update doctor");
    let all = farm.amiable(&["doctor"]);
    assert!(all.contains("status: 1") && all.contains("FAILED  permission: "), "{all}");
    let some = farm.amiable(&["doctor", "update"]);
    assert!(some.contains("status: 0") && !some.contains("FAILED"), "{some}");
    restrict(&farm, "list doctor");
    let more = farm.amiable(&["doctor", "update"]);
    assert!(more.contains("status: 1") && more.contains("permission: RunInstances"), "{more}");
    let fewer = farm.amiable(&["doctor", "list"]);
    assert!(fewer.contains("status: 0") && !fewer.contains("permission: RunInstances"), "{fewer}");
}
