//! One template in several regions: copied, shared, rolled back and deleted in each.

use rustix::process::{Pid, Signal, kill_process};

use crate::farm::{Farm, JENKINS, wait_for_line};

/// A farm whose template is in two regions, after `edit` of what it says about them.
fn farm(arguments: &[&str], more: &str) -> Farm {
    let farm = Farm::with_example(arguments);
    tell(&farm, &format!("regions = [\"us-east-1\", \"eu-west-1\"]\n{more}"));
    farm
}

/// Adds keys to the template.
fn tell(farm: &Farm, more: &str) {
    farm.edit("amiable.toml", "[template.agent]\n", &format!("[template.agent]\n{more}\n"));
}

fn fault(farm: &Farm, call: &str) {
    farm.stdout(&["local", "fault", "--call", call]);
}

fn free(farm: &Farm) {
    farm.stdout(&["local", "fault", "--off"]);
}

/// The AMIs of all regions.
fn amis(farm: &Farm) -> Vec<serde_json::Value> {
    let text = farm.stdout(&["list", "--all-regions", "--output", "json"]);
    serde_json::from_str(&text).unwrap()
}

/// The id of the AMI that `is_meant`.
fn id(farm: &Farm, region: &str, generation: u64) -> String {
    let amis = amis(farm);
    let is_meant =
        |ami: &&serde_json::Value| ami["region"] == region && ami["generation"] == generation;
    amis.iter().find(is_meant).unwrap()["ami"].as_str().unwrap().to_owned()
}

