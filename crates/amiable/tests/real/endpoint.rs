//! The endpoint as guests and owners of real machines see it.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::agent::{Agent, aws, real_farm_from, succeed};
use crate::farm::Farm;

/// A question to the metadata service, by the shell: with the token that is given, with a new
/// one (`new`), or without one (`none`). Prints the answer or `HTTP status`.
const METADATA: &str = r#"imds=http://169.254.169.254
token=TOKEN
[ "$token" != new ] || token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $imds/latest/api/token)
[ PATH != token ] || { echo "$token"; exit; }
set -- -s -o /tmp/answer -w '%{http_code}'
[ "$token" = none ] || set -- "$@" -H "X-aws-ec2-metadata-token: $token"
status=$(curl "$@" ${imds}PATH)
if [ "$status" = 200 ]; then cat /tmp/answer; else echo "HTTP $status"; fi"#;

/// Its metadata service answers nobody without a token.
const WITH_TOKENS: [&str; 2] = ["--metadata-options", "HttpTokens=required"];

fn metadata(agent: &Agent<'_>, path: &str, token: &str) -> String {
    agent.ask(&METADATA.replace("PATH", path).replace("TOKEN", token))
}

/// Kills the server as the kernel or an impatient person would.
fn kill_server(farm: &Farm) {
    let pid = farm.status()["pid"].as_i64().unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while rustix::process::test_kill_process(pid).is_ok() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    // The next command starts another.
    farm.endpoint_env();
}

fn create_image(farm: &Farm, agent: &Agent<'_>, name: &str, more: &[&str]) -> String {
    let create = ["ec2", "create-image", "--instance-id", &agent.id, "--name", name];
    aws(farm, &[&create[..], more, &["--query", "ImageId"]].concat())
}

fn wait(farm: &Farm, what: &str, id: &str) {
    let flag = if what.starts_with("image") { "--image-ids" } else { "--instance-ids" };
    aws(farm, &["ec2", "wait", what, flag, id]);
}

fn deregister(farm: &Farm, image: &str) {
    let query = "Images[0].BlockDeviceMappings[0].Ebs.SnapshotId";
    let ids = ["ec2", "describe-images", "--image-ids", image, "--query", query];
    let snapshot = aws(farm, &ids);
    aws(farm, &["ec2", "deregister-image", "--image-id", image]);
    aws(farm, &["ec2", "delete-snapshot", "--snapshot-id", &snapshot]);
}

pub(crate) fn three_generations() {
    let (farm, base) = real_farm_from("AMIABLE_TEST_BUSYBOX_IMAGE");
    let first = Agent::start_with(&farm, &base, &WITH_TOKENS);
    assert_eq!(metadata(&first, "/latest/meta-data/instance-id", "none"), "HTTP 401");
    assert_eq!(metadata(&first, "/latest/meta-data/instance-id", "new"), first.id);
    let token = metadata(&first, "token", "new");

    // A reboot is one, and its metadata is still there.
    let boot = "cat /proc/sys/kernel/random/boot_id";
    let before = first.ask(boot);
    aws(&farm, &["ec2", "reboot-instances", "--instance-ids", &first.id]);
    let end = Instant::now() + Duration::from_secs(300);
    while first.ask(boot) == before {
        assert!(Instant::now() < end, "it boots again");
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(metadata(&first, "/latest/meta-data/ami-id", "new"), base);

    // The first generation: of a running instance, while the server is killed.
    first.ask("echo one | sudo tee /etc/generation; sync");
    let one = create_image(&farm, &first, "generation-1", &["--no-reboot"]);
    kill_server(&farm);
    wait(&farm, "image-available", &one);
    assert_eq!(first.ask(boot), first.ask(boot), "it was not rebooted");
    first.ask("echo lost | sudo tee /etc/after-the-image; sync");

    // A stop and a second start.
    aws(&farm, &["ec2", "stop-instances", "--instance-ids", &first.id]);
    wait(&farm, "instance-stopped", &first.id);
    aws(&farm, &["ec2", "start-instances", "--instance-ids", &first.id]);
    assert_eq!(first.ask("cat /etc/generation /etc/after-the-image"), "one\nlost");
    assert_eq!(metadata(&first, "/latest/meta-data/instance-id", "new"), first.id);

    // The second: of an instance of the first, which is shut down for it meanwhile.
    let second = Agent::start_with(&farm, &one, &WITH_TOKENS);
    assert_eq!(second.ask("cat /etc/generation; ls /etc/after-the-image 2>/dev/null"), "one");
    let path = "/latest/meta-data/instance-id";
    assert_eq!(metadata(&second, path, "new"), second.id);
    assert_eq!(metadata(&second, path, &token), "HTTP 401", "another instance's token");
    let other = format!("/latest/meta-data/{}", first.id);
    assert_eq!(metadata(&second, &other, "new"), "HTTP 404");
    first.terminate();
    second.ask("echo two | sudo tee /etc/generation; sync");
    let two = create_image(&farm, &second, "generation-2", &[]);
    kill_server(&farm);
    wait(&farm, "image-available", &two);
    assert_eq!(second.ask("cat /etc/generation"), "two", "it is started again");
    second.terminate();

    // The third: of a stopped instance of the second. Then the two below it go.
    let third = Agent::start(&farm, &two);
    assert_eq!(
        metadata(&third, path, "none"),
        third.id,
        "neither its AMI nor its owner wants tokens"
    );
    third.ask("echo three | sudo tee /etc/generation; sync");
    aws(&farm, &["ec2", "stop-instances", "--instance-ids", &third.id]);
    wait(&farm, "instance-stopped", &third.id);
    let three = create_image(&farm, &third, "generation-3", &[]);
    wait(&farm, "image-available", &three);
    third.terminate();
    deregister(&farm, &one);
    deregister(&farm, &two);
    kill_server(&farm);
    let last = Agent::start(&farm, &three);
    assert_eq!(last.ask("cat /etc/generation"), "three");
    last.terminate();
}

pub(crate) fn console() {
    let (farm, _) = real_farm_from("AMIABLE_TEST_BUSYBOX_IMAGE");
    succeed(farm.command("qemu-img", &["create", "-q", "-f", "qcow2", "blank.qcow2", "1G"]));
    let blank = farm.stdout(&["local", "import", "blank.qcow2", "--name", "blank"]);
    let agent = Agent::start(&farm, blank.trim());
    let console = ["ec2", "get-console-output", "--instance-id", &agent.id, "--query", "Output"];
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let text = aws(&farm, &console);
        if text.contains("No bootable device") {
            break;
        }
        assert!(Instant::now() < end, "the firmware says why: {text}");
        std::thread::sleep(Duration::from_secs(1));
    }
    agent.terminate();
}
