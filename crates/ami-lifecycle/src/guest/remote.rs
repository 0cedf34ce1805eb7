//! The commands that a bake runs in the guest, as text for its POSIX shell.

use crate::guest::shell::make_work;
use std::time::Duration;

use super::about::About;
use super::quiet;
use super::script_env::with_variables;
use crate::guest::shell::{AS_ROOT, deadline, quote};
use crate::model::script::Script;
use crate::model::template::{Timeouts, VcsKind};
use crate::source::{
    LFS_FETCH, POINTER, ScriptFault, choose_commit, clone_commands, revision_command,
};

/// Where the folder of a bake is made, unless the template names another place. Not /tmp, which may
/// forbid execution or be a small tmpfs.
pub(crate) const WORKDIR: &str = "/var/tmp";

/// The folder of a bake.
pub(crate) fn work_dir(workdir: Option<&str>, bake: &str) -> String {
    format!("{}/amiable-{bake}", workdir.unwrap_or(WORKDIR).trim_end_matches('/'))
}

fn checkout_dir(work: &str) -> String {
    format!("{work}/checkout")
}

/// Waits for cloud-init where there is one; status 2 is "done, with recoverable errors"
/// (<https://docs.cloud-init.io/en/latest/reference/cli.html#status>).
/// Where there is none, nobody has read the user data: the machine's deadline is set here.
pub(crate) fn wait_for_cloud_init(whole: Duration) -> String {
    format!(
        "{AS_ROOT}\n\
         if ! command -v cloud-init >/dev/null 2>&1; then\n\
         \x20 as_root sh -c {deadline} >/dev/null 2>&1 </dev/null\n\
         \x20 exit 0\n\
         fi\n\
         cloud-init status --wait >/dev/null 2>&1\n\
         status=$?\n\
         [ \"$status\" = 0 ] || cloud-init status --long\n\
         exit \"$status\"\n",
        deadline = quote(&deadline(whole)),
    )
}

/// What a machine needs that a script has rebooted: a new deadline, as a timer does not outlive a
/// boot, and the quiet that it had before.
pub(crate) fn after_reboot(work: &str, timeouts: &Timeouts) -> String {
    format!(
        "{AS_ROOT}\n\
         as_root sh -c {deadline}\n\
         ! command -v cloud-init >/dev/null 2>&1 || cloud-init status --wait\n\
         {quiet}",
        deadline = quote(&deadline(timeouts.whole())),
        quiet = quiet::quiet(work, timeouts.boot, timeouts.whole()),
    )
}

/// Unpacks what comes on standard input.
pub(crate) fn unpack(work: &str) -> String {
    let dir = quote(&checkout_dir(work));
    // Root would give the files to whoever has the operator's user id here.
    let make = make_work(work);
    format!("set -e\numask 022\n{AS_ROOT}\n{make}mkdir -p {dir}\ntar -xzof - -C {dir}\n")
}

/// Installs the version control client if it is missing, and checks out.
pub(crate) fn check_out(work: &str, kind: VcsKind, url: &str, revision: Option<&str>) -> String {
    let dir = checkout_dir(work);
    let (program, package) = match kind {
        VcsKind::Git => ("git", "git"),
        VcsKind::Bzr => ("brz", "brz"),
    };
    let mut text = format!("set -e\numask 022\n{AS_ROOT}\n{}", make_work(work));
    // Where the connection was lost half way, it begins anew.
    text += &format!("rm -rf {}\n", quote(&dir));
    text += &install(program, package);
    text += "export GIT_TERMINAL_PROMPT=0\n";
    let (at, other_ref) = match kind {
        VcsKind::Git => {
            text += &choose_commit(url, revision, quote);
            text +=
                &format!("[ -n \"$commit\" ] || commit={}\n", quote(revision.unwrap_or("HEAD")));
            (Some(COMMIT), Some(OTHER_REF))
        }
        VcsKind::Bzr => (revision, None),
    };
    for command in clone_commands(kind, url, (other_ref, at), &dir) {
        let command = words(&command).replace(COMMIT, "\"$commit\"");
        if command.contains(OTHER_REF) {
            text += "[ -z \"$other\" ] || ";
        }
        text += &command.replace(OTHER_REF, "\"$other\"");
        text += " </dev/null >&2\n";
    }
    if kind == VcsKind::Git {
        text += &refuse_tag_objects(&dir);
    }
    if kind == VcsKind::Git {
        text += &fetch_large_files(&dir);
    }
    // The revision is all that goes to standard output.
    text + &words(&revision_command(kind, &dir)) + "\n"
}

