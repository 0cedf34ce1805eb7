//! Auto Scaling groups as consumers, on the local endpoint; `aws` is the outside witness.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::farm::{Farm, wait_for_line};

fn aws(farm: &Farm, args: &str) -> String {
    crate::regions::aws(farm, "us-east-1", args)
}

/// A farm with two generations and a launch template of the first, as its version 1. The template has the
/// consumers of `more`.
fn farm(delays: &str, more: &str) -> (Farm, [String; 2]) {
    let farm = Farm::with_example(&["--delays", delays]);
    let amis = [(), ()].map(|()| farm.stdout(&["update", "agent", "-q"]).trim().to_owned());
    let data = format!("{{\"ImageId\":\"{}\",\"InstanceType\":\"t3.small\"}}", amis[0]);
    aws(
        &farm,
        &format!(
            "ec2 create-launch-template --launch-template-name agents --launch-template-data {data}"
        ),
    );
    let text = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    farm.write("amiable.toml", &format!("{text}\n{more}"));
    (farm, amis)
}

/// A group that starts instances of a version.
fn group(farm: &Farm, name: &str, size: u8, version: &str) {
    aws(
        farm,
        &format!(
            "autoscaling create-auto-scaling-group --auto-scaling-group-name {name} --availability-zones us-east-1a --min-size 0 --max-size 5 \
         --desired-capacity {size} --launch-template LaunchTemplateName=agents,Version={version}"
        ),
    );
    wait(farm, name, size.into());
}

/// The group's version, and what its instances were started from.
fn state(farm: &Farm, name: &str) -> (String, Vec<String>) {
    let describe = format!(
        "autoscaling describe-auto-scaling-groups --auto-scaling-group-names {name} --query"
    );
    let version = aws(farm, &format!("{describe} AutoScalingGroups[].LaunchTemplate.Version"));
    let instances = aws(
        farm,
        &format!(
            "ec2 describe-instances --filters Name=tag:aws:autoscaling:groupName,Values={name} \
         Name=instance-state-name,Values=pending,running --query Reservations[].Instances[].[ImageId]"
        ),
    );
    let mut images: Vec<String> = instances.lines().map(String::from).collect();
    images.sort();
    (version, images)
}

