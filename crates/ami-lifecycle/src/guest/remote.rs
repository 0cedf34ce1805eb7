//! The commands that a bake runs in the guest, as text for its POSIX shell.

use std::time::Duration;

use super::keys::deadline;
use crate::source::{clone_commands, revision_command};
use crate::template::VcsKind;

/// Quotes a word for the shell.
pub(crate) fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@+,%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Defines `as_root`, for users that are root and for those that may use sudo.
pub(crate) const AS_ROOT: &str =
    r#"as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -H -- "$@"; fi; }"#;

/// The folder of a bake. Not /tmp, which may forbid execution or be a small tmpfs.
pub(crate) fn work_dir(bake: &str) -> String {
    format!("/var/tmp/amiable-{bake}")
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

/// Unpacks what comes on standard input.
pub(crate) fn unpack(work: &str) -> String {
    let dir = quote(&checkout_dir(work));
    format!("set -e\numask 022\nmkdir -p {dir}\ntar -xzf - -C {dir}\n")
}

/// Installs the version control client if it is missing, and checks out.
pub(crate) fn check_out(work: &str, kind: VcsKind, url: &str, revision: Option<&str>) -> String {
    let dir = checkout_dir(work);
    let (program, package) = match kind {
        VcsKind::Git => ("git", "git"),
        VcsKind::Bzr => ("brz", "brz"),
    };
    let mut text = format!("set -e\numask 022\n{AS_ROOT}\nmkdir -p {}\n", quote(work));
    // Where the connection was lost half way, it begins anew.
    text += &format!("rm -rf {}\n", quote(&dir));
    text += &install(program, package);
    text += "export GIT_TERMINAL_PROMPT=0\n";
    for command in clone_commands(kind, url, revision, &dir) {
        text += &words(&command);
        text += " </dev/null >&2\n";
    }
    // The revision is all that goes to standard output.
    text + &words(&revision_command(kind, &dir)) + "\n"
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
pub(crate) fn run_script(work: &str, script: &str, run_as: Option<&str>) -> String {
    let checkout = checkout_dir(work);
    let (folder, file) = script.rsplit_once('/').unwrap_or((".", script));
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
         if [ -x \"$file\" ]; then set -- \"$file\"\n\
         else\n\
         \x20 first=$(head -n 1 \"$file\")\n\
         \x20 case $first in\n\
         \x20   '#!'*) set -- ${{first#??}} \"$file\" ;;\n\
         \x20   *) if command -v bash >/dev/null 2>&1; then set -- bash \"$file\"; else set -- sh \"$file\"; fi ;;\n\
         \x20 esac\n\
         fi\n\
         set -- env DEBIAN_FRONTEND=noninteractive AMIABLE_BOOT=\"${{AMIABLE_BOOT:-1}}\" \"$@\"\n\
         if [ \"$(id -un)\" = {user} ]; then exec \"$@\" </dev/null\n\
         elif [ \"$(id -u)\" = 0 ]; then exec runuser -u {user} -- \"$@\" </dev/null\n\
         else exec sudo -n -H -u {user} -- \"$@\" </dev/null\n\
         fi\n",
        folder = quote(&format!("{checkout}/{folder}")),
        file = quote(file),
        user = quote(user),
    )
}

/// Whether a script may reboot the machine, and is run again then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnReboot {
    /// That is a failure.
    Fail,
    /// It is run again; the machine gets a new deadline, as a timer does not outlive a boot.
    Again(Duration),
}

/// How often a script may be run: one that reboots the machine whenever it runs has no end.
const MOST_BOOTS: u32 = 10;

/// What is run in the guest by itself, whatever becomes of the connection.
#[derive(Debug, Clone)]
pub(crate) struct Detached<'a> {
    /// The folder of the bake.
    pub(crate) work: &'a str,
    /// A word that no other command of this bake has.
    pub(crate) name: &'a str,
    /// What is run.
    pub(crate) command: &'a str,
    pub(crate) on_reboot: OnReboot,
}

