//! Who is let in to machines, and that nobody is when no bake is under way.

use std::process::Child;

use crate::farm::{Farm, wait_for_line};

/// What `aws ec2` answers, with its arguments.
pub(crate) fn ec2(farm: &Farm, args: &[&str]) -> String {
    let env = farm.endpoint_env();
    let (_, url) = env.iter().find(|(key, _)| key == "AWS_ENDPOINT_URL").unwrap();
    let more = ["--output", "text", "--region", "us-east-1", "--endpoint-url", url];
    let output = farm.command("aws", &[&["ec2"], args, &more].concat()).envs(env.clone()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whom amiable's own groups let in, with the group's name, sorted.
pub(crate) fn let_in(farm: &Farm) -> Vec<String> {
    let query = "SecurityGroups[].IpPermissions[].[IpRanges[].CidrIp]";
    let mut all = Vec::new();
    for group in groups(farm) {
        let filter = format!("Name=group-name,Values={group}");
        let found =
            ec2(farm, &["describe-security-groups", "--filters", &filter, "--query", query]);
        all.extend(found.split_whitespace().map(|cidr| format!("{group} {cidr}")));
    }
    all.sort();
    all
}

fn groups(farm: &Farm) -> Vec<String> {
    let filter = "Name=tag:amiable:namespace,Values=ci";
    let query = "SecurityGroups[].GroupName";
    let found = ec2(farm, &["describe-security-groups", "--filters", filter, "--query", query]);
    found.split_whitespace().map(String::from).collect()
}

fn bake(farm: &Farm, template: &str) -> Child {
    let mut bake = farm.spawn(&["create", template]);
    wait_for_line(&mut bake, "  instance i-");
    bake
}

/// A farm with a second template, whose images take so long that `aws` has looked, however slow this machine is.
fn farm_of_two() -> Farm {
    let farm = Farm::with_example(&["--delays", "image=15s"]);
    let text = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    let (_, template) = text.split_once("[template.agent]").unwrap();
    let second = template.split("[template.agent.metadata]").next().unwrap();
    farm.write("amiable.toml", &format!("{text}\n[template.second]{second}"));
    farm.edit("amiable.toml", "{system}-", "{system}-{template}-");
    farm
}

#[test]
fn a_bake_lets_its_own_machine_in_and_nobody_when_it_has_ended() {
    let farm = Farm::with_example(&["--delays", "image=15s"]);
    let mut bake = bake(&farm, "agent");
    assert_eq!(let_in(&farm), ["amiable-ci 127.0.0.1/32"]);
    assert!(bake.wait().unwrap().success());
    assert_eq!(let_in(&farm), [""; 0]);
    assert_eq!(groups(&farm), ["amiable-ci"], "the group serves the next bake");
    farm.stdout(&["local", "calls", "--reset"]);
    farm.stdout(&["update", "agent", "-q"]);
    let calls: serde_json::Value =
        serde_json::from_str(&farm.stdout(&["local", "calls", "--output", "json"])).unwrap();
    let calls = calls["made"].as_object().unwrap().iter();
    let calls = calls.filter(|(name, _)| name.contains("SecurityGroup"));
    let calls: Vec<String> = calls.map(|(name, count)| format!("{name} {count}")).collect();
    assert_eq!(
        calls,
        [
            "AuthorizeSecurityGroupIngress 1",
            "DescribeSecurityGroups 1",
            "RevokeSecurityGroupIngress 1"
        ]
    );
    farm.wait_until_empty();
}

#[test]
fn two_processes_of_one_address_do_not_take_each_others_access_away() {
    let farm = farm_of_two();
    let (mut first, mut second) = (bake(&farm, "agent"), bake(&farm, "second"));
    assert_eq!(let_in(&farm), ["amiable-ci 127.0.0.1/32", "amiable-ci-2 127.0.0.1/32"]);
    assert!(first.wait().unwrap().success());
    assert!(second.wait().unwrap().success());
    assert_eq!(let_in(&farm), [""; 0]);
    farm.wait_until_empty();
}

#[test]
fn bakes_of_one_process_share_a_rule() {
    let farm = farm_of_two();
    farm.stdout(&["update", "--all", "-q"]);
    let calls = farm.stdout(&["local", "calls", "--output", "json"]);
    let calls: serde_json::Value = serde_json::from_str(&calls).unwrap();
    for action in ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"] {
        assert_eq!(calls["made"][action], 1, "{action}");
    }
    farm.wait_until_empty();
}

#[test]
fn what_a_killed_process_left_is_replaced_by_the_next_or_swept() {
    let farm = farm_of_two();
    farm.edit("amiable.toml", "[defaults]", "[defaults]\nssh_from = [\"127.0.0.0/8\"]");
    for sweeps in [false, true] {
        let mut killed = bake(&farm, "second");
        killed.kill().unwrap();
        killed.wait().unwrap();
        assert_eq!(let_in(&farm), ["amiable-ci 127.0.0.0/8"]);
        if sweeps {
            farm.stdout(&["sweep", "--yes"]);
        } else {
            farm.stdout(&["update", "agent", "-q"]);
        }
        assert_eq!(let_in(&farm), [""; 0]);
        assert_eq!(groups(&farm), ["amiable-ci"]);
    }
    farm.wait_until_empty();
}

#[test]
fn a_login_that_does_not_come_is_explained() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "# timeouts = { boot = \"15m\",", "timeouts = { boot = \"3s\",");
    let mut told = Vec::new();
    let from = "[defaults]\nssh_from = [\"10.1.2.3\"]";
    farm.edit("amiable.toml", "[defaults]", from);
    told.push(farm.amiable(&["create", "agent"]));
    farm.edit("amiable.toml", "ssh_from = [\"10.1.2.3\"]", "security_groups = [\"default\"]");
    told.push(farm.amiable(&["create", "agent"]));
    farm.edit("amiable.toml", "security_groups = [\"default\"]", "");
    farm.stdout(&["local", "fault", "--call", "ssh-login=no"]);
    told.push(farm.amiable(&["create", "agent"]));
    farm.stdout(&["local", "fault", "--off"]);
    farm.stdout(&["local", "fault", "--call", "CreateSecurityGroup=UnauthorizedOperation"]);
    farm.edit("amiable.toml", "namespace = \"ci\"", "namespace = \"other\"");
    told.push(farm.amiable(&["create", "agent"]));
    // How often is tried in the time that there is, depends on the machine.
    let filters = vec![(r"within \d+ s", "within [SECONDS]")];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(told.join("\n")) });
    farm.wait_until_empty();
}

