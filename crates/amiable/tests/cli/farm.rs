//! A build farm for one test: its own HOME, its own local endpoint with simulated
//! machines, and outputs in which ids, times and paths are made equal.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a program may take; only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The beginning of a configuration of many templates: what they have in common.
pub(crate) const DEFAULTS: &str = r#"[cloud]
endpoint = "local"
region = "us-east-1"

[naming]
namespace = "ci"
pattern = "{template}-{generation}"

[defaults]
system = "jenkins"
os = "debian-12"
ssh_user = "debian"
base = { owner = "self", name = "debian-*" }
source = { path = "init" }
script = "setup"
"#;

/// A config.xml with one agent template, `linux`.
pub(crate) const JENKINS: &str = r#"<hudson><clouds><hudson.plugins.ec2.EC2Cloud><name>ec2</name><templates>
<hudson.plugins.ec2.SlaveTemplate><ami>ami-3c994355</ami><description>linux</description>
</hudson.plugins.ec2.SlaveTemplate></templates></hudson.plugins.ec2.EC2Cloud></clouds></hudson>
"#;

pub(crate) struct Farm {
    folder: TempDir,
    /// The ids that were seen, so that one id has one name in all outputs of a test.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    names: HashMap<String, usize>,
    counts: HashMap<&'static str, usize>,
}

impl Drop for Farm {
    fn drop(&mut self) {
        // Servers are processes of their own and would outlive the test.
        let _ = self.command("amiable", &["local", "stop"]).output();
    }
}

impl Farm {
    /// A farm whose endpoint has been started with `args`.
    pub(crate) fn new(args: &[&str]) -> Farm {
        let farm = Farm::without_endpoint();
        let start = [&["local", "start", "--machines", "simulated"], args].concat();
        let output = farm.command("amiable", &start).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        farm
    }

    /// A farm whose endpoint was never started.
    pub(crate) fn without_endpoint() -> Farm {
        let folder = tempfile::Builder::new().prefix("farm").tempdir().unwrap();
        let farm = Farm { folder, seen: Mutex::default() };
        std::fs::create_dir(farm.path("home")).unwrap();
        farm
    }

    /// A farm with the configuration of `amiable init`.
    pub(crate) fn with_example(args: &[&str]) -> Farm {
        let farm = Farm::new(args);
        assert!(farm.command("amiable", &["init"]).output().unwrap().status.success());
        farm
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Writes a program.
    pub(crate) fn write_program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        self.write(name, text);
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Replaces a text in a file, which must be there.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        self.write(name, &text.replace(from, to));
    }

