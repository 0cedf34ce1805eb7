//! `amiable local`.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::farm::Farm;

#[test]
fn it_is_started_by_itself_and_lives_on() {
    let farm = Farm::without_endpoint();
    let before = farm.amiable(&["local", "status"]);
    farm.stdout(&["local", "start", "--machines", "simulated"]);
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["init"]);
    let all = [
        before,
        farm.amiable(&["list"]),
        farm.amiable(&["local", "stop"]),
        farm.amiable(&["local", "stop"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_second_start_finds_the_first() {
    let farm = Farm::new(&[]);
    let pid = farm.status()["pid"].clone();
    let again = farm.amiable(&["local", "start"]);
    assert!(again.contains("status: 0"), "{again}");
    assert_eq!(farm.status()["pid"], pid);
}

#[test]
fn its_folder_is_private_and_its_address_stays() {
    let farm = Farm::new(&[]);
    let mode = std::fs::metadata(farm.path("local")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let mode = std::fs::metadata(farm.path("local/endpoint.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = farm.endpoint_env();
    farm.stdout(&["local", "stop"]);
    assert_eq!(farm.endpoint_env(), before);
}

#[test]
fn a_port_in_use_is_told() {
    let farm = Farm::without_endpoint();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let text = farm.amiable(&["local", "start", "--machines", "simulated", "--port", &port]);
    assert!(text.contains("status: 1"), "{text}");
    let expected = "error: the local endpoint did not start: port ";
    assert!(text.contains(expected) && text.contains("choose another with --port"), "{text}");
}

#[test]
fn a_folder_has_machines_of_one_kind() {
    let farm = Farm::new(&[]);
    insta::assert_snapshot!(farm.amiable(&["local", "start", "--machines", "qemu"]));
}

#[test]
fn imports_say_what_is_wrong() {
    let farm = Farm::new(&[]);
    farm.write("disk.img", "not a disk, and simulated machines do not mind");
    let all = [
        farm.amiable(&["local", "import", "nosuch.img", "--name", "base"]),
        farm.amiable(&["local", "import", "disk.img", "--name", "a:b"]),
        farm.amiable(&["local", "import", "disk.img", "--name", "base"]),
        farm.amiable(&["local", "import", "disk.img", "--name", "base"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn its_log_tells_what_it_refused() {
    let farm = Farm::new(&[]);
    let args = ["ec2", "describe-hosts"];
    let output = farm.command("aws", &args).envs(farm.endpoint_env()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("InvalidAction"), "{output:?}");
    let log = farm.stdout(&["local", "logs"]);
    assert!(log.contains("the action DescribeHosts is not served here"), "{log}");
}

#[test]
fn one_folder_has_one_server() {
    let farm = Farm::new(&[]);
    let output = farm.command("amiable", &["local", "serve"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(text.contains("error: another local endpoint is running for "), "{text}");
}

#[test]
fn without_qemu_it_says_what_to_install() {
    let farm = Farm::without_endpoint();
    let mut command = farm.command("amiable", &["local", "start"]);
    let output = command.env("PATH", "/nowhere").output().unwrap();
    let text = farm.transcript(&["local", "start"], &output);
    insta::assert_snapshot!(text);
}

#[test]
fn what_a_killed_server_left_is_taken_over() {
    use rustix::process::{Pid, Signal, kill_process};
    let farm = Farm::new(&[]);
    let env = farm.endpoint_env();
    let pid = farm.status()["pid"].as_i64().unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    while rustix::process::test_kill_process(pid).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(farm.endpoint_env(), env, "address and key stay");
    assert_eq!(farm.status()["images"], 1);
}

#[test]
fn faults_are_switched_on_told_and_switched_off() {
    let farm = Farm::with_example(&[]);
    let failing = ["local", "fault", "--call", "DescribeImages=Unavailable,times=1", "--lag", "1s"];
    let all = [
        farm.amiable(&["local", "fault"]),
        farm.amiable(&failing),
        farm.amiable(&["local", "fault"]),
        farm.amiable(&["local", "fault", "--call", "DescribeImages"]),
        farm.amiable(&["local", "fault", "--throttle", "--off"]),
        farm.amiable(&["local", "fault", "--off"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_bake_lives_through_what_goes_wrong_on_aws() {
    let farm = Farm::with_example(&["--delays", "running=200ms,stopped=200ms,image=200ms"]);
    let cut = ["--call", "DescribeInstances=cut,times=2", "--call", "CreateTags=cut,after,times=1"];
    let late = ["local", "fault", "--lag", "400ms", "--not-found", "300ms"];
    farm.stdout(&[&late[..], &cut].concat());
    farm.stdout(&["create", "agent", "-q"]);
}

#[test]
fn a_reset_deletes_everything_after_a_question() {
    let farm = Farm::with_example(&[]);
    let env = farm.endpoint_env();
    farm.stdout(&["create", "agent", "-q"]);
    let all = [
        farm.amiable(&["local", "reset"]),
        farm.amiable(&["local", "reset", "--yes"]),
        farm.amiable(&["list"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
    assert_eq!(farm.endpoint_env(), env);
}

#[test]
fn a_start_after_a_stop_is_a_new_server() {
    let farm = Farm::new(&[]);
    for _ in 0..5 {
        let pid = farm.status()["pid"].clone();
        farm.stdout(&["local", "stop"]);
        farm.stdout(&["local", "start"]);
        assert_ne!(farm.status()["pid"], pid);
    }
}