/// Stand for what the instance has found out.
const COMMIT: &str = "@commit@";
const OTHER_REF: &str = "@other@";

/// The id of a tag would never be what was checked out.
fn refuse_tag_objects(dir: &str) -> String {
    format!(
        "is=$(git -C {dir} rev-parse HEAD)\n\
         [ -z \"$whole\" ] || [ \"$commit\" = \"$is\" ] || \
         {{ echo \"$commit is the id of a tag: its commit is $is\" >&2; exit 1; }}\n",
        dir = quote(dir)
    )
}

/// Brings the content that Git LFS holds, where a file of the checkout is a pointer to it.
fn fetch_large_files(dir: &str) -> String {
    let dir = quote(dir);
    let pattern = POINTER.replace('.', "\\.");
    let look = format!("git grep -q -e '^{pattern}$' -- ':(attr:filter=lfs)'");
    format!(
        "if (cd {dir} && eval {look}) >/dev/null 2>&1 </dev/null || \
         ! git -C {dir} submodule --quiet foreach --recursive {none} >/dev/null 2>&1 </dev/null; then\n\
         {install}\
         \x20 (cd {dir} && eval {fetch}) >&2 </dev/null\n\
         \x20 git -C {dir} submodule --quiet foreach --recursive {fetch} >&2 </dev/null\n\
         fi\n",
        look = quote(&look),
        none = quote(&format!("! {look}")),
        install = install("git-lfs", "git-lfs"),
        fetch = quote(LFS_FETCH),
    )
}

fn words(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<String>>().join(" ")
}

fn install(program: &str, package: &str) -> String {
    format!(
        "if ! command -v {program} >/dev/null 2>&1; then\n\
         \x20 if command -v apt-get >/dev/null 2>&1; then\n\
         \x20   as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >&2\n\
         \x20   as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends {package} >&2\n\
         \x20 elif command -v dnf >/dev/null 2>&1; then as_root dnf -q install -y {package} >&2\n\
         \x20 elif command -v yum >/dev/null 2>&1; then as_root yum -q install -y {package} >&2\n\
         \x20 elif command -v zypper >/dev/null 2>&1; then as_root zypper -q install -y {package} >&2\n\
         \x20 elif command -v apk >/dev/null 2>&1; then as_root apk add {package} >&2\n\
         \x20 else echo 'no {program} here, and no package manager that is known' >&2; exit 127\n\
         \x20 fi\n\
         fi\n"
    )
}

