//! Configurations, right and wrong.

use crate::farm::Farm;

#[test]
fn init_writes_a_configuration_that_is_right() {
    let farm = Farm::without_endpoint();
    insta::assert_snapshot!(
        [farm.amiable(&["init"]), farm.amiable(&["validate"]), farm.amiable(&["init"])].join("\n")
    );
}

#[test]
fn six_mistakes_are_six_messages() {
    let farm = Farm::without_endpoint();
    farm.write(
        "amiable.toml",
        r#"[cloud]
endpoint = "local"
regoin = "us-east-1"

[naming]
namespace = "ci"
pattern = "{system}:{os}-{generation}"

[defaults]
ssh_user = 5

[template.agent]
system = "jenkins"
os = "debian-12"
arch = "amd64"
base = { name = "debian-*" }
source = { path = "scripts" }
script = "setup-agent"
"#,
    );
    insta::assert_snapshot!(farm.amiable(&["create", "agent"]));
}

#[test]
fn what_is_missing_is_named() {
    let farm = Farm::without_endpoint();
    let mut all = vec![farm.amiable(&["list"]), farm.amiable(&["list", "--config", "nosuch.toml"])];
    farm.write("amiable.toml", "[naming]\nnamespace = \"ci\"\n");
    all.push(farm.amiable(&["validate"]));
    farm.write("amiable.toml", "[naming\n");
    all.push(farm.amiable(&["validate"]));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_ec2_would_read_as_wildcards_or_keep_for_itself_is_refused() {
    let farm = Farm::without_endpoint();
    farm.command("amiable", &["init"]).output().unwrap();
    farm.edit("amiable.toml", "namespace = \"ci\"", "namespace = \"ci*\"");
    farm.edit("amiable.toml", "contact =", "\"AWS:contact\" =");
    insta::assert_snapshot!(farm.amiable(&["validate"]));
}

#[test]
fn the_configuration_is_found_upwards_and_by_the_environment() {
    let farm = Farm::without_endpoint();
    assert!(farm.command("amiable", &["init"]).output().unwrap().status.success());
    std::fs::create_dir_all(farm.path("a/b")).unwrap();
    let below = farm.command("amiable", &["validate", "-q"]).current_dir(farm.path("a/b")).output();
    assert!(below.unwrap().status.success());
    let elsewhere = farm
        .command("amiable", &["validate", "-q"])
        .current_dir("/")
        .env("AMIABLE_CONFIG", farm.path("amiable.toml"))
        .output();
    assert!(elsewhere.unwrap().status.success());
}

#[test]
fn a_template_that_is_not_there_is_perhaps_another() {
    let farm = Farm::without_endpoint();
    assert!(farm.command("amiable", &["init"]).output().unwrap().status.success());
    insta::assert_snapshot!(
        [farm.amiable(&["create", "agnet"]), farm.amiable(&["info", "nothing-like-it"])].join("\n")
    );
}

/// An AMI can be found, rolled back to and deleted when its script is gone.
#[test]
fn what_looks_needs_no_script() {
    let farm = Farm::with_example(&[]);
    let first = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    std::fs::remove_dir_all(farm.path("init")).unwrap();
    let all = [
        farm.amiable(&["update", "agent"]),
        farm.amiable(&["list", "--template", "agnt"]),
        farm.amiable(&["rollback", "agent"]),
        farm.amiable(&["rollback", "agent", "--to", "2"]),
        farm.amiable(&["delete", &first, "--dry-run", "--output", "json"]),
        farm.amiable(&["sweep"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}