    /// A program that sees nothing of the tester's own environment.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let program = if program == "amiable" { env!("CARGO_BIN_EXE_amiable") } else { program };
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("home"))
            .env("USER", "tester")
            .env("AMIABLE_LOCAL_DIR", self.path("local"))
            // The SDK would look for credentials on the network otherwise.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        command
    }

    /// The same with the farm's own programs, those in `bin`, before all others.
    pub(crate) fn command_with_bin(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.command(program, args);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command
    }

    /// Starts `amiable` and leaves it running.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command("amiable", args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts `amiable` by way of a program that takes its place.
    pub(crate) fn spawn_with(&self, program: &[&str], args: &[&str]) -> Child {
        let own = [env!("CARGO_BIN_EXE_amiable")];
        let mut command = self.command(program[0], &[&program[1..], &own, args].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts `amiable` with a file for its results.
    pub(crate) fn spawn_into(&self, args: &[&str], file: &str) -> Child {
        let file = std::fs::File::options().write(true).open(file).unwrap();
        let mut command = self.command("amiable", args);
        command.stdout(file).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs `amiable` and returns what a person sees, made equal between runs.
    pub(crate) fn amiable(&self, args: &[&str]) -> String {
        let output = self.command("amiable", args).output().unwrap();
        self.transcript(args, &output)
    }

    /// Standard output of a run that must succeed.
    pub(crate) fn stdout(&self, args: &[&str]) -> String {
        let output = self.command("amiable", args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        hold_against_schema(args, &output.stdout);
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn transcript(&self, args: &[&str], output: &Output) -> String {
        hold_against_schema(args, &output.stdout);
        let status = output.status.code().map_or("signal".into(), |status| status.to_string());
        let mut text = format!("$ amiable {}\nstatus: {status}\n", args.join(" "));
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                text += &format!("--- {name}\n{}", String::from_utf8_lossy(bytes));
            }
        }
        normalise(&text, self.folder.path(), &mut self.seen.lock().unwrap())
    }

    /// What the endpoint has, as its own status says.
    pub(crate) fn status(&self) -> serde_json::Value {
        let text = self.stdout(&["local", "status", "--output", "json"]);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["status"].clone()
    }

    /// Waits until no instance is left.
    pub(crate) fn wait_until_empty(&self) {
        let end = Instant::now() + PATIENCE;
        while !self.status()["instances"].as_array().unwrap().is_empty() {
            assert!(Instant::now() < end, "instances are left: {}", self.status());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The id of a template's current AMI.
    pub(crate) fn current(&self, template: &str) -> String {
        let text = self.stdout(&["info", template, "--output", "json"]);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["ami"].as_str().unwrap().into()
    }

    /// The id of the base that the endpoint has from the start.
    pub(crate) fn base(&self) -> String {
        let env = self.endpoint_env();
        let (_, url) = env.iter().find(|(key, _)| key == "AWS_ENDPOINT_URL").unwrap();
        let query = ["--query", "Images[0].ImageId", "--output", "text", "--endpoint-url", url];
        let mut aws = self.command("aws", &["ec2", "describe-images", "--owners", "self"]);
        let output = aws.args(query).envs(env.clone()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// What `amiable local env` exports, as pairs.
    pub(crate) fn endpoint_env(&self) -> Vec<(String, String)> {
        let text = self.stdout(&["local", "env"]);
        let exports = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        exports.map(|(key, value)| (key.to_owned(), value.trim_matches('\'').to_owned())).collect()
    }
}

/// What is printed with `--output json` is as `amiable schema` says.
fn hold_against_schema(args: &[&str], printed: &[u8]) {
    if printed.is_empty() || !args.windows(2).any(|it| it == ["--output", "json"]) {
        return;
    }
    let words = args.iter().take_while(|it| !it.starts_with('-'));
    let words: Vec<&str> = words.take(if args[0] == "local" { 2 } else { 1 }).copied().collect();
    let schema =
        Command::new(env!("CARGO_BIN_EXE_amiable")).arg("schema").args(&words).output().unwrap();
    assert!(schema.status.success(), "{schema:?}");
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    let printed: serde_json::Value = serde_json::from_slice(printed).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong = validator.iter_errors(&printed).map(|it| format!("{}: {it}", it.instance_path));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{words:?}: {wrong:#?}\n{printed:#}");
}

/// Makes equal what differs from run to run: ids by their order, times, ports, folders.
fn normalise(text: &str, folder: &Path, seen: &mut Seen) -> String {
    let host = rustix::system::uname();
    let operator = format!("tester@{}", host.nodename().to_string_lossy());
    let text = text.replace(&*folder.to_string_lossy(), "[FARM]").replace(&operator, "[OPERATOR]");
    let mut result = String::new();
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        let before = result.chars().next_back();
        let word_starts = before.is_none_or(|it| !it.is_ascii_alphanumeric());
        if word_starts && let Some((prefix, length)) = volatile(rest) {
            let id = &rest[..length];
            let number = *seen.names.entry(id.to_owned()).or_insert_with(|| {
                let count = seen.counts.entry(prefix).or_default();
                *count += 1;
                *count
            });
            // Times differ even where nothing does, so they have no number.
            match prefix {
                "TIME" | "DATE" | "ADDRESS" | "SECONDS" | "AGE" => result += &format!("[{prefix}]"),
                _ => result += &format!("[{prefix} {number}]"),
            }
            rest = &rest[length..];
        } else {
            result.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    result
}

/// A run of text that is different each time: its kind and its length.
fn volatile(text: &str) -> Option<(&'static str, usize)> {
    let hex = |text: &str| text.bytes().take_while(|it| it.is_ascii_hexdigit()).count();
    let kinds = [
        ("ami-", "AMI"),
        ("snap-", "SNAP"),
        ("vol-", "VOL"),
        ("lt-", "TEMPLATE"),
        ("sgr-", "RULE"),
        ("sg-", "GROUP"),
        ("i-", "INSTANCE"),
    ];
    // How long something took.
    let number = text.bytes().take_while(|it| b".0123456789".contains(it)).count();
    if number > 2 && text[number..].starts_with(" s") && text[..number].contains('.') {
        return Some(("SECONDS", number + 2));
    }
    // How old something is that a test has just made.
    if number > 0 && text[number..].starts_with(" min  ") {
        return Some(("AGE", number + 4));
    }
    if let Some(rest) = text.strip_prefix("seconds\": ") {
        let number = rest.bytes().take_while(|it| b".0123456789".contains(it)).count();
        return Some(("SECONDS", 10 + number));
    }
    for (prefix, kind) in kinds {
        if let Some(rest) = text.strip_prefix(prefix)
            && hex(rest) == 17
        {
            return Some((kind, prefix.len() + 17));
        }
    }
    shaped(text, "dddd-dd-ddTdd:dd:dd", "TIME")
        .map(|(kind, length)| {
            let fraction = &text[length..];
            let more = fraction.bytes().take_while(|it| b".0123456789Z".contains(it)).count();
            (kind, length + more)
        })
        .or_else(|| shaped(text, "dddddddd-dddd-dddd-dddd-dddddddddddd", "REQUEST"))
        .or_else(|| shaped(text, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "REQUEST"))
        .or_else(|| shaped(text, "dddd-dd-dd dd:dd", "TIME"))
        .or_else(|| {
            let (kind, length) = shaped(text, "ddddddddTdddddd", "TIME")?;
            let more = text[length..].bytes().take_while(|it| b".0123456789Z".contains(it)).count();
            Some((kind, length + more))
        })
        .or_else(|| shaped(text, "20dddddd", "DATE"))
        .or_else(|| {
            let rest = text.strip_prefix("127.")?;
            let length = rest.bytes().take_while(|it| b".:0123456789".contains(it)).count();
            Some(("ADDRESS", 4 + rest[..length].trim_end_matches([':', '.']).len()))
        })
        .or_else(|| {
            let (_, length) = shaped(text, "hhhhhhhhhhhh", "BAKE")?;
            (hex(text) == 12).then_some(("BAKE", length))
        })
}

/// Whether a text begins in a shape: `d` is a digit, `h` a hexadecimal one.
fn shaped(text: &str, shape: &str, kind: &'static str) -> Option<(&'static str, usize)> {
    let head = text.get(..shape.len())?;
    let fits = head.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        b'h' => byte.is_ascii_hexdigit(),
        _ => byte == shape,
    });
    fits.then_some((kind, shape.len()))
}

/// Waits for a line of a program's standard error.
pub(crate) fn wait_for_line(child: &mut Child, wanted: &str) -> String {
    wait_for_lines(child, &[wanted])
}

/// Waits for several lines, one after the other.
pub(crate) fn wait_for_lines(child: &mut Child, wanted: &[&str]) -> String {
    use std::io::{BufRead, BufReader};
    let mut seen = String::new();
    let mut reader = BufReader::new(child.stderr.as_mut().unwrap());
    for wanted in wanted {
        loop {
            let mut line = String::new();
            assert_ne!(reader.read_line(&mut line).unwrap(), 0, "no {wanted:?} in {seen}");
            seen += &line;
            if line.contains(wanted) {
                break;
            }
        }
    }
    seen
}
