//! Calls by way of a forward proxy, and those that must not take it.

use std::process::{Child, Stdio};

use crate::farm::Farm;

/// tinyproxy, and the file that it logs to.
struct Proxy {
    process: Child,
    url: String,
}

impl Proxy {
    fn start(farm: &Farm) -> Proxy {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = farm.path("proxy.log").display().to_string();
        let config =
            format!("Port {port}\nListen 127.0.0.1\nLogFile \"{log}\"\nLogLevel Connect\n");
        farm.write("proxy.conf", &config);
        let mut command = farm.command("tinyproxy", &["-d", "-c", "proxy.conf"]);
        let process = command.stdout(Stdio::null()).spawn().unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Proxy { process, url: format!("http://127.0.0.1:{port}") }
    }

    /// How many requests it has passed on.
    fn requests(farm: &Farm) -> usize {
        let log = std::fs::read_to_string(farm.path("proxy.log")).unwrap();
        log.lines().filter(|line| line.contains("Request (file descriptor")).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many calls the endpoint has had.
fn calls(farm: &Farm) -> u64 {
    let text = farm.stdout(&["local", "calls", "--output", "json"]);
    let counts: serde_json::Value = serde_json::from_str(&text).unwrap();
    let made = counts["made"].as_object().unwrap().iter();
    let api = made.filter(|(name, _)| !name.starts_with("ssh"));
    api.map(|(_, count)| count.as_u64().unwrap()).sum()
}

#[test]
fn every_call_goes_by_the_proxy_and_none_to_the_local_endpoint() {
    let farm = Farm::with_example(&[]);
    let proxy = Proxy::start(&farm);
    let run = |args: &[&str], env: &[(String, String)], variable: &str| {
        let mut command = farm.command("amiable", args);
        command.envs(env.iter().cloned()).env(variable, &proxy.url);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(&["create", "agent"], &[], "HTTP_PROXY");
    assert_eq!(Proxy::requests(&farm), 0, "\"local\" is on this machine");

    let mut env = farm.endpoint_env();
    let (_, url) = env.iter().find(|(key, _)| key == "AWS_ENDPOINT_URL").unwrap();
    let other = format!("endpoint = \"{url}\"");
    farm.edit("amiable.toml", "endpoint = \"local\"", &other);
    farm.edit("amiable.toml", "# ssh_port = 22 ", "ssh_port = 2222 # ");
    farm.stdout(&["local", "calls", "--reset"]);
    run(&["update", "agent"], &env, "HTTP_PROXY");
    assert_eq!(Proxy::requests(&farm) as u64, calls(&farm), "each call is a request to it");
    assert!(calls(&farm) > 10);

    let before = Proxy::requests(&farm);
    run(&["list"], &env, "http_proxy");
    assert!(Proxy::requests(&farm) > before, "small letters are as good");
    let before = Proxy::requests(&farm);
    env.push(("NO_PROXY".into(), "127.0.0.1".into()));
    run(&["list"], &env, "HTTP_PROXY");
    assert_eq!(Proxy::requests(&farm), before);
    farm.wait_until_empty();
}