fn wait(farm: &Farm, name: &str, size: usize) {
    let end = Instant::now() + Duration::from_secs(60);
    let query = "AutoScalingGroups[].Instances[?LifecycleState==`InService`][].[InstanceId]";
    loop {
        let told = aws(
            farm,
            &format!(
                "autoscaling describe-auto-scaling-groups --auto-scaling-group-names {name} --query {query}"
            ),
        );
        if told.lines().count() == size {
            return;
        }
        assert!(Instant::now() < end, "{name}: {told}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What all instances of a group are started from is `ami`.
fn only(ami: &str, count: usize) -> Vec<String> {
    vec![ami.to_owned(); count]
}

/// The ways in which a group names a version, all at the same time.
fn for_each_version(test: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for version in ["1", "$Default", "$Latest"] {
            let test = &test;
            scope.spawn(move || test(version));
        }
    });
}

const PLAIN: &str = "[[template.agent.consumer]]\nauto_scaling_group = \"farm\"\n";
const REFRESHED: &str = "[[template.agent.consumer]]\nauto_scaling_group = \"farm\"\n\
                         refresh = { min_healthy = 50, warmup = \"1s\" }\n";

/// Each way in which a group names its version: it names the AMI afterwards, and before again.
#[test]
fn a_group_gets_the_ami_as_it_names_its_version() {
    for_each_version(|version| {
        let (farm, [old, new]) = farm("", PLAIN);
        group(&farm, "farm", 1, version);
        let mut told = vec![farm.amiable(&["roll", "agent", "--diff"])];
        told.push(farm.amiable(&["roll", "agent", "--write"]));
        told.push(farm.amiable(&["roll", "agent", "--write"]));
        told.push(farm.amiable(&["list"]));
        let (named, images) = state(&farm, "farm");
        assert_eq!(named, if version == "1" { "2" } else { version });
        assert_eq!(images, only(&old, 1), "instances that are there stay");
        aws(
            &farm,
            "autoscaling set-desired-capacity --auto-scaling-group-name farm --desired-capacity 2",
        );
        wait(&farm, "farm", 2);
        let (_, mut images) = state(&farm, "farm");
        images.retain(|image| *image != old);
        assert_eq!(images, only(&new, 1), "the next one is of the new AMI");
        // The new version has all else from the old one.
        let kinds = "ec2 describe-instances --query Reservations[].Instances[].[InstanceType] \
                     --filters Name=instance-state-name,Values=running Name=tag:aws:autoscaling:groupName,Values=farm";
        assert_eq!(aws(&farm, kinds), "t3.small\nt3.small");
        // What the group may start instances from is in use.
        let refused = farm.amiable(&["delete", &new, "--dry-run"]);
        assert!(refused.contains("uses it in version 2"), "{refused}");
        told.push(farm.amiable(&["rollback", "agent"]));
        let text = told.join("\n");
        insta::assert_snapshot!(
            format!("a_group_of_version_{}", version.trim_start_matches('$')),
            text
        );
    });
}

#[test]
fn a_mixed_instances_policy_keeps_all_but_the_version() {
    let (farm, [_, new]) = farm("", PLAIN);
    let specification = "{\"LaunchTemplateName\":\"agents\",\"Version\":\"1\"}";
    let overrides = "[{\"InstanceType\":\"t3.large\"},{\"InstanceType\":\"t3.small\"}]";
    let policy = format!(
        "{{\"LaunchTemplate\":{{\"LaunchTemplateSpecification\":{specification},\"Overrides\":{overrides}}},\
         \"InstancesDistribution\":{{\"OnDemandBaseCapacity\":1}}}}"
    );
    aws(
        &farm,
        &format!(
            "autoscaling create-auto-scaling-group --auto-scaling-group-name farm --availability-zones us-east-1a --min-size 0 --max-size 1 \
         --mixed-instances-policy {policy}"
        ),
    );
    let told = farm.stdout(&["roll", "agent", "--write"]);
    assert!(told.contains(&format!("-> {new}")), "{told}");
    let policy = aws(
        &farm,
        "autoscaling describe-auto-scaling-groups --query AutoScalingGroups[].MixedInstancesPolicy.[\
         LaunchTemplate.LaunchTemplateSpecification.Version,LaunchTemplate.Overrides[].InstanceType,\
         InstancesDistribution.OnDemandBaseCapacity]",
    );
    let words: Vec<&str> = policy.split_whitespace().collect();
    assert_eq!(words, ["2", "1", "t3.large", "t3.small"]);
    assert!(farm.stdout(&["roll", "agent", "--write"]).contains("up to date"));
}

#[test]
fn a_refresh_replaces_the_instances_and_gives_the_group_the_version() {
    let (farm, [old, new]) = farm("", REFRESHED);
    group(&farm, "farm", 2, "1");
    let told = farm.amiable(&["roll", "agent", "--write", "--wait"]);
    assert!(told.contains("status: 0"), "{told}");
    assert!(told.contains("farm: instance refresh Successful, 100 %"), "{told}");
    assert_eq!(state(&farm, "farm"), ("2".into(), only(&new, 2)));
    assert!(farm.stdout(&["roll", "agent", "--write", "--wait"]).contains("up to date"));
    // A roll that does not wait tells how to follow it. A repeat starts no other one.
    let told = farm.amiable(&["rollback", "agent"]);
    assert!(told.contains("`amiable roll agent --wait` follows it"), "{told}");
    let plan = farm.amiable(&["roll", "agent", "--diff"]);
    assert!(plan.contains("up to date"), "{plan}");
    let told = farm.amiable(&["roll", "agent", "--write", "--wait"]);
    assert!(told.contains("instance refresh Successful"), "{told}");
    assert_eq!(state(&farm, "farm"), ("1".into(), only(&old, 2)));
    let refreshes = aws(
        &farm,
        "autoscaling describe-instance-refreshes --auto-scaling-group-name farm --query \
         InstanceRefreshes[].[Status]",
    );
    assert_eq!(refreshes, "Successful\nSuccessful");
}

/// Half of the instances are replaced when EC2 has no more capacity. Auto Scaling takes the group back.
#[test]
fn a_refresh_that_fails_half_way_leaves_the_group_as_it_was() {
    for_each_version(|version| {
        let (farm, [old, new]) = farm("", REFRESHED);
        group(&farm, "farm", 2, version);
        farm.stdout(&[
            "local",
            "fault",
            "--call",
            "RunInstances=InsufficientInstanceCapacity,skip=1,times=3",
        ]);
        let told = farm.amiable(&["roll", "agent", "--write", "--wait"]);
        assert!(told.contains("status: 1"), "{told}");
        assert!(told.contains("sufficient t3.small capacity"), "{told}");
        assert!(told.contains("new instances start from [AMI 1]"), "{told}");
        farm.stdout(&["local", "fault", "--off"]);
        wait(&farm, "farm", 2);
        let (named, images) = state(&farm, "farm");
        assert_eq!(named, version);
        if version == "1" {
            assert_eq!(images, only(&old, 2));
        }
        // Without a number, Auto Scaling cannot take back what it has replaced; the next one is as before.
        let more = "set-desired-capacity --auto-scaling-group-name farm --desired-capacity 3";
        aws(&farm, &format!("autoscaling {more}"));
        wait(&farm, "farm", 3);
        let mut more = state(&farm, "farm").1;
        for image in &images {
            more.remove(more.iter().position(|it| it == image).unwrap());
        }
        assert_eq!(more, only(&old, 1), "{version}");
        // Again: now there is capacity.
        let told = farm.amiable(&["roll", "agent", "--write", "--wait"]);
        assert!(told.contains("status: 0"), "{told}");
        assert_eq!(state(&farm, "farm").1, only(&new, 3), "{version}");
    });
}

/// A rollback while the refresh to the bad AMI is under way turns it around.
#[test]
fn a_rollback_turns_a_refresh_around() {
    let (farm, [old, _]) =
        farm("", &REFRESHED.replace("warmup = \"1s\"", "checkpoints = [50, 100]"));
    group(&farm, "farm", 2, "1");
    farm.stdout(&["roll", "agent", "--write", "-q"]);
    let info = farm.stdout(&["info", "agent"]);
    assert!(
        info.contains("auto scaling group farm: its instance refresh names this AMI"),
        "{info}"
    );
    let told = farm.amiable(&["rollback", "agent"]);
    assert!(told.contains("status: 0"), "{told}");
    let told = farm.amiable(&["roll", "agent", "--write", "--wait"]);
    assert!(told.contains("status: 0") && told.contains("RollbackSuccessful"), "{told}");
    assert_eq!(state(&farm, "farm"), ("1".into(), only(&old, 2)));
    // Somebody else's refresh is not touched.
    aws(
        &farm,
        "autoscaling start-instance-refresh --auto-scaling-group-name farm --preferences \
                {\"CheckpointPercentages\":[50],\"CheckpointDelay\":3600}",
    );
    let told = farm.amiable(&["roll", "agent", "--to", "2", "--write"]);
    assert!(told.contains("an instance refresh to another configuration is in progress"), "{told}");
    assert!(told.contains("cancel-instance-refresh --auto-scaling-group-name farm"), "{told}");
}

/// A group that names its version by a word has no configuration that a refresh could be turned around to:
/// the version goes back, and the refresh goes on with that.
#[test]
fn a_rollback_during_a_refresh_takes_the_default_version_back() {
    let more =
        REFRESHED.replace("warmup = \"1s\"", "checkpoints = [50, 100], checkpoint_delay = \"2s\"");
    let (farm, [old, _]) = farm("", &more);
    group(&farm, "farm", 2, "$Default");
    farm.stdout(&["roll", "agent", "--write", "-q"]);
    let told = farm.amiable(&["rollback", "agent"]);
    assert!(
        told.contains("status: 0") && told.contains("-> [AMI 2]") || told.contains("-> [AMI 1]"),
        "{told}"
    );
    let told = farm.amiable(&["roll", "agent", "--write", "--wait"]);
    assert!(told.contains("status: 0"), "{told}");
    assert_eq!(state(&farm, "farm"), ("$Default".into(), only(&old, 2)));
}

#[test]
fn ctrl_c_ends_the_wait_and_not_the_refresh() {
    let (farm, [_, new]) = farm("running=2s", REFRESHED);
    group(&farm, "farm", 2, "1");
    let mut roll = farm.spawn(&["roll", "agent", "--write", "--wait"]);
    wait_for_line(&mut roll, "instance refresh InProgress");
    kill_process(Pid::from_child(&roll), Signal::INT).unwrap();
    assert_eq!(roll.wait().unwrap().code(), Some(130));
    let told = farm.amiable(&["roll", "agent", "--write", "--wait"]);
    assert!(told.contains("status: 0") && told.contains("Successful"), "{told}");
    assert_eq!(state(&farm, "farm"), ("2".into(), only(&new, 2)));
}

#[test]
fn what_is_not_as_it_should_be_is_told() {
    let more = format!("{PLAIN}[[template.agent.consumer]]\nauto_scaling_group = \"none\"\n");
    let (farm, _) = farm("", &more);
    group(&farm, "farm", 0, "1");
    let told = farm.amiable(&["roll", "agent", "--write"]);
    assert!(
        told.contains("auto scaling group none: there is no such auto scaling group"),
        "{told}"
    );
    assert!(told.contains("auto scaling group farm: "), "one that fails keeps no other");
    farm.stdout(&["local", "fault", "--call", "UpdateAutoScalingGroup=AccessDenied"]);
    let told = farm.amiable(&["roll", "agent", "--to", "1", "--write"]);
    assert!(told.contains("UpdateAutoScalingGroup: AccessDenied"), "{told}");
}

/// With no rights but those of the policy.
#[test]
fn a_roll_needs_what_its_policy_allows() {
    let (farm, [_, new]) = farm("", REFRESHED);
    group(&farm, "farm", 1, "1");
    let policy = farm.stdout(&["iam-policy", "roll"]);
    assert!(policy.contains("autoScalingGroupName/farm"), "{policy}");
    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|it| it["Action"].as_array().unwrap());
    let mut allow = vec!["local", "fault"];
    actions.for_each(|action| allow.extend(["--allow", action.as_str().unwrap()]));
    farm.stdout(&allow);
    farm.stdout(&["roll", "agent", "--write", "--wait"]);
    let without: Vec<&str> = allow.iter().copied().filter(|it| *it != "ec2:RunInstances").collect();
    let without: Vec<&str> =
        without.join(" ").replace("--allow --allow", "--allow").leak().split(' ').collect();
    farm.stdout(&without);
    let told = farm.amiable(&["roll", "agent", "--to", "1", "--write"]);
    assert!(told.contains("not authorized to use the launch template"), "{told}");
    farm.stdout(&["local", "fault", "--off"]);
    assert_eq!(state(&farm, "farm").1, only(&new, 1));
}

