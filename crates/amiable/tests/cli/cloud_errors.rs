//! What the cloud refuses, and what it says then.

use crate::farm::Farm;

#[test]
fn a_base_that_cannot_be_baked_on_is_refused_by_name() {
    let farm = Farm::with_example(&[]);
    let args = [
        "ec2",
        "register-image",
        "--name",
        "old-natty",
        "--image-location",
        "b/m.xml",
        "--output",
        "text",
    ];
    let output = farm.command("aws", &args).envs(farm.endpoint_env()).output().unwrap();
    let id = String::from_utf8(output.stdout).unwrap();
    let base = "{ owner = \"self\", name = \"debian-*\" }";
    let mut all = Vec::new();
    farm.edit("amiable.toml", base, &format!("\"{}\"", id.trim()));
    all.push(farm.amiable(&["create", "agent"]));
    farm.edit("amiable.toml", &format!("\"{}\"", id.trim()), "\"ami-0123456789abcdef0\"");
    all.push(farm.amiable(&["create", "agent"]));
    farm.edit(
        "amiable.toml",
        "\"ami-0123456789abcdef0\"",
        "{ owner = \"self\", name = \"fedora-*\" }",
    );
    all.push(farm.amiable(&["create", "agent"]));
    farm.edit("amiable.toml", "{ owner = \"self\", name = \"fedora-*\" }", "{ ssm = \"/base\" }");
    all.push(farm.amiable(&["create", "agent"]));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn an_aws_refusal_shows_code_message_request_id_and_what_to_do() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "# security_groups = [\"sg-…\"]", "security_groups = [\"nosuch\"]");
    insta::assert_snapshot!(farm.amiable(&["create", "agent"]));
}

#[test]
fn missing_and_wrong_credentials_are_told_apart() {
    let farm = Farm::with_example(&[]);
    let env = farm.endpoint_env();
    let url = env.iter().find(|(key, _)| key == "AWS_ENDPOINT_URL").unwrap().1.clone();
    farm.edit("amiable.toml", "endpoint = \"local\"", &format!("endpoint = \"{url}\""));
    let none = farm.amiable(&["list"]);
    let wrong = farm
        .command("amiable", &["list"])
        .env("AWS_ACCESS_KEY_ID", "AKIAWRONG")
        .env("AWS_SECRET_ACCESS_KEY", "wrong")
        .output()
        .unwrap();
    insta::assert_snapshot!([none, farm.transcript(&["list"], &wrong)].join("\n"));
    let right = farm.command("amiable", &["list"]).envs(env).output().unwrap();
    assert!(right.status.success(), "an URL is as good as \"local\": {right:?}");
}

#[test]
fn an_endpoint_that_is_not_there_and_a_missing_region_are_told() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "endpoint = \"local\"", "endpoint = \"http://127.0.0.1:1\"");
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    let away = farm.command("amiable", &["list"]).envs(keys).output().unwrap();
    let away = farm.transcript(&["list"], &away);
    farm.edit("amiable.toml", "region = \"us-east-1\"", "");
    insta::assert_snapshot!([away, farm.amiable(&["list"])].join("\n"));
}

#[test]
fn an_instance_that_nobody_can_log_in_to_is_given_up_in_time() {
    let farm = Farm::with_example(&["--delays", "ssh=1000s"]);
    farm.edit("amiable.toml", "# timeouts = { boot = \"15m\",", "timeouts = { boot = \"1s\",");
    let text = farm.amiable(&["create", "agent"]);
    // How often is tried in the time that there is, depends on the machine.
    let filters = vec![(r"within \d+ s", "within [SECONDS]")];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(text) });
    farm.wait_until_empty();
}

#[test]
fn what_ec2_has_no_room_for_is_told_with_a_way_out() {
    let farm = Farm::with_example(&[]);
    let mut told = Vec::new();
    for code in ["InstanceLimitExceeded", "Unsupported", "VcpuLimitExceeded"] {
        farm.stdout(&["local", "fault", "--call", &format!("RunInstances={code}")]);
        told.push(farm.amiable(&["create", "agent"]));
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(farm.status()["instances"].as_array().unwrap().len(), 0);
}