/// Whether systemd is about to shut the machine down: it may let a script return before. Root asks
/// systemd itself, also when D-Bus has ended already.
const IS_STOPPING: &str = "is_stopping() {\n\
    \x20 [ \"$(as_root systemctl is-system-running 2>/dev/null)\" = stopping ] && return\n\
    \x20 logind='org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager'\n\
    \x20 [ \"$(busctl get-property $logind PreparingForShutdown 2>/dev/null)\" = 'b true' ]\n\
    }\n";

/// Starts a command that runs by itself, unless it was started before, and follows it: prints what
/// it has printed after the first `seen` bytes, in the order it came, until it has ended, and ends
/// with its status.
pub(crate) fn follow(detached: &Detached<'_>, seen: u64) -> String {
    let Detached { work, name, command, on_reboot } = detached;
    let run = format!("{work}/run-{name}");
    // A pipe is in between, as a script may open /dev/stderr anew, which cuts a file off; a daemon
    // may hold it for ever. It writes its status by one move, so that it is whole; and none when a shutdown ends it.
    let kept = format!(
        "{AS_ROOT}\n{IS_STOPPING}\
         rm -f \"$run/pipe\"\n\
         mkfifo \"$run/pipe\"\n\
         cat < \"$run/pipe\" >> \"$run/output\" &\n\
         cat=$!\n\
         ({command}) > \"$run/pipe\" 2>&1\n\
         echo $? > \"$run/status.new\"\n\
         for it in 1 2 3 4 5; do ! kill -0 $cat 2>/dev/null || sleep 0.2 2>/dev/null || sleep 1; done\n\
         ! is_stopping || sleep 600\n\
         mv \"$run/status.new\" \"$run/status\"\n"
    );
    // Of a script that may reboot the machine, no end is one until the machine has stayed up.
    let (was_cut, settle) = match on_reboot {
        OnReboot::Fail => ("[ ! -e \"$run/status\" ]", ""),
        OnReboot::Again(_) => {
            ("[ \"$(cat \"$run/status\" 2>/dev/null || echo 0)\" = 0 ]", "sleep 3\n")
        }
    };
    format!(
        "{AS_ROOT}\n\
         export run={run}\n\
         seen={seen}\n\
         boot_id() {{ cat /proc/sys/kernel/random/boot_id 2>/dev/null; }}\n\
         start() {{\n\
         \x20 boot_id > \"$run/boot\"\n\
         \x20 echo \"$1\" > \"$run/count\"\n\
         \x20 rm -f \"$run/status\"\n\
         \x20 by=nohup; ! command -v setsid >/dev/null 2>&1 || by=setsid\n\
         \x20 AMIABLE_BOOT=$1 $by sh -c {kept} >> \"$run/output\" 2>&1 </dev/null &\n\
         \x20 echo $! > \"$run/pid\"\n\
         }}\n\
         mkdir -p {work}\n\
         if mkdir \"$run\" 2>/dev/null; then start 1\n\
         elif [ ! -d \"$run\" ]; then echo \"the folder $run cannot be made\" >&2; exit 126\n\
         elif {was_cut} && [ \"$(boot_id)\" != \"$(cat \"$run/boot\")\" ]; then\n\
         {rebooted}\
         fi\n\
         pid=$(cat \"$run/pid\")\n\
         while :; do\n\
         \x20 ended=yes\n\
         \x20 if [ ! -e \"$run/status\" ] && kill -0 \"$pid\" 2>/dev/null; then ended=; fi\n\
         \x20 size=$(wc -c < \"$run/output\")\n\
         \x20 if [ \"$size\" -gt $seen ]; then\n\
         \x20   tail -c +$((seen + 1)) \"$run/output\" | head -c $((size - seen))\n\
         \x20   seen=$size\n\
         \x20 fi\n\
         \x20 [ -z \"$ended\" ] || break\n\
         \x20 sleep 0.3 2>/dev/null || sleep 1\n\
         done\n\
         {settle}\
         [ -e \"$run/status\" ] || sleep 5\n\
         # What is killed without a status may be so by the machine's shutdown, which comes here, too.\n\
         [ -e \"$run/status\" ] || exit 137\n\
         exit \"$(cat \"$run/status\")\"\n",
        run = quote(&run),
        work = quote(work),
        kept = quote(&kept),
        rebooted = after_reboot(*on_reboot),
    )
}