/// What `aws` answers in a region.
pub(crate) fn aws(farm: &Farm, region: &str, args: &str) -> String {
    let args: Vec<&str> = args.split(' ').collect();
    let more = ["--region", region, "--output", "text"];
    let env = farm.endpoint_env();
    let (_, url) = env.iter().find(|(key, _)| key == "AWS_ENDPOINT_URL").unwrap();
    let mut command = farm.command("aws", &[&args, &more[..], &["--endpoint-url", url]].concat());
    let output = command.envs(env.clone()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_region_that_fails_is_named_and_a_repeat_finishes_it() {
    let farm = farm(&[], "share_with = [\"123456789012\"]\ndeprecate_after = \"90d\"");
    let mut told = vec![farm.amiable(&["create", "agent", "-q"])];
    fault(&farm, "CopyImage=UnauthorizedOperation,region=eu-west-1");
    told.push(farm.amiable(&["update", "agent", "-q"]));
    told.push(farm.amiable(&["list", "--all-regions"]));
    told.push(farm.amiable(&["plan", "--exit-code"]));
    free(&farm);
    told.push(farm.amiable(&["update", "agent"]));
    told.push(farm.amiable(&["list", "--all-regions"]));
    told.push(farm.amiable(&["plan", "--exit-code"]));
    fault(&farm, "CreateTags=UnauthorizedOperation,region=eu-west-1");
    told.push(farm.amiable(&["rollback", "agent"]));
    told.push(farm.amiable(&["plan", "--exit-code"]));
    free(&farm);
    told.push(farm.amiable(&["rollback", "agent", "--to", "1", "--output", "json"]));
    told.push(farm.amiable(&["list", "--all-regions"]));
    told.push(farm.amiable(&["plan", "--exit-code"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_copy_whose_process_was_killed_is_gone_on_with() {
    let farm = farm(&["--delays", "image=2s"], "");
    let mut update = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut update, "eu-west-1: copying to ami-");
    update.kill().unwrap();
    update.wait().unwrap();
    let mut told = vec![farm.amiable(&["list", "--all-regions"])];
    told.push(farm.amiable(&["update", "--all"]));
    told.push(farm.amiable(&["list", "--all-regions"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_copy_that_is_interrupted_is_undone() {
    let farm = farm(&["--delays", "image=2s"], "");
    let mut update = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut update, "eu-west-1: copying to ami-");
    kill_process(Pid::from_child(&update), Signal::INT).unwrap();
    wait_for_line(&mut update, "eu-west-1: deregistered ami-");
    assert_eq!(update.wait().unwrap().code(), Some(130));
    assert_eq!(amis(&farm).len(), 1);
    assert_eq!(
        aws(
            &farm,
            "eu-west-1",
            "ec2 describe-snapshots --owner-ids self --filters Name=tag-key,Values=amiable:bake --query Snapshots[].SnapshotId"
        ),
        ""
    );
    assert!(farm.amiable(&["update", "agent"]).contains("status: 0"));
    assert_eq!(amis(&farm).len(), 2);
}

#[test]
fn a_copy_of_a_dead_process_that_nobody_needs_is_removed() {
    // The copy is still being made when the sweep looks at it, however slow this machine is.
    let farm = farm(&["--delays", "image=8s"], "");
    let mut update = farm.spawn(&["update", "agent"]);
    wait_for_line(&mut update, "eu-west-1: copying to ami-");
    update.kill().unwrap();
    update.wait().unwrap();
    let told = farm.amiable(&["sweep", "--yes"]);
    insta::assert_snapshot!(told);
    assert_eq!(amis(&farm).len(), 1);
}

#[test]
fn doctor_looks_at_each_region() {
    let farm = farm(&[], "");
    fault(&farm, "CopyImage=UnauthorizedOperation,region=eu-west-1");
    let output = farm.command("amiable", &["doctor"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let of_region: Vec<&str> = text.lines().filter(|line| line.contains("eu-west-1")).collect();
    insta::assert_snapshot!(
        of_region
            .iter()
            .map(|it| it.split(" (request").next().unwrap())
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn a_copy_that_is_overtaken_does_not_become_current() {
    let farm = farm(&["--delays", "image=2s"], "");
    farm.stdout(&["create", "agent", "-q"]);
    let mut update = farm.spawn(&["update", "agent", "-q"]);
    // The copy of the second is under way when the first is current again.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while amis(&farm).len() < 4 {
        assert!(std::time::Instant::now() < end, "no copy is made");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    farm.stdout(&["rollback", "agent", "-q"]);
    assert_eq!(update.wait().unwrap().code(), Some(1));
    insta::assert_snapshot!(
        [farm.amiable(&["list", "--all-regions"]), farm.amiable(&["plan"])].join("\n")
    );
}

#[test]
fn the_last_term_is_taken_back_too() {
    let farm = Farm::with_example(&[]);
    tell(&farm, "share_with = [\"123456789012\"]");
    farm.stdout(&["create", "agent", "-q"]);
    let ami = farm.current("agent");
    // Somebody has made it public besides.
    aws(
        &farm,
        "us-east-1",
        &format!(
            "ec2 modify-image-attribute --image-id {ami} --launch-permission Add=[{{Group=all}}]"
        ),
    );
    let mut told = vec![farm.amiable(&["info", "agent"])];
    farm.edit("amiable.toml", "share_with = [\"123456789012\"]\n", "");
    told.push(farm.amiable(&["plan"]));
    told.push(farm.amiable(&["update", "--all"]));
    told.push(farm.amiable(&["plan"]));
    let of = format!("ec2 describe-image-attribute --image-id {ami} --attribute launchPermission");
    assert_eq!(aws(&farm, "us-east-1", &format!("{of} --query LaunchPermissions")), "");
    insta::assert_snapshot!(told.join("\n"));
}

/// Who may launch an AMI, and whether it is deprecated and protected.
fn terms(farm: &Farm, region: &str, generation: u64) -> String {
    let id = id(farm, region, generation);
    let of = format!("ec2 describe-image-attribute --image-id {id} --attribute launchPermission");
    let shared = aws(farm, region, &format!("{of} --query LaunchPermissions[].UserId"));
    let of = format!("ec2 describe-images --image-ids {id} --query");
    let day = aws(farm, region, &format!("{of} Images[].DeprecationTime"));
    let protected = aws(farm, region, &format!("{of} Images[].DeregistrationProtection"));
    let day = if day.is_empty() { "never" } else { "some day" };
    format!("{region}: shared with {shared}; deprecated {day}; protection {protected}")
}

#[test]
fn terms_hold_in_each_region_and_follow_the_configuration() {
    let more = "share_with = [\"123456789012\", \"210987654321\"]\ndeprecate_after = \"90d\"\n\
                deregistration_protection = true";
    let farm = farm(&[], more);
    farm.stdout(&["create", "agent", "-q"]);
    let both = |farm: &Farm| ["us-east-1", "eu-west-1"].map(|it| terms(farm, it, 1)).join("\n");
    let mut told = vec![both(&farm)];
    farm.edit("amiable.toml", "\"123456789012\", ", "");
    farm.edit("amiable.toml", "deprecate_after = \"90d\"", "");
    farm.edit("amiable.toml", "deregistration_protection = true", "");
    told.push(farm.amiable(&["plan"]));
    // Regions are done at the same time, and told of in any order.
    told.push(farm.amiable(&["update", "--all", "-q"]));
    told.push(both(&farm));
    told.push(farm.amiable(&["plan"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_amiable_has_protected_itself_is_pruned_in_each_region() {
    let farm = farm(&[], "deregistration_protection = true");
    for _ in 0..3 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    let other = id(&farm, "eu-west-1", 1);
    aws(
        &farm,
        "eu-west-1",
        &format!("ec2 create-tags --resources {other} --tags Key=amiable:distribution,Value="),
    );
    let mut told = vec![farm.amiable(&["prune", "--keep", "0", "--younger", "1ms", "--explain"])];
    told.push(farm.amiable(&["prune", "--keep", "0", "--younger", "1ms", "--yes", "--limit", "2"]));
    told.push(farm.amiable(&["prune", "--keep", "0", "--younger", "1ms", "--yes"]));
    told.push(farm.amiable(&["list", "--all-regions"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn copies_go_with_their_original_and_before_it() {
    let farm = farm(&[], "");
    for _ in 0..3 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    let [first, second, third] = [1, 2, 3].map(|it| id(&farm, "us-east-1", it));
    let mut told = vec![farm.amiable(&["delete", &third, "--yes"])];
    fault(&farm, "DeregisterImage=UnauthorizedOperation,region=eu-west-1");
    told.push(farm.amiable(&["delete", &first, "--yes"]));
    free(&farm);
    told.push(farm.amiable(&["delete", &first, "--dry-run"]));
    told.push(farm.amiable(&["delete", &first, "--yes"]));
    let copy = id(&farm, "eu-west-1", 2);
    told.push(farm.amiable(&["info", &copy]));
    told.push(farm.amiable(&["info", &second]));
    told.push(farm.amiable(&["delete", &copy, "--yes"]));
    fault(&farm, "DescribeImages=UnauthorizedOperation,region=eu-west-1");
    told.push(farm.amiable(&["delete", &second, "--yes"]));
    told.push(farm.amiable(&["list", "--all-regions"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn consumers_follow_in_the_region_where_they_are() {
    let farm = farm(&[], "");
    for region in ["us", "eu"] {
        farm.write(&format!("{region}.xml"), JENKINS);
    }
    let consumer = |file: &str, region: &str| {
        format!(
            "[[template.agent.consumer]]\njenkins = {{ file = \"{file}\", agents = [\"linux\"] }}\n\
             region = \"{region}\"\n\
             [[template.agent.consumer]]\ntag = {{ channel = \"stable\" }}\nregion = \"{region}\"\n"
        )
    };
    let consumers = consumer("us.xml", "us-east-1") + &consumer("eu.xml", "eu-west-1");
    let text = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    farm.write("amiable.toml", &format!("{text}\n{consumers}"));
    let mut told = vec![farm.amiable(&["update", "agent", "-q"])];
    told.push(farm.amiable(&["update", "agent", "--no-roll", "-q"]));
    told.push(farm.amiable(&["plan"]));
    told.push(farm.amiable(&["roll", "agent", "--write"]));
    told.push(farm.amiable(&["list", "--all-regions"]));
    let first = id(&farm, "us-east-1", 1);
    told.push(farm.amiable(&["rollback", "agent", "-q"]));
    told.push(farm.amiable(&["plan"]));
    let copy = id(&farm, "eu-west-1", 1);
    told.push(farm.amiable(&["roll", "agent", "--to", &copy, "--diff"]));
    told.push(farm.amiable(&["roll", "agent", "--to", "2", "--write", "--force"]));
    told.push(farm.amiable(&["delete", &first, "--dry-run"]));
    told.push(farm.amiable(&["info", "agent"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn encrypted_amis_are_so_in_each_region_by_that_regions_key() {
    let farm = farm(&[], "encrypt = { us-east-1 = \"alias/us\", eu-west-1 = \"alias/eu\" }");
    farm.stdout(&["create", "agent", "-q"]);
    let keys = ["us-east-1", "eu-west-1"].map(|region| {
        let of = "ec2 describe-snapshots --owner-ids self";
        let mine = "--filters Name=tag-key,Values=amiable:bake --query";
        aws(&farm, region, &format!("{of} {mine} Snapshots[].[Encrypted,KmsKeyId]"))
    });
    insta::assert_snapshot!(keys.join("\n"));
    farm.edit("amiable.toml", "alias/us", "alias/other");
    let plan = farm.amiable(&["plan"]);
    assert!(plan.contains("configuration: encrypt"), "{plan}");
}

#[test]
fn a_region_that_cannot_be_asked_is_named_and_the_others_are_listed() {
    let farm = farm(&[], "");
    farm.stdout(&["create", "agent", "-q"]);
    fault(&farm, "DescribeImages=UnauthorizedOperation,region=eu-west-1");
    let commands: [&[&str]; 5] = [
        &["list", "--all-regions"],
        &["plan"],
        &["update", "agent"],
        &["prune", "--yes"],
        &["sweep", "--yes"],
    ];
    let told = commands.map(|command| farm.amiable(command));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_wrong_about_regions_is_told_with_its_place() {
    let farm = farm(&[], "");
    let mut told = Vec::new();
    for (from, to) in [
        ("regions = [\"us-east-1\", \"eu-west-1\"]", "regions = [\"eu-west-1\", \"us-east-1\"]"),
        (
            "regions = [\"eu-west-1\", \"us-east-1\"]",
            "regions = [\"us-east-1\", \"Frankfurt\", \"us-east-1\"]",
        ),
        (
            "regions = [\"us-east-1\", \"Frankfurt\", \"us-east-1\"]",
            "regions = [\"us-east-1\", \"eu-west-1\"]\nshare_with = [\"all\", \"1234\"]\n\
             deprecate_after = \"11000d\"\nencrypt = \"arn:aws:kms:us-east-1:123456789012:key/x\"",
        ),
        ("share_with = [\"all\", \"1234\"]", "share_with = [\"123456789012\"]"),
        ("deprecate_after = \"11000d\"", "deregistration_protection = true"),
        ("encrypt = \"arn:aws:kms:us-east-1:123456789012:key/x\"", "encrypt = true"),
        ("encrypt = true", "encrypt = { us-east-1 = \"alias/ci\" }"),
        ("encrypt = { us-east-1 = \"alias/ci\" }", "encrypt = false"),
        ("{namespace}-{system}-{os}-{arch}-{date}-{generation}", "{template}"),
    ] {
        farm.edit("amiable.toml", from, to);
        told.push(farm.amiable(&["validate", "-q"]));
    }
    farm.edit("amiable.toml", "\"{template}\"", "\"{template}-{generation}\"");
    let consumer = "\n[[template.agent.consumer]]\nssm = \"/ci/agent\"\nregion = \"ap-south-1\"\n";
    let text = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    farm.write("amiable.toml", &(text + consumer));
    told.push(farm.amiable(&["validate", "-q"]));
    farm.edit("amiable.toml", "region = \"ap-south-1\"", "region = \"eu-west-1\"");
    told.push(farm.amiable(&["validate"]));
    // Without a region under [cloud] only the connection tells where AMIs are baked.
    farm.edit("amiable.toml", "\nregion = \"us-east-1\"", "");
    farm.edit(
        "amiable.toml",
        "regions = [\"us-east-1\", \"eu-west-1\"]",
        "regions = [\"eu-west-1\"]",
    );
    farm.edit("amiable.toml", &consumer.replace("ap-south-1", "eu-west-1"), "");
    told.push(farm.amiable(&["list"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn copies_wait_for_others_where_ec2_allows_no_more_at_the_same_time() {
    let farm = farm(&[], "");
    fault(&farm, "CopyImage=ResourceLimitExceeded,times=2");
    let told = farm.amiable(&["create", "agent"]);
    assert!(told.contains("status: 0"), "{told}");
    assert_eq!(told.matches("waiting for other copies to end").count(), 1, "{told}");
    assert_eq!(amis(&farm).len(), 2, "one in each region");
}
