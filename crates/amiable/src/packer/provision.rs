//! What becomes of provisioners: scripts, files beside them, and variables.

use std::path::Path;

use ami_lifecycle::{check_variable, shell_quoted};
use serde_json::Value;

use super::command::{self, RunAs};
use super::environment::{Environment, Variables, toml_of, variables};
use super::files::find;
use super::model::{Build, Content, Draft, Step};
use super::value::{self, flag, has_unknown, texts};
use crate::toml_text::{key, quoted};

/// Stands where the user who logs in is not known.
const UNKNOWN_USER: &str = "unknown";

/// What Packer runs inline commands by.
const SHEBANG: &str = "/bin/sh -e";

/// Keys of a shell provisioner that need nothing here, and why.
const OWN: [(&str, &str); 8] = [
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
    let user = build.keys.get("ssh_username").map_or(Ok("root".into()), value::text);
    let user = user.unwrap_or_else(|_| UNKNOWN_USER.into());
    let shells: Vec<&Step> = build.steps.iter().filter(|it| it.kind == "shell").collect();
    // Packer runs scripts as the user who logs in, unless their command says otherwise.
    let with_sudo = shells.iter().filter(|it| command::of(it).run_as == RunAs::Root).count();
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
        let Variables { all: own, left } = variables(&step.keys);
        for (key, why) in left {
            self.draft.left(format!("{what}: {key}"), why);
        }
        for (name, value) in &own {
            if let Err(why) = toml_of(value) {
                self.draft.left(format!("{what}: {name}"), why);
            } else if let Err(why) = check_variable(name) {
                self.draft.left(format!("{what}: {name}"), why);
            } else if self.env.several.contains(name) && has_unknown(value) {
                let why = "it has another value in another provisioner: `env` is for all scripts";
                self.draft.left(format!("{what}: {name}"), why);
            }
        }
        for why in command::of(step).left {
            self.draft.left(format!("{what}: execute_command"), why);
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
                "valid_exit_codes" => {
                    if let Err(why) = codes(step) {
                        self.draft.left(format!("{what}: valid_exit_codes"), why);
                    }
                }
                "expect_disconnect" | "binary" => {
                    if let Err(why) = flag(value) {
                        self.draft.left(format!("{what}: {key}"), why);
                    }
                }
                "env_var_format" => {}
                "only" | "except" => {
                    let why = texts(value).err().unwrap_or_default();
                    self.draft.left(format!("{what}: {key}"), why);
                }
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
        for (name, value) in own {
            if self.env.several.contains(&name)
                && check_variable(&name).is_ok()
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
        let shebang = step.keys.get("inline_shebang").map_or(Ok(SHEBANG.into()), value::text);
        let shebang = shebang.unwrap_or_else(|why| {
            self.draft.left(format!("{what}: inline_shebang"), why);
            SHEBANG.into()
        });
        let name = format!("{number:02}-shell");
        let body = commands.join("\n");
        let program = shebang.split_whitespace().find(|it| !it.ends_with("/env"));
        let is_shell = program.is_some_and(|it| it.ends_with("sh"));
        let needs_sudo = self.needs_sudo(step);
        let home = format!("{head}cd ~{}\n", self.user);
        let own = if is_shell { home.as_str() } else { "" };
        let text = format!("#!{shebang}\n# Provisioner {number}.\n{own}{body}\n");
        if is_shell && !needs_sudo {
            return self.add(name, text, step);
        }
        let path = format!("inline/{name}");
        self.draft.files.insert(path.clone(), Content::Text(text, true));
        let head = if is_shell { "" } else { head };
        self.add(name, launcher(&path, head, needs_sudo, ""), step);
    }

    /// Whether it runs as root where others run as the user who logs in.
    fn needs_sudo(&self, step: &Step) -> bool {
        command::of(step).run_as == RunAs::Root && !self.as_root
    }

    /// A script of a file.
    fn script(&mut self, step: &Step, number: usize, path: &str, head: &str) {
        let what = format!("provisioner {number} (shell)");
        let Some(file) = find(self.folder, path).filter(|it| it.is_file()) else {
            return self.draft.left(format!("{what}: {path}"), "the file does not exist");
        };
        let base = file.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        let is_binary = step.keys.get("binary").is_some_and(|it| flag(it) == Ok(true));
        let (content, interpreter) = script_of(&file, is_binary);
        let target = self.free("scripts", &base, number, &content);
        self.draft.files.insert(target.clone(), content);
        let needs_sudo = self.needs_sudo(step);
        if head.is_empty() && !needs_sudo && codes(step).is_ok_and(|it| it.is_empty()) {
            self.scripts.push(target);
            return;
        }
        let name = format!("{number:02}-{}", base.trim_end_matches(".sh"));
        self.add(name, launcher(&target, head, needs_sudo, interpreter), step);
    }

    /// A path in a folder of the source that no other file has. A file keeps its name.
    fn free(&self, folder: &str, base: &str, number: usize, content: &Content) -> String {
        let numbered = (2..).map(|it| format!("{folder}/{number:02}-{it}/{base}"));
        let first = [format!("{folder}/{base}"), format!("{folder}/{number:02}/{base}")];
        let is_free = |it: &String| self.draft.files.get(it).is_none_or(|other| other == content);
        first.into_iter().chain(numbered).find(is_free).unwrap_or_default()
    }

    fn add(&mut self, name: String, text: String, step: &Step) {
        let codes = codes(step).unwrap_or_default();
        let mut names = std::iter::once(name.clone()).chain((2..).map(|it| format!("{name}-{it}")));
        let name = names.find(|it| !self.draft.files.contains_key(it)).unwrap_or(name);
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
            "#!/bin/sh\n./{} \"$@\"\ncase $? in {}) exit 0 ;; *) exit 1 ;; esac\n",
            shell_quoted(&path),
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
            None => {
                let below = destination.strip_prefix("~/").unwrap_or(&destination);
                let below = if below.is_empty() { String::new() } else { shell_quoted(below) };
                format!("~{}/{below}", self.user)
            }
        };
        // Packer writes them as who logs in, to whom they then belong.
        let own = match self.as_root && self.user != "root" {
            true => format!("sudo -u {} ", self.user),
            false => String::new(),
        };
        let put = |inside: &str, base: &str| {
            let (inside, base) = (shell_quoted(inside), shell_quoted(base));
            let copy = "sh -c 'cat > \"$1\" && chmod \"$2\" \"$1\"' copy";
            format!(
                "to={target}\n[ ! -d \"$to\" ] || to=\"$to\"/{base}\n\
                 {own}{copy} \"$to\" \"$(stat -c %a {inside})\" < {inside}"
            )
        };
        let unpack = |from: &str, what: &str| {
            format!(
                "{own}mkdir -p {target}\n\
                 tar -C {} -cf - {} | {own}tar -C {target} --no-overwrite-dir -xf -",
                shell_quoted(from),
                shell_quoted(what)
            )
        };
        let mut copies = Vec::new();
        if let Some(content) = content {
            let path = format!("files/{number:02}-content");
            self.draft.files.insert(path.clone(), Content::Text(content, false));
            let base = destination.rsplit('/').find(|it| !it.is_empty()).unwrap_or("content");
            copies.push(put(&path, base));
        }
        let listed = ["source", "sources"].map(|key| step.keys.get(key)).into_iter().flatten();
        for value in listed {
            let paths = match texts(value) {
                Ok(paths) => paths,
                Err(why) => return self.draft.left(what, why),
            };
            for path in paths {
                let Some(file) = find(self.folder, &path) else {
                    self.draft.left(format!("{what}: {path}"), "the file does not exist");
                    continue;
                };
                // `.` has no name but its folder's.
                let full = file.canonicalize().ok();
                let full = full.as_deref().and_then(Path::file_name);
                let base = file.file_name().or(full).unwrap_or_default();
                let base = base.to_string_lossy().into_owned();
                let content = Content::Copy(file.clone());
                let inside = self.free("files", &base, number, &content);
                let (above, _) = inside.rsplit_once('/').unwrap_or((".", ""));
                copies.push(match (file.is_dir(), path.ends_with('/')) {
                    // As Packer does it: the contents of a folder, or the folder itself.
                    (true, true) => unpack(&inside, "."),
                    (true, false) => unpack(above, &base),
                    (false, _) => put(&inside, &base),
                });
                self.draft.files.insert(inside, content);
            }
        }
        for (key, value) in &step.keys {
            if ["only", "except"].contains(&key.as_str()) {
                let why = texts(value).err().unwrap_or_default();
                self.draft.left(format!("{what}: {key}"), why);
            } else if !["destination", "content", "direction", "source", "sources", "generated"]
                .contains(&key.as_str())
            {
                self.draft.left(format!("{what}: {key}"), "amiable does not know this key");
            }
        }
        if copies.is_empty() {
            return;
        }
        let text = format!("#!/bin/sh -e\n# Provisioner {number}.\n{}\n", copies.join("\n"));
        self.add(format!("{number:02}-files"), text, step);
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
fn codes(step: &Step) -> Result<Vec<u64>, String> {
    let Some(value) = step.keys.get("valid_exit_codes") else { return Ok(Vec::new()) };
    let number = |it: String| it.parse().map_err(|_| format!("`{it}` is not a number"));
    let codes: Vec<u64> = value::list(value)?.into_iter().map(number).collect::<Result<_, _>>()?;
    Ok(if codes == [0] { Vec::new() } else { codes })
}

/// A script as Packer uploads it, and by what it runs where it does not say so itself.
fn script_of(file: &Path, is_binary: bool) -> (Content, &'static str) {
    let copy = Content::Copy(file.to_owned());
    let Ok(text) = std::fs::read_to_string(file) else { return (copy, "") };
    let interpreter = if text.starts_with("#!") { "" } else { "bash " };
    match !is_binary && text.contains("\r\n") {
        true => (Content::Text(text.replace("\r\n", "\n"), true), interpreter),
        false => (copy, interpreter),
    }
}

/// A script that runs another of the source.
fn launcher(path: &str, head: &str, with_sudo: bool, interpreter: &str) -> String {
    let sudo = if with_sudo { "sudo -E " } else { "" };
    let path = shell_quoted(path);
    format!("#!/bin/sh -e\n{head}chmod +x {path}\nexec {sudo}{interpreter}./{path} \"$@\"\n")
}
