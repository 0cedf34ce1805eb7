//! A running Jenkins that follows its file, played by a stub that keeps each request.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::farm::Farm;
use crate::rolls::consuming_farm;

/// What the stub has seen, and how it answers.
#[derive(Default)]
struct State {
    requests: Vec<String>,
    /// The agents' AMIs in Jenkins' memory.
    amis: BTreeMap<String, String>,
    /// The file that a reload reads.
    file: Option<std::path::PathBuf>,
    /// Answers with this status instead.
    refuses: Option<&'static str>,
    /// A reload reads something else.
    is_deaf: bool,
    /// The init script that each agent has in Jenkins' memory, in base64.
    script: &'static str,
}

#[derive(Clone)]
struct Stub {
    url: String,
    state: Arc<Mutex<State>>,
}

impl Stub {
    fn new() -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/jenkins", listener.local_addr().unwrap());
        let stub = Stub { url, state: Arc::default() };
        let served = stub.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                served.serve(stream.unwrap());
            }
        });
        stub
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut lines: Vec<String> = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        let header = |name: &str| {
            let prefix = format!("{name}: ");
            let line = lines.iter().find(|line| line.to_lowercase().starts_with(&prefix))?;
            Some(line[prefix.len()..].to_owned())
        };
        let length = header("content-length").map_or(0, |it| it.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = decoded(&String::from_utf8(body).unwrap());
        let path = lines[0].split(' ').nth(1).unwrap().to_owned();
        let kind = header("content-type").unwrap_or_default();
        let authorization = header("authorization").unwrap_or_default();
        let mut state = self.state.lock().unwrap();
        let head = format!("authorization: {authorization}\ncontent-type: {kind}");
        state.requests.push(format!("{}\n{head}\n\n{body}", lines[0]));
        let (status, text) = state.answer(&path, &body);
        let length = text.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
        )
        .unwrap();
    }

    fn requests(&self) -> String {
        std::mem::take(&mut self.state.lock().unwrap().requests).join("\n---\n")
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

impl State {
    fn answer(&mut self, path: &str, body: &str) -> (&'static str, String) {
        if let Some(status) = self.refuses {
            return (status, "<html>no</html>".into());
        }
        match path {
            "/jenkins/scriptText" => ("200 OK", self.run(body)),
            "/jenkins/configuration-as-code/export" => ("200 OK", self.export()),
            "/jenkins/configuration-as-code/reload" => {
                if !self.is_deaf {
                    self.reload();
                }
                ("302 Found", String::new())
            }
            _ => ("404 Not Found", String::new()),
        }
    }

    /// Does what the script of amiable's does, as far as its list of agents tells.
    fn run(&mut self, script: &str) -> String {
        let mut answer = String::from("Result follows\n");
        for line in script.lines().filter(|line| line.starts_with("  [cloud: ")) {
            let value = |key: &str| {
                let rest = line.split_once(&format!("{key}: "))?.1;
                Some(rest.strip_prefix('\'')?.split_once('\'')?.0.to_owned())
            };
            let agent = value("description").unwrap();
            if let Some(ami) = value("ami") {
                self.amis.insert(agent.clone(), ami);
            }
            let ami = self.amis.get(&agent).cloned().unwrap_or_else(|| "ami-00000000".into());
            answer += &format!("amiable {ami} {}\n", self.script);
        }
        answer
    }

    fn reload(&mut self) {
        let text = std::fs::read_to_string(self.file.as_ref().unwrap()).unwrap();
        let mut ami = "";
        for line in text.lines() {
            if let Some((_, id)) = line.split_once("ami: ") {
                ami = id.trim_matches('"');
            } else if let Some((_, agent)) = line.split_once("description: ") {
                self.amis.insert(agent.trim_matches('"').to_owned(), ami.to_owned());
            }
        }
    }

    fn export(&self) -> String {
        let agents = self.amis.iter().map(|(agent, ami)| {
            format!("      - ami: \"{ami}\"\n        description: \"{agent}\"\n")
        });
        let agents: String = agents.collect();
        let cloud = "jenkins:\n  clouds:\n  - amazonEC2:\n      name: \"ci\"\n      templates:\n";
        format!("{cloud}{agents}")
    }
}

/// A form with its escapes resolved.
fn decoded(form: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = form.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8(digits).unwrap();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A farm with a consumer in this file, and a running Jenkins.
fn farm(file: &str, stub: &Stub) -> Farm {
    let agents = "[\"precise_cloud\", \"precise_kernel_cloud\"]";
    let more = format!(
        "[[template.agent.consumer]]\n\
         jenkins = {{ file = \"jenkins/{file}\", agents = {agents} }}\n\
         [jenkins]\nurl = \"{}\"\nuser = \"amiable\"\ntoken_env = \"JENKINS_TOKEN\"\n",
        stub.url
    );
    consuming_farm(&more)
}

fn with_token(farm: &Farm, args: &[&str]) -> String {
    let output = farm.command("amiable", args).env("JENKINS_TOKEN", "t0ken").output().unwrap();
    farm.transcript(args, &output)
}

/// Requests in the names of a farm's transcripts.
fn shown(farm: &Farm, stub: &Stub) -> String {
    let output = farm.command("true", &[]).output().unwrap();
    let output = std::process::Output { stdout: stub.requests().into_bytes(), ..output };
    farm.transcript(&["(requests)"], &output)
}

#[test]
fn config_xml_is_followed_by_a_script() {
    let stub = Stub::new();
    let farm = farm("config.xml", &stub);
    let mut all = vec![
        with_token(&farm, &["update", "agent", "-q"]),
        shown(&farm, &stub),
        with_token(&farm, &["roll", "agent", "--write"]),
        shown(&farm, &stub),
    ];
    stub.set(|state| drop(state.amis.insert("precise_cloud".into(), "ami-11111111".into())));
    all.push(with_token(&farm, &["roll", "agent", "--diff"]));
    let info = with_token(&farm, &["info", "agent"]);
    all.push(info.split_once("used by").unwrap().1.to_owned());
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_boot_script_reaches_the_running_jenkins() {
    let stub = Stub::new();
    let farm = farm("config.xml", &stub);
    let old = "#!/bin/sh -e\nsudo apt-get update\nsudo apt-get install -y git-core bzr openjdk-6-jre-headless\n";
    farm.write("init/setup-agent", old);
    farm.write("init/boot", "#!/bin/sh\n");
    let script = "script = \"setup-agent\"";
    farm.edit("amiable.toml", script, &format!("{script}\nboot_script = \"init/boot\""));
    // The stub takes no script, and so it never follows.
    let mut all = vec![with_token(&farm, &["update", "agent", "-q"]), shown(&farm, &stub)];
    // One that was edited in Jenkins is kept nowhere else.
    stub.set(|state| state.script = "bWFrZQo=");
    all.push(with_token(&farm, &["roll", "agent", "--write"]));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn configuration_as_code_is_read_again() {
    let stub = Stub::new();
    let farm = farm("casc.yml", &stub);
    stub.set(|state| {
        state.file = Some(farm.path("jenkins/casc.yml"));
        state.reload();
    });
    let mut all = vec![with_token(&farm, &["update", "agent", "-q"]), shown(&farm, &stub)];
    all.push(with_token(&farm, &["roll", "agent", "--write"]));
    all.push(shown(&farm, &stub));
    stub.set(|state| state.is_deaf = true);
    farm.stdout(&["update", "agent", "-q", "--no-roll"]);
    all.push(with_token(&farm, &["roll", "agent", "--write"]));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_jenkins_that_refuses_fails_the_roll_and_a_repeat_finishes_it() {
    let stub = Stub::new();
    let farm = farm("config.xml", &stub);
    let first = farm.stdout(&["update", "agent", "-q", "--no-roll"]).trim().to_owned();
    let mut all = vec![farm.amiable(&["roll", "agent", "--write"])];
    for status in ["401 Unauthorized", "403 Forbidden", "500 Server Error"] {
        stub.set(|state| state.refuses = Some(status));
        all.push(with_token(&farm, &["roll", "agent", "--write"]));
    }
    all.push(with_token(&farm, &["delete", &first, "--dry-run"]));
    stub.set(|state| state.refuses = None);
    all.push(with_token(&farm, &["roll", "agent", "--write"]));
    farm.edit("amiable.toml", "http://127.0.0.1", "http://127.0.0.2");
    all.push(with_token(&farm, &["roll", "agent", "--write"]));
    let agents = "\"precise_kernel_cloud\"]";
    farm.edit("amiable.toml", agents, &format!("{agents}, reload = false"));
    all.push(with_token(&farm, &["roll", "agent", "--write"]));
    insta::assert_snapshot!(all.join("\n"));
}
