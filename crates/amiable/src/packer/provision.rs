//! What becomes of provisioners: scripts, files beside them, and variables.

use std::collections::BTreeMap;
use std::path::Path;

use ami_lifecycle::check_variable;
use serde_json::Value;

use super::source::{key, quoted};
use super::value::{self, Unknown, flag, number, parts, texts};
use super::{Build, Content, Draft, Keys, Step};

/// What Packer runs inline commands by.
const SHEBANG: &str = "/bin/sh -e";

/// Keys of a shell provisioner that need nothing here, and why.
const OWN: [(&str, &str); 9] = [
    ("binary", "files come as they are"),
    ("pause_before", "amiable waits until the machine is ready"),
    ("pause_after", "scripts run one after the other"),
    ("remote_folder", "the checkout has a folder of its own: `workdir`"),
    ("remote_file", "the checkout has a folder of its own: `workdir`"),
    ("remote_path", "the checkout has a folder of its own: `workdir`"),
    ("skip_clean", "sealing removes the checkout"),
    ("start_retry_timeout", "a lost connection is made again"),
    ("use_env_var_file", "variables are in the environment"),
];

/// What there is instead of other provisioners.
fn instead(kind: &str) -> &'static str {
    match kind {
        "shell-local" => "it runs on your machine: run it in the job, before `amiable update`",
        "ansible" | "ansible-local" | "chef-solo" | "chef-client" | "puppet-masterless"
        | "puppet-server" | "salt-masterless" => {
            "call the program in a script: install it, and run it on the instance itself"
        }
        "breakpoint" => "`--on-failure keep` leaves the instance of a bake that failed",
        "error-cleanup-provisioner" => {
            "`--on-failure keep` leaves the instance of a bake that failed"
        }
        "powershell" | "windows-shell" | "windows-restart" => "amiable bakes no Windows",
        _ => "amiable runs scripts: call what it does in one",
    }
}

/// Takes all over.
pub(super) fn take(build: &Build, folder: &Path, draft: &mut Draft) {
    let user = build.keys.get("ssh_username").and_then(|it| value::text(it).ok());
    let user = user.unwrap_or_else(|| "root".into());
    let shells: Vec<&Step> = build.steps.iter().filter(|it| it.kind == "shell").collect();
    // Packer runs scripts as the user who logs in, unless their command says otherwise.
    let with_sudo = shells.iter().filter(|it| uses_sudo(it)).count();
    let as_root = user == "root" || (!shells.is_empty() && with_sudo == shells.len());
    let env = Environment::of(&shells);
    let mut taken = Taken { folder, user: &user, as_root, env, draft, scripts: Vec::new() };
    for (step, number) in build.steps.iter().zip(1..) {
        let before = taken.scripts.len();
        match step.kind.as_str() {
            "shell" => taken.shell(step, number),
            "file" => taken.file(step, number),
            kind => taken.draft.left(format!("provisioner {number} ({kind})"), instead(kind)),
        }
        let new = taken.scripts[before..].join(", ");
        if !new.is_empty() {
            let what = format!("provisioner {number} ({})", step.kind);
            taken.draft.taken.push((what, format!("`script`: {new}")));
        }
    }
    taken.packers_own(build);
    taken.finish();
    for kind in &build.post_processors {
        let text = match kind.as_str() {
            "manifest" => {
                "`amiable update --output json` and `amiable list --output json` tell the ids"
            }
            "shell-local" => "a `command` consumer runs a program for each new AMI",
            _ => "there is none: consumers follow new AMIs",
        };
        draft.left(format!("post-processor {kind}"), text);
    }
}

fn uses_sudo(step: &Step) -> bool {
    let command = step.keys.get("execute_command").and_then(Value::as_str);
    command.is_some_and(|it| {
        it.split_whitespace().any(|word| word.trim_matches(['"', '\'']) == "sudo")
    })
}

/// The variables of all shell provisioners.
#[derive(Default)]
struct Environment {
    /// Those that have one value, with it as TOML.
    all: BTreeMap<String, String>,
    /// Those that have several, which each script has to set itself.
    several: Vec<String>,
}

