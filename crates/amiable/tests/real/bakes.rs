//! Bakes on real machines.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::agent::{Agent, add_key, aloud, amiable, image, real_farm, succeed};
use crate::farm::{Farm, wait_for_line};

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
instance_type = "t2.small"
base = { owner = "self", name = "base" }
source = { path = "source" }
# What free space holds is canaries.rs' matter.
seal = { keep = ["free-space"] }
[template.failing]
script = "node/fail"
[template.endless]
script = "node/sleep"
timeouts = { bake = "180s" }
"#;

/// What stands on the demo's AMI, is checked out from Bazaar on the instance, and notes where
/// it ran.
const SECOND: &str = r#"
[template.second]
base = { owner = "self", name = "jenkins-agent-debian-x86_64-*" }
source = { bzr = "URL", on = "instance" }
script = "node/setup"
"#;

/// User data of two kinds in one, compressed when it is sent.
const USER_DATA: &str = r#"Content-Type: multipart/mixed; boundary="part"
MIME-Version: 1.0

--part
Content-Type: text/cloud-config

write_files:
- { path: /etc/from-cloud-config, content: "yes" }
--part
Content-Type: text/x-shellscript

#!/bin/sh
echo yes > /etc/from-script
--part--
"#;

const SCRIPT: &str = "#!/bin/sh -e\npwd > /var/lib/second\nid -un >> /var/lib/second\n";

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

/// The file of a name in `folder` of this project's checkout.
fn in_project(folder: &str, name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(folder).canonicalize().unwrap().join(name).to_string_lossy().into_owned()
}

/// What `make demo` runs once all is built, with the image that is there. The demo's init
/// script fetches packages from the distribution, as those of users do.
fn run_demo(farm: &Farm) -> String {
    let mut demo = farm.command(&in_project("scripts", "demo"), &[env!("CARGO_BIN_EXE_amiable")]);
    let image = image("AMIABLE_TEST_BASE_IMAGE");
    demo.env("XDG_CACHE_HOME", Path::new(&image).parent().unwrap().parent().unwrap());
    let (status, ami, messages) = aloud(demo, "demo");
    assert_eq!(status, Some(0), "{messages}");
    ami
}

/// `amiable` with the demo's configuration.
fn of_the_demo(farm: &Farm, args: &[&str]) -> Command {
    let mut command = farm.command("amiable", args);
    command.env("AMIABLE_CONFIG", in_project("demo", "amiable.toml"));
    command
}

pub(crate) fn demo() {
    let farm = Farm::without_endpoint();
    let first = run_demo(&farm);

    // The second generation stands on the first, and is checked out on the instance, where the
    // client is to be installed first.
    farm.write("bzr/node/setup", SCRIPT);
    farm.write("bzr/secret", "a file that must not stay in the AMI");
    let commit = "cd bzr; brz init -q; brz whoami --branch 'A <a@b>'; brz add -q; brz commit -qm one";
    succeed(farm.command("sh", &["-ec", commit]));
    let (_server, url) = BazaarServer::start(&farm);
    farm.write("amiable.toml", &format!("{CONFIG}{}", SECOND.replace("URL", &url)));
    let second = amiable(&farm, &["create", "second"]);
    let info = farm.stdout(&["info", "second", "--output", "json"]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let revision = succeed(
        farm.command("brz", &["version-info", "--custom", "--template={revision_id}", "bzr"]),
    );
    assert_eq!(info["source"]["revision"], revision);
    assert_eq!(info["base_ami"], first);

    succeed(of_the_demo(&farm, &["delete", &first, "--yes", "--force"]));
    add_key(&farm);
    farm.write("user-data", USER_DATA);
    succeed(farm.command("gzip", &["user-data"]));
    let agent = Agent::start_with(&farm, &second, &["--user-data", "fileb://user-data.gz"]);
    assert_eq!(agent.ask("command -v make"), "/usr/bin/make", "the AMI below is gone");
    let ran = agent.ask("cat /var/lib/jenkins/agent");
    assert!(ran.starts_with("set up by ./setup-agent in /var/tmp/amiable-"), "{ran}");
    let ran = agent.ask("cat /var/lib/second");
    assert!(ran.starts_with("/var/tmp/amiable-") && ran.ends_with("/checkout/node\nroot"), "{ran}");
    assert_eq!(agent.ask("ls -d /var/tmp/amiable-* 2>/dev/null"), "", "the checkouts are gone");
    let keys = agent.ask("wc -l < .ssh/authorized_keys");
    assert_eq!(keys, "1", "only the agent's own key may log in");
    // cloud-init finds EC2, begins anew, and obeys the user data.
    assert_eq!(agent.ask("cloud-init status --wait >/dev/null; cloud-id"), "aws");
    assert_eq!(agent.ask("sudo cloud-init query v1.instance_id"), agent.id);
    assert_eq!(agent.ask("cat /etc/from-cloud-config /etc/from-script"), "yesyes");
    agent.terminate();
}

/// A farm with init scripts that do not succeed.
fn farm_with_scripts() -> Farm {
    let (farm, _) = real_farm();
    farm.write("amiable.toml", CONFIG);
    farm.write("source/node/fail", "echo about to fail\nexit 3\n");
    farm.write("source/node/sleep", "sleep 600\n");
    farm
}

pub(crate) fn failing_script() {
    let farm = farm_with_scripts();
    let (status, _, text) = aloud(farm.command("amiable", &["create", "failing"]), "create failing");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("the init script node/fail failed with exit status 3"), "{text}");
    assert!(text.contains("  | about to fail\n"), "{text}");
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 1, "only the base");
    assert_eq!(farm.status()["volumes"], 0);
}

pub(crate) fn nobody_owns_it() {
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