/// Who still runs an older AMI is told by `info`, and after a roll.
#[test]
fn instances_of_older_amis_are_told() {
    let (farm, [old, _]) = farm("", PLAIN);
    group(&farm, "farm", 1, "1");
    let tags = "ResourceType=instance,Tags=[{Key=jenkins_slave_type,Value=demand_linux}]";
    aws(&farm, &format!("ec2 run-instances --image-id {old} --tag-specifications {tags}"));
    let info = farm.amiable(&["info", "agent"]);
    assert!(info.contains("older agent   farm, "), "{info}");
    assert!(info.contains("older agent   demand_linux, "), "{info}");
    assert!(info.contains(" runs [AMI 3] (generation 1) since "), "{info}");
    let told = farm.amiable(&["roll", "agent", "--write", "--wait"]);
    assert!(told.contains("agent: demand_linux, [INSTANCE 2] ("), "{told}");
    aws(
        &farm,
        "autoscaling delete-auto-scaling-group --auto-scaling-group-name farm --force-delete",
    );
    farm.edit("amiable.toml", PLAIN, "[[template.agent.consumer]]\nssm = \"/ci/ami\"\n");
    let ids = aws(&farm, "ec2 describe-instances --query Reservations[].Instances[].[InstanceId]");
    aws(&farm, &format!("ec2 terminate-instances --instance-ids {}", ids.replace('\n', " ")));
    farm.wait_until_empty();
    let told = farm.amiable(&["roll", "agent", "--write", "--wait"]);
    assert!(told.contains("no instance runs another AMI of the template"), "{told}");
    assert!(!farm.stdout(&["info", "agent"]).contains("older agent"));
}
