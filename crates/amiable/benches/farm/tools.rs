//! The others: packer, and a script of `aws` calls as people write it.

use std::process::Command;

use crate::farm::Farm;

/// Packer's amazon-ebs, as it comes or tuned: polls each second, and a key pair and a security
/// group that are ready, which saves it calls.
pub(crate) fn packer(farm: &Farm, builds: usize, tuned: bool) -> Command {
    let env = farm.endpoint_env();
    if tuned {
        for args in [
            &[
                "ec2",
                "create-key-pair",
                "--key-name",
                "bench",
                "--query",
                "KeyMaterial",
                "--output",
                "text",
            ][..],
            &["ec2", "create-security-group", "--group-name", "bench", "--description", "bench"][..],
        ] {
            let output = aws(farm, &env, args).output().expect("aws runs");
            assert!(output.status.success(), "{output:?}");
            if args[1] == "create-key-pair" {
                farm.write("key.pem", &String::from_utf8_lossy(&output.stdout));
            }
        }
        let mut chmod = farm.command("chmod", &["600", "key.pem"]);
        assert!(chmod.status().expect("chmod runs").success());
    }
    let builder = |index: usize| {
        let mut builder = serde_json::json!({
            "type": "amazon-ebs", "name": format!("b{index}"),
            "custom_endpoint_ec2": "{{user `endpoint`}}", "ssh_port": 2222, "region": "us-east-1",
            "source_ami_filter": {
                "filters": { "name": "debian-*", "root-device-type": "ebs" },
                "owners": ["self"], "most_recent": true,
            },
            "instance_type": "t3.small", "ssh_username": "debian",
            "ami_name": format!("packer-{index}"),
        });
        if tuned {
            builder["aws_polling"] = serde_json::json!({ "delay_seconds": 1, "max_attempts": 600 });
            builder["ssh_keypair_name"] = "bench".into();
            builder["ssh_private_key_file"] = "key.pem".into();
            builder["security_group_filter"] =
                serde_json::json!({ "filters": { "group-name": "bench" } });
        }
        builder
    };
    let template = serde_json::json!({
        "variables": { "endpoint": "{{env `AWS_ENDPOINT_URL`}}" },
        "builders": (0..builds).map(builder).collect::<Vec<_>>(),
    });
    farm.write("template.json", &template.to_string());
    let mut command = farm.command("packer", &["build", "-color=false", "template.json"]);
    command.envs(env).env("CHECKPOINT_DISABLE", "1");
    command
}

fn aws(farm: &Farm, env: &[(String, String)], args: &[&str]) -> Command {
    let url = env.iter().find(|it| it.0 == "AWS_ENDPOINT_URL").expect("it is exported");
    let mut command = farm.command("aws", args);
    command.args(["--endpoint-url", &url.1]).envs(env.iter().cloned());
    command
}

/// Start, wait, log in, stop, wait, create, wait, terminate.
const SCRIPT: &str = r#"
ec2() { aws ec2 "$@" --endpoint-url "$AWS_ENDPOINT_URL" --output text; }
base=$(ec2 describe-images --owners self --filters Name=name,Values='debian-*' --query 'sort_by(Images,&CreationDate)[-1].ImageId')
ec2 authorize-security-group-ingress --group-name default --protocol tcp --port 22 --cidr 127.0.0.1/32
id=$(ec2 run-instances --image-id "$base" --instance-type t3.small --query 'Instances[0].InstanceId')
ec2 wait instance-running --instance-ids "$id"
address=$(ec2 describe-instances --instance-ids "$id" --query 'Reservations[0].Instances[0].PublicIpAddress')
until exec 3<>/dev/tcp/$address/2222; do sleep 1; done 2>/dev/null
ec2 stop-instances --instance-ids "$id"
ec2 wait instance-stopped --instance-ids "$id"
image=$(ec2 create-image --instance-id "$id" --name script --query ImageId)
ec2 wait image-available --image-ids "$image"
ec2 terminate-instances --instance-ids "$id"
"#;

pub(crate) fn script(farm: &Farm) -> Command {
    farm.write("bake.sh", SCRIPT);
    let mut command = farm.command("bash", &["-eu", "bake.sh"]);
    command.envs(farm.endpoint_env());
    command
}

/// `aws ec2 describe-images`.
pub(crate) fn describe_images(farm: &Farm) -> Command {
    aws(farm, &farm.endpoint_env(), &["ec2", "describe-images", "--owners", "self"])
}

/// The first line that a program says of its version.
pub(crate) fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or("not installed").to_owned()
}
