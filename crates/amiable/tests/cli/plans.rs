//! The whole fleet: what is out of date and why, and many bakes at once.

use std::process::Command;

use crate::farm::{DEFAULTS, Farm, JENKINS};

/// Twelve templates: two stand on `common`, one has a base and one a repository of its own, one
/// is named in a file of Jenkins'.
fn fleet(farm: &Farm) {
    let mut text = String::from(DEFAULTS);
    let mut add = |name: &str, more: &str| text += &format!("\n[template.{name}]\n{more}\n");
    add("common", "source = { git = \"repository\" }");
    add("on-a", "base = { template = \"common\" }");
    add("on-b", "base = { template = \"common\" }");
    add("fresh", "base = { owner = \"self\", name = \"release-*\" }");
    add("described", "description = \"as it was\"");
    add("aged", "max_age = \"1s\"");
    add(
        "named",
        "[[template.named.consumer]]\njenkins = { file = \"config.xml\", agents = [\"linux\"] }",
    );
    for name in ["idle-1", "idle-2", "idle-3", "idle-4"] {
        add(name, "");
    }
    farm.write("amiable.toml", &text);
    farm.write("init/setup", "#!/bin/sh\ntrue\n");
    farm.write("config.xml", JENKINS);
    sh(
        farm,
        "git init -q repository && cd repository && git config user.email a@b && git config user.name a",
    );
    commit(farm, "one");
    image(farm, "release-1");
}

fn sh(farm: &Farm, script: &str) {
    let mut shell: Command = farm.command("sh", &["-ec", script]);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
}

fn commit(farm: &Farm, text: &str) {
    sh(
        farm,
        &format!(
            "cd repository && echo '# {text}' > setup && git add setup && git commit -qm {text}"
        ),
    );
}

/// Another image of the base, by name.
fn image(farm: &Farm, name: &str) {
    let env = farm.endpoint_env();
    let (_, url) = env.iter().find(|(key, _)| key == "AWS_ENDPOINT_URL").unwrap();
    let base = farm.base();
    let args = ["ec2", "copy-image", "--source-region", "us-east-1", "--name", name];
    let mut aws = farm.command("aws", &args);
    let more = ["--source-image-id", &base, "--endpoint-url", url, "--region", "us-east-1"];
    let output = aws.args(more).envs(env.clone()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// How many calls of EC2's a run of amiable makes.
fn calls(farm: &Farm, args: &[&str]) -> (String, u64) {
    farm.stdout(&["local", "calls", "--reset"]);
    let told = farm.amiable(args);
    let text = farm.stdout(&["local", "calls", "--output", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let counts = answer["made"].as_object().unwrap().iter();
    let of_ec2 = counts.filter(|(action, _)| !action.starts_with("ssh"));
    (told, of_ec2.filter_map(|(_, count)| count.as_u64()).sum())
}

#[test]
fn what_is_out_of_date_is_told_and_nothing_else_is_baked() {
    let farm = Farm::new(&[]);
    fleet(&farm);
    farm.stdout(&["update", "--all", "--jobs", "8", "-q"]);
    // Five of twelve change, for five reasons; two more stand on one of them.
    commit(&farm, "two");
    image(&farm, "release-2");
    farm.edit("amiable.toml", "as it was", "as it is now");
    farm.edit("amiable.toml", "[template.idle-4]", "[template.idle-4]\n\n[template.new]");
    std::thread::sleep(std::time::Duration::from_secs(2));
    let mut named = std::fs::read_to_string(farm.path("config.xml")).unwrap();
    let from = named.find("<ami>").unwrap() + 5;
    named.replace_range(from..named.find("</ami>").unwrap(), "ami-3c994355");
    farm.write("config.xml", &named);
    let mut told = vec![farm.amiable(&["plan", "--all", "--exit-code"])];
    let before = farm.stdout(&["list"]).lines().count();
    let update = farm.stdout(&["update", "--all", "--jobs", "8", "-q", "--output", "json"]);
    let rows: serde_json::Value = serde_json::from_str(&update).unwrap();
    let results = rows.as_array().unwrap().iter();
    let results = results.map(|row| format!("{}: {}", row["template"], row["result"]));
    told.push(results.collect::<Vec<String>>().join("\n"));
    assert_eq!(farm.stdout(&["list"]).lines().count(), before + 7);
    // The template that is too old after a second would be baked for ever.
    farm.edit("amiable.toml", "max_age = \"1s\"", "max_age = \"30d\"");
    let (again, count) = calls(&farm, &["plan", "--all", "--exit-code"]);
    told.push(again);
    let (nothing, same) = calls(&farm, &["update", "--all"]);
    told.push(nothing);
    assert_eq!((count, same), (3, 3), "what there is, the bases of one owner, and the next names");
    insta::assert_snapshot!(told.join("\n"));
    farm.wait_until_empty();
}

#[test]
fn what_was_rolled_back_from_is_not_baked_again_by_itself() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    farm.write("init/setup-agent", "#!/bin/sh\necho 2\n");
    farm.stdout(&["update", "--all", "-q"]);
    farm.stdout(&["rollback", "agent", "-q"]);
    let mut told = vec![farm.amiable(&["plan"])];
    farm.write("init/setup-agent", "#!/bin/sh\necho 3\n");
    told.push(farm.amiable(&["plan", "agent"]));
    farm.edit("amiable.toml", "path = \"init\"", "git = \"nosuch\"");
    told.push(farm.amiable(&["plan", "agent"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn one_that_fails_stops_nobody_but_those_that_stand_on_it() {
    let farm = Farm::new(&["--answer", "file=./broken=7"]);
    fleet(&farm);
    farm.edit("amiable.toml", "[template.common]", "[template.common]\nscript = \"broken\"");
    farm.write("repository/broken", "");
    sh(&farm, "cd repository && git add broken && git commit -qm broken");
    let told = farm.command("amiable", &["update", "--all", "--jobs", "3"]).output().unwrap();
    let text = String::from_utf8(told.stderr.clone()).unwrap();
    let summary = &text[text.find("TEMPLATE ").unwrap()..];
    let told = std::process::Output { stderr: summary.into(), stdout: Vec::new(), ..told };
    let mut all = vec![farm.transcript(&["update", "--all", "--jobs", "3"], &told)];
    farm.wait_until_empty();
    let failed = farm.amiable(&["update", "common", "idle-1", "-q", "--output", "json"]);
    all.push(failed.split("\n--- stderr").next().unwrap().to_owned());
    insta::assert_snapshot!(all.join("\n"));
}