/// The variables of a provisioner: `environment_vars = ["A=b"]` and `env = { A = "b" }`.
fn variables(keys: &Keys) -> Vec<(String, String)> {
    let listed = keys.get("environment_vars").and_then(Value::as_array).into_iter().flatten();
    let listed = listed.filter_map(Value::as_str).filter_map(|it| it.split_once('='));
    let listed = listed.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let tables = keys.get("env").map(value::blocks).unwrap_or_default().into_iter().flatten();
    let table = tables.filter_map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return None,
        };
        Some((name.clone(), value))
    });
    listed.chain(table).collect()
}

/// A variable's value as TOML; a secret is read from the environment.
fn toml_of(value: &str) -> Result<String, String> {
    match parts(value).as_slice() {
        [Err(Unknown::Env(name))] => Ok(format!("{{ from_env = {} }}", quoted(name))),
        _ => value::known(value).map(|it| quoted(&it)),
    }
}

impl Environment {
    fn of(shells: &[&Step]) -> Environment {
        let mut env = Environment::default();
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in shells.iter().flat_map(|it| variables(&it.keys)) {
            match seen.get(&name) {
                Some(other) if *other != value => env.several.push(name),
                _ => drop(seen.insert(name, value)),
            }
        }
        for (name, value) in seen {
            if !env.several.contains(&name)
                && check_variable(&name).is_ok()
                && let Ok(toml) = toml_of(&value)
            {
                env.all.insert(name, toml);
            }
        }
        env
    }
}

struct Taken<'a> {
    folder: &'a Path,
    /// Who logs in.
    user: &'a str,
    /// All scripts run as root.
    as_root: bool,
    env: Environment,
    draft: &'a mut Draft,
    /// The paths of scripts, in their order.
    scripts: Vec<String>,
}

