//! Debian's packer, which nobody here wrote, with an amazon-ebs template of the usual
//! kind: temporary key pair and security group, SSH, stop, CreateImage, tags, clean-up.

use crate::agent::{Agent, amiable, aws, real_farm, succeed};

/// All that is said of this endpoint is its address and the port of its instances' sshd.
const TEMPLATE: &str = r#"{
  "variables": { "endpoint": "{{env `AWS_ENDPOINT_URL`}}" },
  "builders": [{
    "type": "amazon-ebs",
    "custom_endpoint_ec2": "{{user `endpoint`}}",
    "ssh_port": 2222,
    "region": "us-east-1",
    "source_ami_filter": {
      "filters": { "name": "base", "root-device-type": "ebs" },
      "owners": ["self"],
      "most_recent": true
    },
    "instance_type": "t2.small",
    "ssh_username": "debian",
    "ssh_timeout": "15m",
    "ami_name": "packer-{{timestamp}}",
    "ami_description": "made by packer",
    "tags": { "made-by": "packer" },
    "snapshot_tags": { "made-by": "packer" }
  }],
  "provisioners": [
    { "type": "file", "source": "app.conf", "destination": "/tmp/app.conf" },
    {
      "type": "shell",
      "environment_vars": ["ROLE=builder"],
      "execute_command": "chmod +x {{ .Path }}; {{ .Vars }} sudo -E {{ .Path }}",
      "script": "install.sh"
    },
    {
      "type": "shell",
      "inline": ["echo from packer | sudo tee /etc/made-by", "echo $PACKER_BUILD_NAME by $(id -un) > note"]
    }
  ]
}"#;

/// Installs a package, as there is no mirror here: one of its own.
const INSTALL: &str = r#"#!/bin/sh -e
install -D -m 640 /tmp/app.conf /opt/app/app.conf
echo "$ROLE as $(id -un) in $(pwd | sed 's,/var/tmp/.*,its own folder,')" > /opt/app/role
mkdir -p /tmp/package/DEBIAN
printf 'Package: made-here\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y>\nDescription: x\n' \
    > /tmp/package/DEBIAN/control
dpkg-deb --build /tmp/package /tmp/package.deb
dpkg -i /tmp/package.deb
"#;

/// What the scripts have made of the machine: its packages, and their files with owners and modes.
const STATE: &str = "dpkg -l | sha256sum; dpkg -l made-here | tail -n 1; \
    sudo stat -c '%U:%G %a %n' /opt/app/app.conf /etc/made-by /home/debian/note; \
    sudo cat /opt/app/app.conf /etc/made-by /home/debian/note; sudo cut -d' ' -f1-3 /opt/app/role";

pub(crate) fn builds() {
    let (farm, base) = real_farm();
    farm.write("template.json", TEMPLATE);
    farm.write("app.conf", "answer = 42\n");
    farm.write("install.sh", INSTALL);
    let mut build = farm.command("packer", &["build", "-color=false", "template.json"]);
    build.envs(farm.endpoint_env()).env("CHECKPOINT_DISABLE", "1");
    let output = succeed(build);
    assert!(output.contains("==> Builds finished. The artifacts of successful builds are:"));

    let images = "Images[?ImageId!='{base}'].[Name,Description,State,Tags[0].Value]";
    let images = images.replace("{base}", &base);
    let images = aws(&farm, &["ec2", "describe-images", "--query", &images]);
    let fields: Vec<&str> = images.split('\t').collect();
    assert!(fields[0].starts_with("packer-"), "{images}");
    assert_eq!(fields[1..], ["made by packer", "available", "packer"]);
    let tagged = ["--filters", "Name=tag:made-by,Values=packer", "--query", "length(Snapshots)"];
    assert_eq!(aws(&farm, &[&["ec2", "describe-snapshots"], &tagged[..]].concat()), "1");

    let count = |what: &str, query: &str| {
        aws(&farm, &["ec2", what, "--query", query]).parse::<u32>().unwrap()
    };
    assert_eq!(count("describe-snapshots", "length(Snapshots)"), 2, "its own and the base's");
    assert_eq!(count("describe-volumes", "length(Volumes)"), 0);
    assert_eq!(count("describe-key-pairs", "length(KeyPairs)"), 1, "the farm's own");
    assert_eq!(count("describe-security-groups", "length(SecurityGroups)"), 1, "the default");
    let live = "length(Reservations[].Instances[?State.Name!='terminated'][])";
    assert_eq!(count("describe-instances", live), 0);

    // Nobody has sealed it: cloud-init sees by itself that it is on another instance.
    let ids = "Images[?Description=='made by packer'].ImageId";
    let image = aws(&farm, &["ec2", "describe-images", "--query", ids]);
    let agent = Agent::start(&farm, &image);
    assert_eq!(agent.ask("cat /etc/made-by"), "from packer");
    let id = agent.ask("cloud-init status --wait >/dev/null; sudo cloud-init query v1.instance_id");
    assert_eq!(id, agent.id);
    let packers = agent.ask(STATE);
    assert!(packers.contains("ii  made-here") && packers.contains("builder as root"), "{packers}");
    agent.terminate();

    // The same template, imported: its AMI is the same, as far as scripts have made it.
    let import = ["packer", "import", "template.json", "--var", "endpoint=local", "--into", "farm"];
    let told = amiable(&farm, &import);
    assert!(told.contains("provisioner 1 (file): `script`: 01-files"), "{told}");
    let ami = amiable(&farm, &["create", "template", "--config", "farm/amiable.toml"]);
    let agent = Agent::start(&farm, &ami);
    let amiables = agent.ask(STATE);
    assert_eq!(amiables, packers);
    eprintln!("both AMIs have this:\n{amiables}");
    agent.terminate();
}
