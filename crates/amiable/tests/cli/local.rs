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
    assert!(text.contains(expected) && text.contains("--port chooses another"), "{text}");
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
