//! Machines that are reached by a program: in a private subnet, where nothing else gets in.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::accesses::{ec2, let_in};
use crate::farm::{Farm, wait_for_line};

/// The tests' own `aws`.
const OPEN_TUNNEL: &str = include_str!("open_tunnel.py");

/// What AWS CLI 1.45 says of a command that it does not know.
const OLD_AWS: &str = "#!/bin/sh\necho 'usage: aws [options] <command> <subcommand> [parameters]' >&2\n\
                       echo 'aws: error: argument operation: Invalid choice, valid choices are:' >&2\n\
                       echo 'help' >&2\nexit 2\n";

/// Connects from an address inside the VPC, and notes its number. What it starts goes on by itself.
const RELAY: &str = r#"#!/usr/bin/python3
import os, socket, subprocess, sys, threading
other = subprocess.Popen(["sleep", "1000"])
with open(sys.argv[3], "a") as log: print(os.getpid(), other.pid, file=log)
print("relaying to", sys.argv[1], file=sys.stderr)
tunnel = socket.create_connection((sys.argv[1], int(sys.argv[2])), source_address=("127.64.9.9", 0))
def up():
    while data := os.read(0, 32000): tunnel.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := tunnel.recv(32000): os.write(1, data)
other.kill()
os._exit(0)
"#;

/// A farm whose machines are in a private subnet.
fn private_farm(args: &[&str], way: &str) -> Farm {
    let farm = Farm::with_example(args);
    let vpc = ec2(&farm, &["describe-vpcs", "--query", "Vpcs[0].VpcId"]);
    let create = ["create-subnet", "--vpc-id", &vpc, "--cidr-block", "127.96.7.0/24"];
    let subnet = ec2(&farm, &[&create[..], &["--query", "Subnet.SubnetId"]].concat());
    let keys = format!("[defaults]\nsubnet = \"{subnet}\"\n{way}\n");
    farm.edit("amiable.toml", "[defaults]", &keys);
    farm
}

