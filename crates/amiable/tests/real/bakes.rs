//! Bakes on real machines.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::agent::{Agent, amiable, real_farm, succeed};
use crate::farm::{Farm, wait_for_line};

/// The init script: it installs something real, and notes where it ran.
const SCRIPT: &str = "#!/bin/sh -e\napt-get update -q\napt-get install -q -y --no-install-recommends make\n\
                      pwd > /var/lib/agent-was-set-up\nid -un >> /var/lib/agent-was-set-up\n";

const CONFIG: &str = r#"
[cloud]
endpoint = "local"
[naming]
namespace = "real"
pattern = "{template}-{generation}"
[defaults]
system = "test"
os = "debian"
ssh_user = "debian"
instance_type = "t3.small"
base = { owner = "self", name = "base" }
script = "node/setup"
[template.agent]
source = { git = "git" }
[template.failing]
source = { git = "git" }
script = "node/fail"
[template.endless]
source = { git = "git" }
script = "node/sleep"
timeouts = { bake = "150s" }
"#;

/// A farm with repositories that have init scripts.
fn farm_with_scripts() -> Farm {
    let (farm, _) = real_farm();
    farm.write("amiable.toml", CONFIG);
    farm.write("git/node/setup", SCRIPT);
    farm.write("git/node/fail", "echo about to fail\nexit 3\n");
    farm.write("git/node/sleep", "sleep 600\n");
    farm.write("git/secret", "a file that must not stay in the AMI");
    let commands = "cp -r git bzr; cd git; git init -q; git add .; \
                    git -c user.email=a@b -c user.name=a commit -qm one; \
                    cd ../bzr; brz init -q; brz whoami --branch 'A <a@b>'; brz add -q; brz commit -qm one";
    succeed(farm.command("sh", &["-ec", commands]));
    farm
}

/// A Bazaar server on this machine, which guests reach at the address of their gateway.
struct BazaarServer(Child);

impl BazaarServer {
    fn start(farm: &Farm) -> (BazaarServer, String) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen =
            ["serve", "--listen", "127.0.0.1", "--directory", ".", "--port", &port.to_string()];
        let server = farm.command("brz", &listen).spawn().unwrap();
        (BazaarServer(server), format!("bzr://169.254.2.2:{port}/bzr"))
    }
}

impl Drop for BazaarServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "boots virtual machines for minutes and needs a base image: `make test` runs it"]
fn an_agents_ami_is_baked_updated_and_survives_the_one_below_it() {
    let farm = farm_with_scripts();

    let first = amiable(&farm, &["create", "agent"]);
    let agent = Agent::start(&farm, &first);
    assert_eq!(agent.ask("command -v make"), "/usr/bin/make");
    let ran = agent.ask("cat /var/lib/agent-was-set-up");
    assert!(ran.starts_with("/var/tmp/amiable-") && ran.ends_with("/checkout/node\nroot"), "{ran}");
    assert_eq!(agent.ask("ls -d /var/tmp/amiable-* 2>/dev/null"), "", "the checkout is gone");
    assert_eq!(
        agent.ask("wc -l < .ssh/authorized_keys"),
        "1",
        "only the agent's own key may log in"
    );
    assert_eq!(agent.ask("cloud-id"), "aws");
    agent.terminate();

    // The second generation stands on the first, and is checked out from Bazaar on the instance.
    let (_server, url) = BazaarServer::start(&farm);
    let source = format!(
        "base = {{ template = \"agent\" }}\nsource = {{ bzr = \"{url}\", on = \"instance\" }}"
    );
    farm.edit(
        "amiable.toml",
        "[template.agent]\nsource = { git = \"git\" }",
        &format!("[template.agent2]\n{source}\n[template.agent]\nsource = {{ git = \"git\" }}"),
    );
    let second = amiable(&farm, &["create", "agent2"]);
    let info = farm.stdout(&["info", "agent2", "--output", "json"]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let revision = succeed(
        farm.command("brz", &["version-info", "--custom", "--template={revision_id}", "bzr"]),
    );
    assert_eq!(info["source"]["revision"], revision);
    assert_eq!(info["base_ami"], first);

    amiable(&farm, &["delete", &first, "--yes", "--force"]);
    let agent = Agent::start(&farm, &second);
    assert_eq!(
        agent.ask("command -v make"),
        "/usr/bin/make",
        "it boots though the AMI below is gone"
    );
    assert_eq!(agent.ask("ls -d /var/tmp/amiable-* 2>/dev/null"), "");
    agent.terminate();
}

#[test]
#[ignore = "boots a virtual machine and needs a base image: `make test` runs it"]
fn a_failing_script_on_a_real_machine_leaves_nothing() {
    let farm = farm_with_scripts();
    let output = farm.command("amiable", &["create", "failing"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the init script node/fail failed with exit status 3"), "{text}");
    assert!(text.contains("  | about to fail\n"), "{text}");
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 1, "only the base");
    assert_eq!(farm.status()["volumes"], 0);
}

#[test]
#[ignore = "boots a virtual machine and needs a base image: `make test` runs it"]
fn a_builder_that_nobody_owns_any_more_ends_itself() {
    let farm = farm_with_scripts();
    let mut bake = farm.spawn(&["create", "endless"]);
    wait_for_line(&mut bake, "running the init script");
    bake.kill().unwrap();
    bake.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(400);
    while !farm.status()["instances"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < end, "the builder runs on: {}", farm.status());
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(farm.status()["volumes"], 0);
}