/// Runs the init script in its own folder, as root or as `run_as`. One that is not
/// executable is given to the interpreter that its first line names, else to bash.
pub(crate) fn run_script(
    work: &str,
    script: &Script,
    run_as: Option<&str>,
    about: &About,
) -> String {
    let checkout = checkout_dir(work);
    let (folder, file) = script.path.rsplit_once('/').unwrap_or((".", &script.path));
    let user = run_as.unwrap_or("root");
    let own = match run_as {
        Some(user) => format!("as_root chown -R {} {}\n", quote(user), quote(&checkout)),
        None => String::new(),
    };
    format!(
        "set -f\n{AS_ROOT}\n{own}\
         cd {folder} || exit 126\n\
         file=./{file}\n\
         if [ ! -f \"$file\" ]; then echo \"there is no $file in $(pwd)\" >&2; exit 127; fi\n\
         first=$(head -n 1 \"$file\" | head -c 256 | tr -d '\\000')\n\
         case $first in\n\
         \x20 *\"$(printf '\\r')\") echo \"$file: {crlf}\" >&2; exit 126 ;;\n\
         \x20 \"$(printf '\\357\\273\\277')\"*) echo \"$file: {mark}\" >&2; exit 126 ;;\n\
         \x20 \"$(printf '\\177')ELF\"*) set -- \"$file\" ;;\n\
         \x20 '#!'*) if [ -x \"$file\" ]; then set -- \"$file\"; else set -- ${{first#??}} \"$file\"; fi ;;\n\
         \x20 *) if command -v bash >/dev/null 2>&1; then set -- bash \"$file\"; else set -- sh \"$file\"; fi ;;\n\
         esac\n\
         set -- \"$@\" {args}\n\
         set -- env DEBIAN_FRONTEND=noninteractive AMIABLE_BOOT=\"${{AMIABLE_BOOT:-1}}\" {about} {variables}\"$@\"\n\
         if [ \"$(id -un)\" = {user} ]; then exec \"$@\" </dev/null\n\
         elif [ \"$(id -u)\" = 0 ]; then exec runuser -u {user} -- \"$@\" </dev/null\n\
         else exec sudo -n -H -u {user} -- \"$@\" </dev/null\n\
         fi\n",
        about = about.words(),
        variables = if about.env.is_empty() { String::new() } else { with_variables(work) + " " },
        folder = quote(&format!("{checkout}/{folder}")),
        file = quote(file),
        args = script.args.iter().map(|it| quote(it)).collect::<Vec<String>>().join(" "),
        crlf = ScriptFault::CrLf,
        mark = ScriptFault::ByteOrderMark.to_string().replace('`', "\\`"),
        user = quote(user),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::path::Path;
    use std::process::{Command, Output};

    /// Runs a command as the guest would; the test's own user stands for the login.
    pub(in crate::guest) fn sh(command: &str, home: &Path) -> Output {
        Command::new("sh").args(["-c", command]).env("HOME", home).output().unwrap()
    }

    /// The command that checks out a git repository.
    pub(crate) fn check_out_command(work: &str, url: &str, revision: Option<&str>) -> String {
        check_out(work, VcsKind::Git, url, revision)
    }

    fn me() -> String {
        let id = Command::new("id").arg("-un").output().unwrap();
        String::from_utf8(id.stdout).unwrap().trim().to_owned()
    }

    /// A folder that is all of PATH: links to some programs of this machine.
    fn only(programs: &[&str], bin: &Path) {
        std::fs::create_dir(bin).unwrap();
        for program in programs {
            std::os::unix::fs::symlink(found(program), bin.join(program)).unwrap();
        }
    }

    pub(crate) fn found(program: &str) -> std::path::PathBuf {
        let path = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&path).map(|folder| folder.join(program));
        let found = found.into_iter().find(|file| file.is_file());
        found.unwrap_or_else(|| panic!("{program} is there: `make setup-test` installs it"))
    }

    pub(crate) fn write_program(file: &Path, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(file, text).unwrap();
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_client_that_is_missing_is_installed_and_then_checks_out() {
        let dir = tempfile::tempdir().unwrap();
        let (bin, log) = (dir.path().join("bin"), dir.path().join("log"));
        only(&["sh", "id", "mkdir", "env", "ln", "rm"], &bin);
        write_program(
            &bin.join("apt-get"),
            &format!(
                "#!/bin/sh\necho \"$@\" >> {}\ncase \" $* \" in *' install '*) ln -s {} {}/brz ;; esac\n",
                log.display(),
                found("brz").display(),
                bin.display()
            ),
        );
        let sudo = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec \"$@\"\n";
        write_program(&bin.join("sudo"), sudo);
        let commit = "brz init -q bzr; cd bzr; brz whoami --branch 'A <a@b>'; \
                      echo x > file; brz add -q; brz commit -qm one; brz revision-info";
        let made = sh(&format!("set -e; cd \"$HOME\"; {commit}"), dir.path());
        let revision = String::from_utf8(made.stdout).unwrap();
        let revision = revision.trim().strip_prefix("1 ").unwrap();

        let work = dir.path().join("work");
        let url = dir.path().join("bzr").to_string_lossy().into_owned();
        let command = check_out(&work.to_string_lossy(), VcsKind::Bzr, &url, None);
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).env_clear().env("PATH", &bin).env("HOME", dir.path());
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), revision);
        assert_eq!(std::fs::read_to_string(work.join("checkout/file")).unwrap(), "x\n");
        let asked = std::fs::read_to_string(log).unwrap();
        let asked: Vec<&str> = asked.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(asked, ["update", "brz"]);
    }

    fn about() -> About {
        let arch = crate::model::template::Architecture::Arm64;
        let env = super::super::script_env::ScriptEnv::default();
        About { template: "it's".into(), generation: 7, base_ami: "ami-1".into(), arch, env }
    }

    #[test]
    fn a_script_learns_what_it_is_baked_for() {
        let script = "#!/bin/sh\nenv | grep -v AMIABLE_UPDATE | grep ^AMIABLE_ | sort\n";
        let told = String::from_utf8(run(script, 0o755).stdout).unwrap();
        let all = "AMIABLE_ARCH=arm64\nAMIABLE_BASE_AMI=ami-1\nAMIABLE_BOOT=1\n\
                   AMIABLE_GENERATION=7\nAMIABLE_TEMPLATE=it's\n";
        assert_eq!(told, all);
    }

    /// A checkout with one script, and the output of running it.
    fn run(script: impl AsRef<[u8]>, mode: u32) -> Output {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let node = dir.path().join("checkout/it's node");
        std::fs::create_dir_all(&node).unwrap();
        let file = node.join("setup agent");
        std::fs::write(&file, script).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        // `run_as` would change the owner, which needs root; the user that runs it is the same.
        let args = ["--x", "it's $HOME *", ""].map(str::to_owned).into();
        let script = Script { path: "it's node/setup agent".into(), args };
        let command = run_script(&dir.path().to_string_lossy(), &script, None, &about());
        let command = command.replace("= root ]", &format!("= {} ]", me()));
        sh(&command, dir.path())
    }

    #[test]
    fn what_is_unpacked_belongs_to_who_unpacks_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        // The operator's, who is somebody else here.
        header.set_uid(4321);
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        archive.append_data(&mut header, "setup", std::io::empty()).unwrap();
        let bytes = archive.into_inner().unwrap().finish().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", &unpack(&dir.path().to_string_lossy())])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), &bytes).unwrap();
        assert!(child.wait().unwrap().success());
        let owner = |path: &Path| std::os::unix::fs::MetadataExt::uid(&path.metadata().unwrap());
        assert_eq!(owner(&dir.path().join("checkout/setup")), owner(dir.path()));
    }

    #[test]
    fn a_script_runs_in_its_own_folder_with_its_own_status() {
        let output = run("#!/bin/sh\npwd; echo $DEBIAN_FRONTEND; exit 3\n", 0o755);
        assert_eq!(output.status.code(), Some(3));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.ends_with("/it's node\nnoninteractive\n"), "{stdout}");
    }

    #[test]
    fn a_script_gets_its_arguments_as_they_are() {
        for start in ["#!/bin/sh\n", ""] {
            let output = run(format!("{start}printf '<%s>' \"$@\""), 0o755);
            assert_eq!(String::from_utf8_lossy(&output.stdout), "<--x><it's $HOME *><>");
        }
    }

    #[test]
    fn one_that_is_not_executable_gets_the_interpreter_it_names() {
        let output = run("#!/bin/sh -e\nfalse\necho not reached\n", 0o644);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        for mode in [0o644, 0o755] {
            let output = run("echo ${BASH_VERSION:+bash}\n", mode);
            assert_eq!(String::from_utf8_lossy(&output.stdout), "bash\n", "{mode:o}");
        }
    }

    #[test]
    fn one_that_linux_would_not_run_is_refused_with_its_line() {
        for (script, told) in [
            ("#!/bin/bash\r\necho\r\n", ScriptFault::CrLf),
            ("\u{feff}#!/bin/bash\necho\n", ScriptFault::ByteOrderMark),
        ] {
            let output = run(script, 0o755);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(126), 0));
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(text, format!("./setup agent: {told}\n"));
        }
    }

    #[test]
    fn a_program_is_run_as_it_is() {
        let program = std::fs::read(found("false")).unwrap();
        assert!(program.starts_with(b"\x7fELF"));
        assert_eq!(run(program, 0o755).status.code(), Some(1));
    }

    #[test]
    fn a_missing_script_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("checkout")).unwrap();
        let script = Script::plain("setup");
        let output =
            sh(&run_script(&dir.path().to_string_lossy(), &script, None, &about()), dir.path());
        assert_eq!(output.status.code(), Some(127));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("there is no ./setup in "));
    }

    #[test]
    fn words_are_quoted_only_where_they_must_be() {
        assert_eq!(quote("node/setup-1.2"), "node/setup-1.2");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("$(evil)"), "'$(evil)'");
    }

    #[test]
    fn every_command_is_one_that_a_posix_shell_reads() {
        let commands = [
            wait_for_cloud_init(Duration::from_secs(90)),
            after_reboot("/it's", &crate::model::template::tests::template().timeouts),
            unpack("/w"),
            check_out("/w", VcsKind::Git, "https://host/it's", Some("v1")),
            check_out("/w", VcsKind::Bzr, "lp:x", None),
            run_script("/w", &Script::plain("a/b"), Some("ci"), &about()),
        ];
        for command in commands {
            let output = Command::new("sh").args(["-nc", &command]).output().unwrap();
            assert!(
                output.status.success(),
                "{command}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
