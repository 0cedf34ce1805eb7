//! The page about a fleet, as a browser shows it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::farm::{DEFAULTS, Farm, JENKINS};

/// What follows the defaults: templates on templates, a second region, an AMI of each state.
const FLEET: &str = r#"keep = 1
keep_younger = "1s"
[template.agent]
regions = ["us-east-1", "eu-west-1"]
[[template.agent.consumer]]
jenkins = { file = "config.xml", agents = ["linux"] }
[template.bad]
[template.never]
[template.tools]
base = { template = "agent" }
[template.waiting]
"#;

/// Current, previous, quarantined, pending and copied AMIs; some that go.
fn fleet() -> Farm {
    let farm = Farm::new(&["--answer", "file=./verify=4"]);
    // What people name is data.
    let defaults = DEFAULTS.replace("namespace = \"ci\"", "namespace = \"<b>ci\"");
    farm.write("amiable.toml", &format!("{defaults}{FLEET}"));
    farm.write("init/setup", "#!/bin/sh\n");
    farm.write("init/verify", "#!/bin/sh\n");
    farm.write("config.xml", JENKINS);
    let update = |names: &[&str]| drop(farm.stdout(&[&["update", "-q"], names].concat()));
    for _ in 0..4 {
        update(&["agent"]);
    }
    update(&["bad", "tools"]);
    update(&["waiting", "--no-verify"]);
    farm.edit("amiable.toml", "[template.bad]\n", "[template.bad]\nverify = \"verify\"\n");
    assert!(farm.amiable(&["update", "bad", "-q"]).contains("is quarantined"));
    let run =
        format!("ec2 run-instances --instance-type t3.micro --image-id {}", farm.current("tools"));
    crate::regions::aws(&farm, "us-east-1", &run);
    farm
}

/// What Chromium makes of a file, without a network.
struct Browser<'f> {
    farm: &'f Farm,
    program: PathBuf,
}

impl Browser<'_> {
    fn run(&self, args: &[&str], file: &Path) -> String {
        let profile = self.farm.path("chromium");
        let mut command: Command = self.farm.command(self.program.to_str().unwrap(), &[]);
        let output = command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("--host-resolver-rules=MAP * ~NOTFOUND")
            .args(args)
            .arg(format!("file://{}", file.display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn screenshot(&self, name: &str, size: &str, more: &[&str], file: &Path) {
        let folder = artifacts();
        std::fs::create_dir_all(&folder).unwrap();
        let picture = folder.join(name);
        let _ = std::fs::remove_file(&picture);
        let to = format!("--screenshot={}", picture.display());
        let size = format!("--window-size={size}");
        self.run(&[&[to.as_str(), size.as_str()], more].concat(), file);
        assert!(std::fs::metadata(&picture).unwrap().len() > 5_000, "{name}");
    }
}

/// Where pictures of the pages are kept.
fn artifacts() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("report")
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|it| it.join("chromium")).find(|it| it.exists())
}