/// Makes an EC2 Instance Connect Endpoint in the farm's private subnet.
fn connect_endpoint(farm: &Farm) {
    let private = "Subnets[?MapPublicIpOnLaunch==`false`].SubnetId";
    let subnet = ec2(farm, &["describe-subnets", "--query", private]);
    query(farm, &["Action=CreateInstanceConnectEndpoint", &format!("SubnetId={subnet}")]);
    let end = Instant::now() + Duration::from_secs(20);
    while !query(farm, &["Action=DescribeInstanceConnectEndpoints"]).contains("create-complete") {
        assert!(Instant::now() < end, "the endpoint is there after a second or two");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A call that `aws` may be too old for.
pub(crate) fn query(farm: &Farm, parameters: &[&str]) -> String {
    farm.write_program("bin/aws", OPEN_TUNNEL);
    let aws = farm.path("bin/aws").display().to_string();
    let mut command = farm.command(&aws, &[&["query"], parameters].concat());
    let output = command.envs(farm.endpoint_env()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// `amiable` with the tests' own `aws` in PATH.
fn with_open_tunnel(farm: &Farm, args: &[&str]) -> Command {
    farm.write_program("bin/aws", OPEN_TUNNEL);
    farm.command_with_bin("amiable", args)
}

/// The numbers that relays have noted.
fn relays(farm: &Farm) -> Vec<i32> {
    let text = std::fs::read_to_string(farm.path("relays")).unwrap_or_default();
    text.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Fails when one of them lives much longer.
fn all_have_ended(pids: &[i32]) {
    let end = Instant::now() + Duration::from_secs(20);
    while pids.iter().any(|pid| lives(*pid)) {
        assert!(Instant::now() < end, "of {pids:?} some live still");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const BY_RELAY: &str =
    "connect = { command = [\"./relay\", \"{address}\", \"{port}\", \"relays\"] }";

#[test]
fn in_a_private_subnet_only_a_way_in_leads_to_an_ami() {
    let farm = private_farm(&["--delays", "image=15s"], "");
    let boot = "timeouts = { boot = \"3s\",";
    farm.edit("amiable.toml", "# timeouts = { boot = \"15m\",", boot);
    let mut told = vec![farm.amiable(&["create", "agent"])];
    farm.edit("amiable.toml", boot, "# timeouts = { boot = \"15m\",");
    let way = "[defaults]\nconnect = \"instance-connect\"";
    farm.edit("amiable.toml", "[defaults]", way);
    let output = with_open_tunnel(&farm, &["doctor"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("FAILED  EC2 Instance Connect Endpoint"), "{text}");
    connect_endpoint(&farm);
    let output = with_open_tunnel(&farm, &["doctor"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ok      EC2 Instance Connect Endpoint"), "{text}");
    assert!(text.contains("127.64.0.0/10 is allowed by amiable's own security group"), "{text}");
    let mut bake = with_open_tunnel(&farm, &["create", "agent"]);
    let mut bake = bake.stderr(std::process::Stdio::piped()).spawn().unwrap();
    wait_for_line(&mut bake, "creating the image");
    let rules = let_in(&farm);
    assert_eq!(rules.len(), 1, "{rules:?}");
    assert!(rules[0].ends_with(" 127.64.0.0/10"), "{rules:?}");
    assert!(bake.wait().unwrap().success());
    assert_eq!(let_in(&farm), [""; 0]);
    farm.wait_until_empty();
    told.push(farm.amiable(&["list"]));
    let filters = vec![(r"within \d+ s", "within [SECONDS]"), ("subnet-[0-9a-f]{17}", "[SUBNET]")];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(told.join("\n")) });
}

#[test]
fn a_lost_tunnel_is_made_again_and_ends_with_the_bake() {
    let farm = private_farm(&["--delays", "image=5s"], BY_RELAY);
    farm.write_program("relay", RELAY);
    let mut bake = farm.spawn(&["create", "agent"]);
    wait_for_line(&mut bake, "waiting for cloud-init");
    let first = relays(&farm)[0];
    let killed = Pid::from_raw(first).map(|pid| kill_process(pid, Signal::KILL));
    let output = bake.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    if killed == Some(Ok(())) {
        assert!(text.contains("was lost ("), "{text}");
    }
    let pids = relays(&farm);
    assert!(pids.len() >= 4, "the builder's and the verifying machine's: {pids:?}");
    // What a relay that was killed has started, ends too.
    all_have_ended(&pids);
    let logs = farm.path("home/.local/state/amiable/log");
    let log = std::fs::read_dir(logs).unwrap().next().unwrap().unwrap().path();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("connection: relaying to 127.96.7."), "{log}");
    farm.wait_until_empty();
}

#[test]
fn no_tunnel_outlives_a_bake_that_is_interrupted_or_killed() {
    for signal in [Signal::INT, Signal::KILL] {
        let farm = private_farm(&["--delays", "ssh=1s,image=60s"], BY_RELAY);
        farm.write_program("relay", RELAY);
        // The command waits, so that the tunnel is open.
        farm.stdout(&["local", "fault", "--call", "ssh=wait:60s"]);
        let mut bake = farm.spawn(&["create", "agent"]);
        wait_for_line(&mut bake, "waiting for cloud-init");
        let pids = relays(&farm);
        let last = &pids[pids.len() - 2..];
        assert!(last.iter().all(|pid| lives(*pid)), "{pids:?}");
        let pid = Pid::from_raw(bake.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        bake.wait().unwrap();
        all_have_ended(&pids);
    }
}

#[test]
fn a_way_that_leads_nowhere_says_why() {
    let farm = private_farm(&[], "connect = { command = [\"no-such-program\"] }");
    farm.edit("amiable.toml", "# timeouts = { boot = \"15m\",", "timeouts = { boot = \"4s\",");
    let mut told = Vec::new();
    told.push(farm.amiable(&["create", "agent"]));
    let mut way = "connect = { command = [\"no-such-program\"] }".to_owned();
    let mut change = |to: &str| {
        let to = format!("{to} # this way");
        farm.edit("amiable.toml", &way, &to);
        way = to;
    };
    farm.write_program("broken", "#!/bin/sh\necho no route to \"$1\" >&2\nexit 3\n");
    change("connect = { command = [\"./broken\", \"{instance}\"] }");
    told.push(farm.amiable(&["create", "agent"]));
    farm.write_program("bin/aws", OLD_AWS);
    change("connect = \"instance-connect\"");
    let mut create = farm.command_with_bin("amiable", &["create", "agent"]);
    told.push(farm.transcript(&["create", "agent"], &create.output().unwrap()));
    change("connect = { bastion = \"nobody@127.0.0.1:1\" }");
    let output = farm.command("amiable", &["create", "agent"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("ssh failed with exit status 255: "), "{text}");
    for wrong in [
        "connect = \"session-manager\"",
        "connect = \"instance-conect\"",
        "connect = { bastion = \"-oProxyCommand=x\" }",
        "connect = { command = [] }",
        "connect = 7",
        "connect = \"instance-connect\"\naddress = \"public\"",
        "public_ip = false\naddress = \"public\"",
        "address = \"privat\"",
    ] {
        change(wrong);
        told.push(farm.amiable(&["validate"]));
    }
    farm.edit("amiable.toml", "endpoint = \"local\"", "# endpoint = \"local\"");
    change("connect = \"instance-connect\"\nssh_port = 2022");
    told.push(farm.amiable(&["validate"]));
    farm.edit("amiable.toml", "# endpoint = \"local\"", "endpoint = \"local\"");
    change("public_ip = false\naddress = \"ipv6\"");
    told.push(farm.amiable(&["create", "agent"]));
    let filters = vec![
        (r"within \d+ s", "within [SECONDS]"),
        ("subnet-[0-9a-f]{17}", "[SUBNET]"),
        (r"127\.0\.0\.1 port", "[ADDRESS] port"),
    ];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(told.join("\n")) });
    farm.wait_until_empty();
}

#[test]
fn a_public_address_can_be_asked_for_and_refused() {
    let farm = private_farm(&[], "public_ip = true\nsecurity_groups = [\"default\"]");
    let group = ["authorize-security-group-ingress", "--group-name", "default"];
    ec2(
        &farm,
        &[&group[..], &["--protocol", "tcp", "--port", "22", "--cidr", "127.0.0.1/32"]].concat(),
    );
    // EC2 takes no names beside a subnet, and says so before anything is done.
    let told = farm.amiable(&["validate"]);
    let text = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    let subnet = text.lines().find(|line| line.starts_with("subnet = ")).unwrap().to_owned();
    farm.edit("amiable.toml", &subnet, "");
    farm.stdout(&["create", "agent", "-q"]);
    farm.edit("amiable.toml", "security_groups = [\"default\"]", &subnet);
    farm.stdout(&["update", "agent", "-q"]);
    let filters = vec![("subnet-[0-9a-f]{17}", "[SUBNET]")];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(told) });
    farm.wait_until_empty();
}