/// What is done on a machine that was rebooted while the script ran.
fn after_reboot(on_reboot: OnReboot) -> String {
    match on_reboot {
        OnReboot::Fail => "\x20 echo 'the machine was rebooted while the script ran: \
             `reboot = \"allowed\"` lets it be run again then' >&2\n\
             \x20 exit 255\n"
            .to_owned(),
        OnReboot::Again(whole) => format!(
            "\x20 count=$(($(cat \"$run/count\") + 1))\n\
             \x20 if [ $count -gt {MOST_BOOTS} ]; then\n\
             \x20   echo 'the script has rebooted the machine {MOST_BOOTS} times: \
             let it look at AMIABLE_BOOT' >&2\n\
             \x20   exit 255\n\
             \x20 fi\n\
             \x20 as_root sh -c {deadline} >/dev/null 2>&1 </dev/null\n\
             \x20 ! command -v cloud-init >/dev/null 2>&1 || cloud-init status --wait >/dev/null 2>&1\n\
             \x20 # What was seen and did not reach the disk: the rest must not be taken for it.\n\
             \x20 touch \"$run/output\"; size=$(wc -c < \"$run/output\")\n\
             \x20 [ \"$size\" -ge $seen ] || head -c $((seen - size)) /dev/zero >> \"$run/output\"\n\
             \x20 if mkdir \"$run/boot-$count\" 2>/dev/null; then start $count; else sleep 2; fi\n",
            deadline = quote(&deadline(whole))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::{Command, Output};

    /// Runs a command as the guest would; the test's own user stands for the login.
    fn sh(command: &str, home: &Path) -> Output {
        Command::new("sh").args(["-c", command]).env("HOME", home).output().unwrap()
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

    fn found(program: &str) -> std::path::PathBuf {
        let path = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&path).map(|folder| folder.join(program));
        let found = found.into_iter().find(|file| file.is_file());
        found.unwrap_or_else(|| panic!("{program} is there: `make setup-test` installs it"))
    }

    fn write_program(file: &Path, text: &str) {
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

    /// A checkout with one script, and the output of running it.
    fn run(script: &str, mode: u32) -> Output {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let node = dir.path().join("checkout/it's node");
        std::fs::create_dir_all(&node).unwrap();
        let file = node.join("setup agent");
        std::fs::write(&file, script).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        // `run_as` would change the owner, which needs root; the user that runs it is the same.
        let command = run_script(&dir.path().to_string_lossy(), "it's node/setup agent", None);
        let command = command.replace("= root ]", &format!("= {} ]", me()));
        sh(&command, dir.path())
    }

    #[test]
    fn a_script_runs_in_its_own_folder_with_its_own_status() {
        let output = run("#!/bin/sh\npwd; echo $DEBIAN_FRONTEND; exit 3\n", 0o755);
        assert_eq!(output.status.code(), Some(3));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.ends_with("/it's node\nnoninteractive\n"), "{stdout}");
    }

    #[test]
    fn one_that_is_not_executable_gets_the_interpreter_it_names() {
        let output = run("#!/bin/sh -e\nfalse\necho not reached\n", 0o644);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        let output = run("echo ${BASH_VERSION:+bash}\n", 0o644);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "bash\n");
    }

    #[test]
    fn a_missing_script_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("checkout")).unwrap();
        let output = sh(&run_script(&dir.path().to_string_lossy(), "setup", None), dir.path());
        assert_eq!(output.status.code(), Some(127));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("there is no ./setup in "));
    }

    fn detached<'a>(work: &'a str, command: &'a str, on_reboot: OnReboot) -> Detached<'a> {
        Detached { work, name: "init", command, on_reboot }
    }

    #[test]
    fn what_is_followed_again_goes_on_where_it_was_left_and_ends_with_its_status() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().to_string_lossy().into_owned();
        let script = "echo one; echo two >&2; echo three; sleep 1; echo four; exit 7";
        let script = detached(&work, script, OnReboot::Fail);
        let output = sh(&follow(&script, 0), dir.path());
        assert_eq!(output.status.code(), Some(7));
        // Both outputs are one, in the order in which they came.
        assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\nthree\nfour\n");
        let again = sh(&follow(&script, 6), dir.path());
        assert_eq!(again.status.code(), Some(7));
        assert_eq!(String::from_utf8_lossy(&again.stdout), "o\nthree\nfour\n");
    }

    #[test]
    fn a_script_that_opens_its_outputs_anew_cuts_nothing_off_and_its_daemons_hold_nothing_up() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().to_string_lossy().into_owned();
        let script = "for it in 1 2 3; do echo line $it; done; sleep 1; (sleep 20; touch late) & \
                      echo warning > /dev/stderr; echo why > /dev/stdout; exit 3";
        let script = detached(&work, script, OnReboot::Fail);
        let text = format!("cd {work}\n{}", follow(&script, 0));
        let output = sh(&text, dir.path());
        assert_eq!(output.status.code(), Some(3));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(told, "line 1\nline 2\nline 3\nwarning\nwhy\n");
        assert!(!dir.path().join("late").exists(), "the daemon was not waited for");
    }

    #[test]
    fn a_follower_that_is_killed_leaves_what_it_follows() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().to_string_lossy().into_owned();
        let script = "sleep 2; echo whole";
        let script = detached(&work, script, OnReboot::Fail);
        let mut first = Command::new("sh").args(["-c", &follow(&script, 0)]).spawn().unwrap();
        while !dir.path().join("run-init/pid").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        first.kill().unwrap();
        first.wait().unwrap();
        let output = sh(&follow(&script, 0), dir.path());
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"whole\n"[..]));
    }

    #[test]
    fn a_script_whose_runner_is_killed_has_failed() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().to_string_lossy().into_owned();
        let script = detached(&work, "kill -9 $$; sleep 2", OnReboot::Fail);
        assert_eq!(sh(&follow(&script, 0), dir.path()).status.code(), Some(137));
    }

    #[test]
    fn a_script_that_reboots_is_run_again_where_that_is_allowed() {
        let again = OnReboot::Again(Duration::from_secs(9));
        // With the status that is there after the reboot: none, or that of a script which returned
        // before systemd ended the machine.
        for (on_reboot, status, code, told) in [
            (again, None, Some(0), "boot 2\n"),
            (again, Some("0\n"), Some(0), "boot 2\n"),
            (again, Some("3\n"), Some(3), ""),
            (OnReboot::Fail, None, Some(255), ""),
            (OnReboot::Fail, Some("0\n"), Some(0), ""),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let work = dir.path().to_string_lossy().into_owned();
            // The deadline is not set on the tester's own machine, and nothing is to settle.
            let follow = |seen| {
                let text = follow(&detached(&work, "echo boot $AMIABLE_BOOT", on_reboot), seen);
                text.replace("as_root sh -c", "true").replace("\nsleep 3\n", "\n")
            };
            assert_eq!(sh(&follow(0), dir.path()).stdout, b"boot 1\n");
            let run = dir.path().join("run-init");
            let reboot = |status: Option<&str>| {
                match status {
                    Some(status) => std::fs::write(run.join("status"), status).unwrap(),
                    None => std::fs::remove_file(run.join("status")).unwrap(),
                }
                std::fs::write(run.join("boot"), "another").unwrap();
                // As after a hard reboot.
                std::fs::write(run.join("output"), "bo").unwrap();
            };
            reboot(status);
            let output = sh(&follow(7), dir.path());
            assert_eq!(output.status.code(), code, "{status:?} {output:?}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), told);
            if told.is_empty() {
                continue;
            }
            reboot(None);
            std::fs::write(run.join("count"), "10").unwrap();
            let output = sh(&follow(14), dir.path());
            assert_eq!(output.status.code(), Some(255));
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(told.contains("rebooted the machine 10 times"), "{told}");
        }
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
            unpack("/w"),
            check_out("/w", VcsKind::Git, "https://host/it's", Some("v1")),
            check_out("/w", VcsKind::Bzr, "lp:x", None),
            run_script("/w", "a/b", Some("ci")),
            follow(&detached("/w", "it's", OnReboot::Fail), 0),
            follow(&detached("/w", "it's", OnReboot::Again(Duration::from_secs(9))), 3),
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
