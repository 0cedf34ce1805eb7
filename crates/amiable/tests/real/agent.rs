//! Farms with real machines, and agents that are started from AMIs.

use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::farm::Farm;

/// How long a guest may take to let a login in: emulated ones need minutes beside others.
const BOOT_PATIENCE: Duration = Duration::from_secs(600);

/// One CPU, so that tests can run beside each other.
const INSTANCE_TYPE: &str = "t2.small";

/// What the configurations of all tests begin with; defaults and templates follow.
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
"#;

/// Writes a farm's configuration.
pub(crate) fn configure(farm: &Farm, rest: &str) {
    farm.write("amiable.toml", &format!("{CONFIG}{rest}"));
}

/// A farm with real machines, a base image, and a key to log in with. With the farm
/// comes the base image's id.
pub(crate) fn real_farm() -> (Farm, String) {
    real_farm_from("AMIABLE_TEST_BASE_IMAGE")
}

/// The same from the image that an environment variable names.
pub(crate) fn real_farm_from(variable: &str) -> (Farm, String) {
    real_farm_from_arch(variable, "x86_64")
}

/// The same of another architecture.
pub(crate) fn real_farm_from_arch(variable: &str, arch: &str) -> (Farm, String) {
    let farm = Farm::without_endpoint();
    let image = image(variable);
    let import = ["local", "import", &image, "--name", "base", "--arch", arch];
    let base = farm.stdout(&import).trim().to_owned();
    add_key(&farm);
    (farm, base)
}

/// The path of the image that an environment variable names.
pub(crate) fn image(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("`make real-test` sets {variable}"))
}

/// A key of the tester's own to log in with, which is the key pair `tester`, and a rule that lets
/// the tester in to agents.
pub(crate) fn add_key(farm: &Farm) {
    succeed(farm.command("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", "key"]));
    let import = ["ec2", "import-key-pair", "--key-name", "tester"];
    aws(farm, &[&import[..], &["--public-key-material", "fileb://key.pub"]].concat());
    let rule = ["ec2", "authorize-security-group-ingress", "--group-name", "default"];
    let from = ["--protocol", "tcp", "--port", "22", "--cidr", "127.0.0.1/32"];
    aws(farm, &[&rule[..], &from].concat());
}

pub(crate) fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn aws(farm: &Farm, args: &[&str]) -> String {
    let mut command = farm.command("aws", &[args, &["--output", "text"]].concat());
    command.envs(farm.endpoint_env());
    succeed(command)
}

/// Runs `amiable`, which must succeed; returns its standard output.
pub(crate) fn amiable(farm: &Farm, args: &[&str]) -> String {
    let (status, stdout, messages) = aloud(farm.command("amiable", args), &args.join(" "));
    assert_eq!(status, Some(0), "{args:?}: {messages}");
    stdout
}

/// Runs a program with its messages passed on, as a bake of minutes should not be mute, each
/// line behind a label, as several tests run at once. Returns the exit status, the
/// standard output and the messages.
pub(crate) fn aloud(mut command: Command, label: &str) -> (Option<i32>, String, String) {
    let label = label.to_owned();
    let (stdout, stderr) = (std::process::Stdio::piped(), std::process::Stdio::piped());
    let mut child = command.stdout(stdout).stderr(stderr).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let messages = std::thread::spawn(move || {
        let mut text = String::new();
        for line in lines.map_while(Result::ok) {
            eprintln!("{label}: {line}");
            text += &(line + "\n");
        }
        text
    });
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    (output.status.code(), stdout, messages.join().unwrap())
}

/// An instance of an AMI, as an agent would be started from it.
pub(crate) struct Agent<'a> {
    farm: &'a Farm,
    pub(crate) id: String,
    address: String,
}

impl Agent<'_> {
    pub(crate) fn start<'a>(farm: &'a Farm, ami: &str) -> Agent<'a> {
        Agent::start_with(farm, ami, &[])
    }

    /// The same with more arguments for run-instances.
    pub(crate) fn start_with<'a>(farm: &'a Farm, ami: &str, more: &[&str]) -> Agent<'a> {
        let run = [
            "ec2",
            "run-instances",
            "--image-id",
            ami,
            "--instance-type",
            INSTANCE_TYPE,
            "--key-name",
            "tester",
            "--query",
            "Instances[0].InstanceId",
        ];
        let id = aws(farm, &[&run[..], more].concat());
        aws(farm, &["ec2", "wait", "instance-running", "--instance-ids", &id]);
        let query = "Reservations[0].Instances[0].PublicIpAddress";
        let address =
            aws(farm, &["ec2", "describe-instances", "--instance-ids", &id, "--query", query]);
        Agent { farm, id, address }
    }

    fn ssh(&self, command: &str) -> std::process::Output {
        let login = format!("debian@{}", self.address);
        let args = [
            "-F",
            "/dev/null",
            "-i",
            "key",
            "-p",
            "2222",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=20",
            "-o",
            // Host keys of an AMI that was not sealed change when cloud-init comes to it.
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            &login,
            command,
        ];
        self.farm.command("ssh", &args).output().unwrap()
    }

    /// The output of a command, once the agent lets someone in.
    pub(crate) fn ask(&self, command: &str) -> String {
        let end = Instant::now() + BOOT_PATIENCE;
        loop {
            let output = self.ssh(command);
            if output.status.code() != Some(255) {
                return String::from_utf8(output.stdout).unwrap().trim().to_owned();
            }
            assert!(Instant::now() < end, "no login at {}: {output:?}", self.address);
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    pub(crate) fn terminate(self) {
        aws(self.farm, &["ec2", "terminate-instances", "--instance-ids", &self.id]);
        aws(self.farm, &["ec2", "wait", "instance-terminated", "--instance-ids", &self.id]);
    }
}
