//! Against moto, which has what the local endpoint has not: launch templates and auto
//! scaling groups. `make setup-test` installs it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::farm::Farm;

/// How long moto may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A farm whose endpoint is moto.
struct Moto {
    farm: Farm,
    url: String,
    server: Child,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Moto {
    fn new() -> Moto {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new("moto_server")
            .args(["-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto_server is there: `make setup-test` installs it");
        let farm = Farm::without_endpoint();
        assert!(farm.command("amiable", &["init"]).output().unwrap().status.success());
        let url = format!("http://127.0.0.1:{port}");
        farm.edit("amiable.toml", "endpoint = \"local\"", &format!("endpoint = \"{url}\""));
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "moto has not started");
            std::thread::sleep(Duration::from_millis(50));
        }
        Moto { farm, url, server }
    }

    fn env(&self) -> [(&'static str, &'static str); 3] {
        [
            ("AWS_ACCESS_KEY_ID", "testing"),
            ("AWS_SECRET_ACCESS_KEY", "testing"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ]
    }

    fn aws(&self, args: &str) -> String {
        let args: Vec<&str> = args.split(' ').collect();
        let more = ["--endpoint-url", &self.url, "--output", "text"];
        let mut command = self.farm.command("aws", &[&args, &more[..]].concat());
        let output = command.envs(self.env()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn amiable(&self, args: &[&str]) -> String {
        let output = self.farm.command("amiable", args).envs(self.env()).output().unwrap();
        self.farm.transcript(args, &output)
    }

    /// An AMI of the namespace, as an earlier bake would have left it.
    fn ami(&self, generation: u64) -> String {
        let volume =
            self.aws("ec2 create-volume --size 1 --availability-zone us-east-1a --query VolumeId");
        let snapshot =
            self.aws(&format!("ec2 create-snapshot --volume-id {volume} --query SnapshotId"));
        let id = self.aws(&format!(
            "ec2 register-image --name agent-{generation} --root-device-name /dev/xvda \
             --block-device-mappings DeviceName=/dev/xvda,Ebs={{SnapshotId={snapshot}}} --query ImageId"
        ));
        self.aws(&format!(
            "ec2 create-tags --resources {id} --tags Key=amiable:namespace,Value=ci \
             Key=amiable:template,Value=agent Key=amiable:generation,Value={generation} \
             Key=amiable:promoted,Value=2026-11-2{generation}T10:00:00Z"
        ));
        id
    }
}

#[test]
fn an_ami_that_anything_starts_instances_from_is_not_deleted() {
    let moto = Moto::new();
    let [unused, used, current] = [1, 2, 3].map(|generation| moto.ami(generation));
    moto.aws(&format!("ec2 run-instances --image-id {used} --instance-type t3.micro"));
    let data = |ami: &str| format!("--launch-template-data {{\"ImageId\":\"{ami}\"}}");
    let template = "--launch-template-name agents";
    moto.aws(&format!("ec2 create-launch-template {template} {}", data(&used)));
    moto.aws(&format!("ec2 create-launch-template-version {template} {}", data(&current)));
    moto.aws(&format!("ec2 create-launch-template-version {template} {}", data(&unused)));
    moto.aws(&format!(
        "autoscaling create-launch-configuration --launch-configuration-name old \
         --image-id {used} --instance-type t3.micro"
    ));
    let zone = "--min-size 0 --max-size 1 --availability-zones us-east-1a";
    let group = "autoscaling create-auto-scaling-group --auto-scaling-group-name";
    moto.aws(&format!("{group} by-configuration {zone} --launch-configuration-name old"));
    moto.aws(&format!(
        "{group} by-version {zone} --launch-template LaunchTemplateName=agents,Version=2"
    ));
    let mut all = vec![
        moto.amiable(&["list"]),
        moto.amiable(&["delete", &used, "--yes"]),
        moto.amiable(&["delete", &unused, "--yes"]),
        moto.amiable(&["delete", &current, "--dry-run"]),
    ];
    moto.aws(&format!("ec2 create-launch-template-version {template} {}", data(&current)));
    all.push(moto.amiable(&["delete", &unused, "--yes"]));
    all.push(moto.amiable(&["delete", &used, "--yes", "--force"]));
    all.push(moto.amiable(&["list"]));
    insta::assert_snapshot!(all.join("\n"));
}