impl Taken<'_> {
    fn shell(&mut self, step: &Step, number: usize) {
        let what = format!("provisioner {number} (shell)");
        for (name, value) in variables(&step.keys) {
            if let Err(why) = toml_of(&value) {
                self.draft.left(format!("{what}: {name}"), why);
            } else if let Err(why) = check_variable(&name) {
                self.draft.left(format!("{what}: {name}"), why);
            }
        }
        let mut head = String::new();
        for (key, value) in &step.keys {
            match key.as_str() {
                "inline" | "script" | "scripts" | "environment_vars" | "env" | "inline_shebang"
                | "execute_command" | "name" => {}
                "expect_disconnect" if flag(value) == Ok(true) => {
                    // What rebooted the machine has done its work, as Packer sees it.
                    head += "[ \"${AMIABLE_BOOT:-1}\" = 1 ] || exit 0\n";
                    if !self.draft.has("reboot") {
                        self.draft.line("reboot", quoted("allowed"));
                    }
                }
                "expect_disconnect" => {}
                "env_var_format" => {}
                "valid_exit_codes" => {}
                "timeout" => self.draft.left(
                    format!("{what}: timeout"),
                    "`timeouts.script` is for all scripts together",
                ),
                "max_retries" => self
                    .draft
                    .left(format!("{what}: max_retries"), "a script that fails ends the bake"),
                key => match OWN.iter().find(|(name, _)| *name == key) {
                    Some((_, text)) => {
                        self.draft.own.push((format!("{what}: {key}"), (*text).to_owned()));
                    }
                    None => {
                        self.draft.left(format!("{what}: {key}"), "amiable does not know this key")
                    }
                },
            }
        }
        for (name, value) in variables(&step.keys) {
            if self.env.several.contains(&name)
                && let Ok(value) = value::known(&value)
            {
                head += &format!("export {name}={}\n", shell_quoted(&value));
            }
        }
        if let Some(inline) = step.keys.get("inline") {
            self.inline(step, number, inline, &head);
        }
        let listed = ["script", "scripts"].map(|key| step.keys.get(key)).into_iter().flatten();
        for value in listed {
            match texts(value) {
                Ok(paths) => {
                    for path in paths {
                        self.script(step, number, &path, &head);
                    }
                }
                Err(why) => self.draft.left(what.clone(), why),
            }
        }
    }

    /// Commands, as a script of their own. Packer runs them in the home of who logs in.
    fn inline(&mut self, step: &Step, number: usize, inline: &Value, head: &str) {
        let what = format!("provisioner {number} (shell)");
        let commands = match texts(inline) {
            Ok(commands) => commands,
            Err(why) => return self.draft.left(format!("{what}: inline"), why),
        };
        let shebang = step.keys.get("inline_shebang").and_then(Value::as_str).unwrap_or(SHEBANG);
        let name = format!("{number:02}-shell");
        let body = commands.join("\n");
        let text =
            format!("#!{shebang}\n# Provisioner {number}.\n{head}cd ~{}\n{body}\n", self.user);
        if self.as_root || !uses_sudo(step) {
            return self.add(name, text, codes(step));
        }
        // The others run as the user who logs in.
        self.draft.files.insert(format!("inline/{name}"), Content::Text(text, true));
        let path = format!("inline/{name}");
        self.add(name, launcher(&path, "", true), codes(step));
    }

    /// A script of a file.
    fn script(&mut self, step: &Step, number: usize, path: &str, head: &str) {
        let what = format!("provisioner {number} (shell)");
        let Some(file) = find(self.folder, path) else {
            return self.draft.left(format!("{what}: {path}"), "there is no such file");
        };
        let base = file.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        let target = self.free(&format!("scripts/{base}"), &file);
        self.draft.files.insert(target.clone(), Content::Copy(file));
        let needs_sudo = uses_sudo(step) && !self.as_root;
        if head.is_empty() && !needs_sudo && codes(step).is_empty() {
            self.scripts.push(target);
            return;
        }
        let name = format!("{number:02}-{}", base.trim_end_matches(".sh"));
        self.add(name, launcher(&target, head, needs_sudo), codes(step));
    }

    /// A path of the source that no other file has.
    fn free(&self, path: &str, file: &Path) -> String {
        let mut candidates =
            std::iter::once(path.to_owned()).chain((2..).map(|number| format!("{path}-{number}")));
        let is_free = |it: &String| {
            self.draft.files.get(it).is_none_or(|other| *other == Content::Copy(file.to_owned()))
        };
        candidates.find(is_free).unwrap_or_default()
    }

    fn add(&mut self, name: String, text: String, codes: Vec<u64>) {
        if codes.is_empty() {
            self.draft.files.insert(name.clone(), Content::Text(text, true));
            self.scripts.push(name);
            return;
        }
        // Exit codes that are good, too.
        let path = format!("inline/{name}-itself");
        self.draft.files.insert(path.clone(), Content::Text(text, true));
        let good: Vec<String> = codes.iter().map(u64::to_string).collect();
        let text = format!(
            "#!/bin/sh\n./{path} \"$@\"\ncase $? in {}) exit 0 ;; *) exit 1 ;; esac\n",
            good.join("|")
        );
        self.draft.files.insert(name.clone(), Content::Text(text, true));
        self.scripts.push(name);
    }

    /// Files for the machine: they come with the source, and a script puts them where they belong.
    fn file(&mut self, step: &Step, number: usize) {
        let what = format!("provisioner {number} (file)");
        let text = |key: &str| step.keys.get(key).map(value::text).transpose();
        let (destination, content, direction) =
            match (text("destination"), text("content"), text("direction")) {
                (Ok(Some(destination)), Ok(content), Ok(direction)) => {
                    (destination, content, direction)
                }
                (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => {
                    return self.draft.left(what, why);
                }
                _ => return self.draft.left(what, "it has no destination"),
            };
        if direction.as_deref() == Some("download") {
            return self.draft.left(what, "amiable takes no files from the machine");
        }
        let target = match destination.strip_prefix('/') {
            Some(_) => shell_quoted(&destination),
            None => format!("~{}/{}", self.user, shell_quoted(&destination)),
        };
        let mut copies = Vec::new();
        if let Some(content) = content {
            let path = format!("files/{number:02}-content");
            self.draft.files.insert(path.clone(), Content::Text(content, false));
            copies.push(format!("cp {} {target}", shell_quoted(&path)));
        }
        let listed = ["source", "sources"].map(|key| step.keys.get(key)).into_iter().flatten();
        for value in listed {
            let paths = match texts(value) {
                Ok(paths) => paths,
                Err(why) => return self.draft.left(what, why),
            };
            for path in paths {
                let Some(file) = find(self.folder, &path) else {
                    self.draft.left(format!("{what}: {path}"), "there is no such file");
                    continue;
                };
                let base = file.file_name().map(|it| it.to_string_lossy().into_owned());
                let inside = self.free(&format!("files/{}", base.unwrap_or_default()), &file);
                copies.push(match (file.is_dir(), path.ends_with('/')) {
                    // As Packer does it: the contents of a folder, or the folder itself.
                    (true, true) => {
                        format!("mkdir -p {target}\ncp -R {}/. {target}", shell_quoted(&inside))
                    }
                    (true, false) => {
                        format!("mkdir -p {target}\ncp -R {} {target}", shell_quoted(&inside))
                    }
                    (false, _) => format!("cp {} {target}", shell_quoted(&inside)),
                });
                self.draft.files.insert(inside, Content::Copy(file));
            }
        }
        for key in step.keys.keys() {
            if !["destination", "content", "direction", "source", "sources", "generated"]
                .contains(&key.as_str())
            {
                self.draft.left(format!("{what}: {key}"), "amiable does not know this key");
            }
        }
        if copies.is_empty() {
            return;
        }
        // They belong to who logs in, as with Packer.
        let owner = match self.as_root && self.user != "root" {
            true => format!("chown -R {user}: {target}\n", user = self.user),
            false => String::new(),
        };
        let text = format!("#!/bin/sh -e\n# Provisioner {number}.\n{}\n{owner}", copies.join("\n"));
        self.add(format!("{number:02}-files"), text, Vec::new());
    }

    /// What Packer tells scripts of itself, where one of them asks.
    fn packers_own(&mut self, build: &Build) {
        let own = [("PACKER_BUILD_NAME", &build.name), ("PACKER_BUILDER_TYPE", &build.kind)];
        for (name, value) in own {
            let mentions = |content: &Content| match content {
                Content::Text(text, _) => text.contains(name),
                Content::Copy(path) => {
                    std::fs::read_to_string(path).is_ok_and(|text| text.contains(name))
                }
            };
            if self.draft.files.values().any(mentions) {
                self.env.all.insert(name.to_owned(), quoted(value));
            }
        }
    }

    fn finish(self) {
        let Taken { user, as_root, env, draft, mut scripts, .. } = self;
        if scripts.is_empty() {
            let text = "#!/bin/sh\n# The template had no provisioner that was taken over.\n";
            draft.files.insert("setup".into(), Content::Text(text.into(), true));
            scripts.push("setup".into());
        }
        if !as_root {
            draft.line("run_as", quoted(user));
        }
        let list = match scripts.as_slice() {
            [one] => quoted(one),
            all => {
                let all: Vec<String> = all.iter().map(|it| quoted(it)).collect();
                format!("[{}]", all.join(", "))
            }
        };
        draft.line("script", list);
        for (name, toml) in env.all.iter().filter(|(_, toml)| toml.starts_with('{')) {
            let text = format!("`env`: {name} is read for each bake, {toml}");
            draft.taken.push(("environment".into(), text));
        }
        if !env.all.is_empty() {
            let pairs: Vec<String> =
                env.all.iter().map(|(name, toml)| format!("{} = {toml}", key(name))).collect();
            draft.line("env", format!("{{ {} }}", pairs.join(", ")));
        }
    }
}

/// Exit codes that are no failure, if there are others than 0.
fn codes(step: &Step) -> Vec<u64> {
    let codes = step.keys.get("valid_exit_codes").and_then(Value::as_array);
    let codes: Vec<u64> = codes.into_iter().flatten().filter_map(|it| number(it).ok()).collect();
    if codes == [0] { Vec::new() } else { codes }
}

/// A script that runs another of the source.
fn launcher(path: &str, head: &str, with_sudo: bool) -> String {
    let sudo = if with_sudo { "sudo -E " } else { "" };
    let path = shell_quoted(path);
    format!("#!/bin/sh -e\n{head}chmod +x {path}\nexec {sudo}./{path} \"$@\"\n")
}

/// A file of the template: beside it, or where Packer is started.
fn find(folder: &Path, path: &str) -> Option<std::path::PathBuf> {
    let beside = folder.join(path);
    let here = Path::new(path).to_owned();
    [beside, here].into_iter().find(|it| it.exists())
}

fn shell_quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@+,%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