#[test]
#[expect(clippy::print_stderr, reason = "what is left out is told")]
fn a_browser_shows_a_fleet_of_every_state() {
    let farm = fleet();
    farm.stdout(&["report", "--html", "report.html", "--gib-month", "0.05"]);
    let file = farm.path("report.html");
    let html = std::fs::read_to_string(&file).unwrap();
    assert!(!html.contains("<b>"), "names are data");
    assert!(!html.contains("<script") && !html.contains("javascript:"), "there are none");
    assert!(!html.contains("http:") && !html.contains("https:"), "nothing comes from a network");
    for text in [
        "AMIs of &lt;b&gt;ci",
        "us-east-1, eu-west-1",
        "there is no current AMI",
        "config.xml",
        "was started from it",
        "quarantined",
        "exit status 4",
        "a month at 0.05",
        "it was current, and those that were current later are kept",
        "What each AMI was baked from",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let Some(program) = chromium() else {
        eprintln!("the page was not looked at in a browser: this machine has no chromium");
        return;
    };
    let browser = Browser { farm: &farm, program };
    let dom = browser.run(&["--dump-dom"], &file);
    for id in ["fleet", "lineage", "use", "prune", "quarantine", "durations", "amis"] {
        assert!(dom.contains(&format!("<section id=\"{id}\">")), "{id}");
    }
    let boxes = dom.matches("<rect").count();
    // The base, three templates with up to two AMIs each, and the copies.
    assert!((6..=9).contains(&boxes), "{boxes}");
    browser.screenshot("desktop.png", "1280,1600", &[], &file);
    browser.screenshot("phone.png", "390,1600", &[], &file);
    let dark = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"];
    browser.screenshot("dark.png", "1280,1600", &dark, &file);
    let printed = artifacts().join("printed.pdf");
    let to = format!("--print-to-pdf={}", printed.display());
    browser.run(&[to.as_str(), "--no-pdf-header-footer"], &file);
    assert!(std::fs::read(&printed).unwrap().starts_with(b"%PDF"));
}

#[test]
fn a_page_that_cannot_be_written_is_told_and_the_old_one_stays() {
    let farm = Farm::with_example(&[]);
    let text = farm.amiable(&["report", "--html", "nowhere/report.html"]);
    assert!(text.contains("failed to write nowhere/report.html"), "{text}");
    // A link stays one, and what is no file is written to.
    farm.write("old.html", "old");
    std::os::unix::fs::symlink("old.html", farm.path("report.html")).unwrap();
    farm.stdout(&["report", "--html", "report.html"]);
    assert!(farm.path("report.html").is_symlink());
    assert!(std::fs::read_to_string(farm.path("old.html")).unwrap().contains("AMIs of ci"));
    farm.stdout(&["report", "--html", "/dev/null", "-q"]);
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    let text = farm.amiable(&["report", "--html", "x.html", "--gib-month", "nan"]);
    assert!(text.contains("write a number such as 0.05"), "{text}");
    assert!(std::fs::read_to_string(farm.path("report.html")).unwrap().contains("AMIs of ci"));
}

/// What the server answers to one request.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_page_that_is_served_is_live_and_only_for_this_machine() {
    let farm = Farm::with_example(&[]);
    let mut server = farm.spawn(&["report", "--serve", "--color", "always"]);
    let mut url = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
    let (address, secret) = url.trim().strip_prefix("http://").unwrap().split_once('/').unwrap();
    let (address, secret) = (address.to_owned(), secret.trim_end_matches('/').to_owned());
    assert!(address.starts_with("127.0.0.1:") && secret.len() == 32, "{url}");
    let get = format!("GET /{secret}/ HTTP/1.1\r\nHost: {address}");
    let none = ask(&address, &get);
    assert!(none.starts_with("HTTP/1.1 200") && none.contains("there is no current AMI"), "{none}");
    assert!(none.contains("cache-control: no-store") && none.contains("refresh: 60"), "{none}");
    // What is baked, and configured, meanwhile is shown.
    farm.stdout(&["create", "agent", "-q"]);
    let id = farm.current("agent");
    farm.edit("amiable.toml", "namespace = \"ci\"", "namespace = \"other\"");
    let other = ask(&address, &get);
    assert!(other.contains("AMIs of other") && !other.contains(&id), "{other}");
    farm.edit("amiable.toml", "namespace = \"other\"", "namespace = \"ci\"");
    assert!(ask(&address, &get).contains(&id));
    // Who does not know the URL gets nothing, and EC2 is not asked.
    farm.stdout(&["local", "calls", "--reset"]);
    let foreign = ask(&address, "GET / HTTP/1.1\r\nHost: example.org");
    assert!(foreign.starts_with("HTTP/1.1 404") && !foreign.contains(&id), "{foreign}");
    assert!(!farm.amiable(&["local", "calls"]).contains("DescribeImages"));
    let post = get.replace("GET", "POST") + "\r\nContent-Length: 0";
    let post = ask(&address, &post);
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    // What fails is told, and ends nothing.
    farm.stdout(&["local", "fault", "--call", "DescribeImages=UnauthorizedOperation"]);
    let failed = ask(&address, &get);
    assert!(
        failed.starts_with("HTTP/1.1 502") && failed.contains("UnauthorizedOperation"),
        "{failed}"
    );
    farm.stdout(&["local", "fault", "--off"]);
    farm.edit("amiable.toml", "namespace = \"ci\"", "namespace = 1");
    let wrong = ask(&address, &get);
    assert!(wrong.contains("must be a string") && !wrong.contains('\u{1b}'), "{wrong}");
    farm.edit("amiable.toml", "namespace = 1", "namespace = \"ci\"");
    assert!(ask(&address, &get).starts_with("HTTP/1.1 200"));
    server.kill().unwrap();
    server.wait().unwrap();
}

/// A browser that stays in the foreground, and one that does not start.
#[test]
fn a_browser_is_opened_beside_the_server() {
    let farm = Farm::with_example(&[]);
    for opener in ["#!/bin/sh\necho \"$1\" > opened\nexec sleep 5\n", "#!/bin/sh\nexit 3\n"] {
        farm.write_program("bin/xdg-open", opener);
        let mut command = farm.command_with_bin("amiable", &["report", "--serve", "--open"]);
        let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        let (address, path) = url.trim().strip_prefix("http://").unwrap().split_once('/').unwrap();
        let page = ask(address, &format!("GET /{path} HTTP/1.1\r\nHost: {address}"));
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        let end = Instant::now() + Duration::from_secs(60);
        while opener.contains("opened") && !farm.path("opened").exists() {
            assert!(Instant::now() < end, "no browser was opened");
            std::thread::sleep(Duration::from_millis(20));
        }
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

/// Neither an age nor a template that is gone hides who uses an AMI.
#[test]
fn whoever_uses_any_ami_is_shown() {
    let farm = Farm::new(&[]);
    farm.write("amiable.toml", &format!("{DEFAULTS}keep = 1\n[template.agent]\n[template.old]\n"));
    farm.write("init/setup", "#!/bin/sh\n");
    farm.stdout(&["update", "agent", "old", "-q"]);
    let run = |ami: &str| {
        let run = format!("ec2 run-instances --instance-type t3.micro --image-id {ami}");
        crate::regions::aws(&farm, "us-east-1", &run);
    };
    let (young, old) = (farm.current("agent"), farm.current("old"));
    run(&young);
    run(&old);
    for _ in 0..3 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    farm.edit("amiable.toml", "[template.old]\n", "");
    farm.stdout(&["report", "--html", "report.html"]);
    let html = std::fs::read_to_string(farm.path("report.html")).unwrap();
    let (_, users) = html.split_once("<section id=\"use\">").unwrap();
    let (users, _) = users.split_once("</section>").unwrap();
    assert!(users.contains(&young) && users.contains(&old), "{users}");
    assert_eq!(users.matches("was started from it").count(), 2, "{users}");
}
