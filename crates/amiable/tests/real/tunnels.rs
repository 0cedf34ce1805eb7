//! Machines that are reached by programs: on virtual machines, and through a real sshd.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::agent::{aloud, aws, configure, real_farm_from, succeed};
use crate::farm::{Farm, wait_for_line};

/// The tests' own `aws`, which knows tunnels.
const OPEN_TUNNEL: &str = include_str!("../cli/open_tunnel.py");

/// A plain relay on a host inside the VPC.
const RELAY: &str = r#"#!/usr/bin/python3
import os, socket, sys, threading
tunnel = socket.create_connection((sys.argv[1], int(sys.argv[2])), source_address=("127.64.9.9", 0))
def up():
    while data := os.read(0, 32000): tunnel.sendall(data)
    tunnel.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := tunnel.recv(32000): os.write(1, data)
os._exit(0)
"#;

const CONFIG: &str = r#"
script = "setup"
subnet = "SUBNET"
key_pair = "temporary"
host_key = "first-contact"
seal = { keep = ["machine-id"] }
[template.endpoint]
connect = "instance-connect"
[template.relay]
connect = { command = ["./relay", "{address}", "{port}"] }
"#;

const SETUP: &str = "#!/bin/sh -e\necho begun\nsleep 15\necho 'slept its fill'\n";

/// The processes that are a tunnel to an instance of this farm, by what is in their command lines.
fn tunnels(words: &[&str]) -> Vec<Pid> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = all.filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
    let is_one = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        !line.contains("guard-program") && words.iter().all(|word| line.contains(word))
    };
    pids.filter(is_one).filter_map(Pid::from_raw).collect()
}

/// A bake whose tunnel is killed while its script runs goes on.
fn bake_through_a_broken_tunnel(farm: &Farm, template: &str, words: &[&str]) {
    let mut bake = farm.command_with_bin("amiable", &["create", template, "--no-verify"]);
    let mut bake = bake.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_line(&mut bake, "| begun");
    let open = tunnels(words);
    assert_eq!(open.len(), 1, "the one tunnel of this bake: {open:?}");
    kill_process(open[0], Signal::KILL).unwrap();
    let output = bake.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    eprintln!("{template}: {text}");
    assert!(output.status.success(), "{text}");
    assert!(text.contains(" was lost ") && text.contains("connected again"), "{text}");
    assert!(!text.contains("| begun"), "it is not run twice: {text}");
    assert_eq!(text.matches("| slept its fill").count(), 1, "{text}");
    let end = Instant::now() + Duration::from_secs(20);
    while !tunnels(words).is_empty() {
        assert!(Instant::now() < end, "no tunnel is left");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(crate) fn broken() {
    let (farm, _) = real_farm_from("AMIABLE_TEST_BUSYBOX_IMAGE");
    let vpc = aws(&farm, &["ec2", "describe-vpcs", "--query", "Vpcs[0].VpcId"]);
    let create = ["ec2", "create-subnet", "--vpc-id", &vpc, "--cidr-block", "127.96.7.0/24"];
    let subnet = aws(&farm, &[&create[..], &["--query", "Subnet.SubnetId"]].concat());
    configure(&farm, &CONFIG.replace("SUBNET", &subnet));
    farm.write("source/setup", SETUP);
    farm.write_program("relay", RELAY);
    bake_through_a_broken_tunnel(&farm, "relay", &["relay 127.96.7.", " 2222"]);
    farm.write_program("bin/aws", OPEN_TUNNEL);
    let here = farm.path("bin/aws").display().to_string();
    let query = |words: &[&str]| {
        let mut query = farm.command(&here, &[&["query"], words].concat());
        query.envs(farm.endpoint_env());
        succeed(query)
    };
    query(&["Action=CreateInstanceConnectEndpoint", &format!("SubnetId={subnet}")]);
    while !query(&["Action=DescribeInstanceConnectEndpoints"]).contains("create-complete") {
        std::thread::sleep(Duration::from_millis(200));
    }
    bake_through_a_broken_tunnel(&farm, "endpoint", &[&here, "open-tunnel"]);
    farm.wait_until_empty();
}

/// A real sshd of the tester's own.
struct Sshd(Child);

impl Sshd {
    /// Starts one, with a `ssh` that knows it as `bastion`.
    fn start(farm: &Farm) -> Sshd {
        for key in ["host", "mine"] {
            succeed(farm.command("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key]));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (here, user) = (farm.path(""), succeed(farm.command("id", &["-un"])));
        let here = here.display().to_string();
        let here = here.trim_end_matches('/');
        farm.write(
            "sshd_config",
            &format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nPidFile none\n\
                 AuthorizedKeysFile {here}/mine.pub\nStrictModes no\nUsePAM no\nLogLevel VERBOSE\n"
            ),
        );
        let host = std::fs::read_to_string(farm.path("host.pub")).unwrap();
        farm.write("known", &format!("[127.0.0.1]:{port} {host}"));
        farm.write(
            "ssh_config",
            &format!(
                "Host bastion\nHostName 127.0.0.1\nPort {port}\nUser {user}\n\
                 IdentityFile {here}/mine\nUserKnownHostsFile {here}/known\n"
            ),
        );
        // OpenSSH looks for the configuration in the home that the system knows, not in HOME.
        let ssh = format!("#!/bin/sh\nexec /usr/bin/ssh -F {here}/ssh_config \"$@\"\n");
        farm.write_program("bin/ssh", &ssh);
        // Debian's package makes it when its service starts.
        let _ = std::fs::create_dir_all("/run/sshd");
        let log = std::fs::File::create(farm.path("sshd.log")).unwrap();
        let mut sshd =
            farm.command("/usr/sbin/sshd", &["-D", "-e", "-f", &format!("{here}/sshd_config")]);
        let sshd = Sshd(sshd.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "sshd is there within a moment");
            std::thread::sleep(Duration::from_millis(20));
        }
        sshd
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn bastion() {
    let farm = Farm::with_example(&[]);
    let _sshd = Sshd::start(&farm);
    // The bastion is on this machine, not in the VPC.
    let way = "[defaults]\nssh_from = [\"127.0.0.1\"]\nconnect = { bastion = \"bastion\" }";
    farm.edit("amiable.toml", "[defaults]", way);
    let (status, _, text) =
        aloud(farm.command_with_bin("amiable", &["create", "agent"]), "bastion");
    assert_eq!(status, Some(0), "{text}");
    let log = std::fs::read_to_string(farm.path("sshd.log")).unwrap();
    let logins = log.matches("Accepted publickey").count();
    assert!(logins >= 2, "the builder's and the verifying machine's: {log}");
    assert!(tunnels(&["ssh", &farm.path("ssh_config").display().to_string()]).is_empty());
    farm.wait_until_empty();
}
