//! Bakes on real machines.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::agent::{Agent, add_key, aloud, amiable, configure, image, real_farm_from, succeed};
use crate::farm::{Farm, wait_for_line};

const CONFIG: &str = r#"
[template.failing]
script = "node/fail"
key_pair = "temporary"
host_key = "first-contact"
[template.endless]
script = "node/sleep"
# Longer than a boot beside other guests takes.
timeouts = { bake = "300s" }
"#;

/// A template based on the demo's AMI, which has git: it is checked out on the instance, and notes
/// where it ran.
const SECOND: &str = r#"
[template.second]
base = { owner = "self", name = "jenkins-agent-debian-x86_64-*" }
source = { git = "URL", on = "instance" }
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

/// A git server on this machine, which guests reach at the address of their gateway.
struct GitServer(Child);

impl GitServer {
    fn start(farm: &Farm) -> (GitServer, String) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (base, port) = (farm.path("").display().to_string(), port.to_string());
        let here = [
            "daemon",
            "--export-all",
            "--listen=127.0.0.1",
            &format!("--port={port}"),
            &format!("--base-path={base}"),
        ];
        let server = farm.command("git", &here).spawn().unwrap();
        (GitServer(server), format!("git://169.254.2.2:{port}/git"))
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        // SIGTERM also ends the process that git starts for the daemon; SIGKILL would leave it.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
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
    add_scripts(&farm);
    let first = run_demo(&farm);

    farm.write("git/node/setup", SCRIPT);
    farm.write("git/secret", "a file that must not stay in the AMI");
    let commit = "cd git; git init -q; git add .; \
                  git -c user.email=a@b -c user.name=a commit -qm one; git rev-parse HEAD";
    let revision = succeed(farm.command("sh", &["-ec", commit]));
    let (_server, url) = GitServer::start(&farm);
    configure(&farm, &format!("{CONFIG}{}", SECOND.replace("URL", &url)));
    // The agent below proves it.
    let second = amiable(&farm, &["create", "second", "--no-verify"]);
    let info = farm.stdout(&["info", &second, "--output", "json"]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
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

/// Init scripts that do not succeed.
fn add_scripts(farm: &Farm) {
    farm.write("source/node/fail", "echo about to fail\nexit 3\n");
    farm.write("source/node/sleep", "sleep 900\n");
}

fn farm_with_scripts(base: &str) -> Farm {
    let (farm, _) = real_farm_from(base);
    configure(&farm, CONFIG);
    add_scripts(&farm);
    farm
}

pub(crate) fn failing_script() {
    let farm = farm_with_scripts("AMIABLE_TEST_BUSYBOX_IMAGE");
    let (status, _, text) =
        aloud(farm.command("amiable", &["create", "failing"]), "create failing");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("the init script node/fail failed with exit status 3"), "{text}");
    assert!(text.contains("  | about to fail\n"), "{text}");
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 1, "only the base");
    assert_eq!(farm.status()["volumes"], 0);
}

pub(crate) fn nobody_owns_it() {
    let farm = farm_with_scripts("AMIABLE_TEST_BASE_IMAGE");
    let mut bake = farm.spawn(&["create", "endless"]);
    wait_for_line(&mut bake, "running the init script");
    bake.kill().unwrap();
    bake.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(1200);
    while !farm.status()["instances"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < end, "the builder runs on: {}", farm.status());
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(farm.status()["volumes"], 0);
}