#[test]
fn one_rule_that_somebody_took_away_does_not_keep_the_others() {
    let farm = Farm::with_example(&["--delays", "image=15s"]);
    let ranges = "[defaults]\nssh_from = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";
    farm.edit("amiable.toml", "[defaults]", ranges);
    let mut bake = bake(&farm, "agent");
    let filter = "Name=group-name,Values=amiable-ci";
    let id = "SecurityGroups[0].GroupId";
    let id = ec2(&farm, &["describe-security-groups", "--filters", filter, "--query", id]);
    let rule = ["--protocol", "tcp", "--port", "2222", "--cidr", "10.0.0.0/8"];
    let revoke = ["revoke-security-group-ingress", "--group-id", &id];
    ec2(&farm, &[&revoke[..], &rule].concat());
    assert_eq!(let_in(&farm), ["amiable-ci 127.0.0.0/8"]);
    assert!(bake.wait().unwrap().success());
    assert_eq!(let_in(&farm), [""; 0]);
    farm.wait_until_empty();
}

#[test]
fn a_machine_that_is_kept_lets_in_after_the_next_bake_too() {
    let farm = Farm::with_example(&["--answer", "file=./setup-agent=3"]);
    let failed = farm.amiable(&["create", "agent", "--on-failure", "keep"]);
    assert!(failed.contains("status: 1"), "{failed}");
    assert_eq!(let_in(&farm), ["amiable-ci 127.0.0.1/32"]);
    farm.edit("amiable.toml", "script = \"setup-agent\"", "script = \"other\"");
    farm.write("init/other", "#!/bin/sh\n");
    farm.stdout(&["create", "agent", "-q"]);
    assert_eq!(let_in(&farm), ["amiable-ci 127.0.0.1/32"], "the kept one's still");
}
