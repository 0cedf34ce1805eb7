//! Farms with real machines, and agents that are started from AMIs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::farm::Farm;

/// How long a guest may take to let a login in: emulated ones need a minute.
const BOOT_PATIENCE: Duration = Duration::from_secs(300);

/// A farm with real machines, a base image, and a key to log in with. With the farm
/// comes the base image's id.
pub(crate) fn real_farm() -> (Farm, String) {
    real_farm_from("AMIABLE_TEST_BASE_IMAGE")
}

/// The same from the image that an environment variable names.
pub(crate) fn real_farm_from(variable: &str) -> (Farm, String) {
    let image = std::env::var(variable);
    let image = image.unwrap_or_else(|_| panic!("`make test` sets {variable}"));
    let farm = Farm::without_endpoint();
    let base = farm.stdout(&["local", "import", &image, "--name", "base"]).trim().to_owned();
    succeed(farm.command("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", "key"]));
    let import = ["ec2", "import-key-pair", "--key-name", "tester"];
    aws(&farm, &[&import[..], &["--public-key-material", "fileb://key.pub"]].concat());
    (farm, base)
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

/// Runs `amiable` with its messages passed on, as a bake of minutes should not be mute.
pub(crate) fn amiable(farm: &Farm, args: &[&str]) -> String {
    let mut command = farm.command("amiable", args);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
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
            "t3.small",
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
