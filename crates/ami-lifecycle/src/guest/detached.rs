//! A script that runs by itself in the guest, whatever becomes of the connection, and what follows
//! it: as text for the guest's POSIX shell.
//!
//! A folder of its own has the output (both streams, in the order in which they came), the exit
//! status once there is one, the boot under which the script runs, and how often it was run.

use crate::guest::shell::{AS_ROOT, quote};

/// Whether a script may reboot the machine, and is run again then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnReboot<'a> {
    /// That is a failure.
    Fail,
    /// It is run again, after what every boot needs: text for the shell.
    Again(&'a str),
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
    pub(crate) on_reboot: OnReboot<'a>,
}

/// Whether systemd is about to shut the machine down: it may let a script return before. Root asks
/// systemd itself, also when D-Bus has ended already.
const IS_STOPPING: &str = "is_stopping() {\n\
    \x20 [ \"$(as_root systemctl is-system-running 2>/dev/null)\" = stopping ] && return\n\
    \x20 logind='org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager'\n\
    \x20 [ \"$(busctl get-property $logind PreparingForShutdown 2>/dev/null)\" = 'b true' ]\n\
    }\n";

/// Why a script has failed that says nothing itself, as no output finds a place either.
const FULL_DISK: &str = "if [ \"$status\" != 0 ]; then\n\
    \x20 set -- $(df -Pk \"$run\" 2>/dev/null | tail -n 1)\n\
    \x20 [ \"${4-1}\" != 0 ] || echo \"no space is left on $6 (df: $2 KiB, 0 available)\"\n\
    fi\n";

/// What the kernel has killed for want of memory says nothing either.
const NO_MEMORY: &str = "if [ \"$status\" = 137 ]; then\n\
    \x20 killed=$(as_root dmesg 2>/dev/null | grep -i 'out of memory: killed' | tail -n 1)\n\
    \x20 [ -z \"$killed\" ] || echo \"the kernel: $killed\"\n\
    fi\n";

/// Starts a command that runs by itself, unless it was started before, and follows it: prints what
/// it has printed after the first `seen` bytes, in the order it came, until it has ended, and ends
/// with its status.
pub(crate) fn follow(detached: &Detached<'_>, seen: u64) -> String {
    let Detached { work, name, command, on_reboot } = detached;
    let run = format!("{work}/run-{name}");
    // A pipe is in between, as a script may open /dev/stderr anew, which cuts a file off; a daemon
    // may hold it for ever. It writes its status by one move, so that it is whole; and none when a
    // shutdown ends it. The file has its place on the disk from the beginning, as the script may
    // fill the disk: the status is its first line.
    let kept = format!(
        "{AS_ROOT}\n{IS_STOPPING}\
         rm -f \"$run/pipe\"\n\
         mkfifo \"$run/pipe\"\n\
         echo none > \"$run/status.new\"\n\
         cat < \"$run/pipe\" >> \"$run/output\" &\n\
         cat=$!\n\
         ({command}) > \"$run/pipe\" 2>&1\n\
         echo $? 1<> \"$run/status.new\"\n\
         for it in 1 2 3 4 5; do ! kill -0 $cat 2>/dev/null || sleep 0.2 2>/dev/null || sleep 1; done\n\
         ! is_stopping || sleep 600\n\
         mv \"$run/status.new\" \"$run/status\"\n"
    );
    // Of a script that may reboot the machine, no end is one until the machine has stayed up.
    let (was_cut, settle) = match on_reboot {
        OnReboot::Fail => ("[ ! -e \"$run/status\" ]", ""),
        OnReboot::Again(_) => (
            "{ status=0; [ ! -e \"$run/status\" ] || read -r status < \"$run/status\"; [ \"$status\" = 0 ]; }",
            "sleep 3\n",
        ),
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
         if mkdir -m 700 \"$run\" 2>/dev/null; then start 1\n\
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
         read -r status < \"$run/status\"\n\
         {FULL_DISK}{NO_MEMORY}\
         exit \"$status\"\n",
        run = quote(&run),
        work = quote(work),
        kept = quote(&kept),
        rebooted = after_reboot(*on_reboot),
    )
}

/// What is done on a machine that was rebooted while the script ran.
fn after_reboot(on_reboot: OnReboot<'_>) -> String {
    match on_reboot {
        OnReboot::Fail => "\x20 echo 'the machine was rebooted while the script ran: \
             `reboot = \"allowed\"` lets it be run again then' >&2\n\
             \x20 exit 255\n"
            .to_owned(),
        OnReboot::Again(prepare) => format!(
            "\x20 count=$(($(cat \"$run/count\") + 1))\n\
             \x20 if [ $count -gt {MOST_BOOTS} ]; then\n\
             \x20   echo 'the script has rebooted the machine {MOST_BOOTS} times: \
             let it look at AMIABLE_BOOT' >&2\n\
             \x20   exit 255\n\
             \x20 fi\n\
             \x20 sh -c {prepare} >/dev/null 2>&1 </dev/null\n\
             \x20 # What was seen and did not reach the disk: the rest must not be taken for it.\n\
             \x20 touch \"$run/output\"; size=$(wc -c < \"$run/output\")\n\
             \x20 [ \"$size\" -ge $seen ] || head -c $((seen - size)) /dev/zero >> \"$run/output\"\n\
             \x20 if mkdir \"$run/boot-$count\" 2>/dev/null; then start $count; else sleep 2; fi\n",
            prepare = quote(prepare)
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::guest::remote::tests::sh;

    fn detached<'a>(work: &'a str, command: &'a str, on_reboot: OnReboot<'a>) -> Detached<'a> {
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
    fn a_daemon_that_goes_on_printing_holds_nothing_up() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().to_string_lossy().into_owned();
        // The folder goes at the end of the test, and the file with it.
        let noise =
            "touch on; (while [ -e on ] && sleep 0.05; do echo noise; done) & echo done; exit 4";
        let script = detached(&work, noise, OnReboot::Fail);
        let text = format!("cd {work}\n{}", follow(&script, 0));
        let began = std::time::Instant::now();
        let output = sh(&text, dir.path());
        assert_eq!(output.status.code(), Some(4), "after {:?}", began.elapsed());
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

    /// Runs a script whose folder is on a disk of its own that has little room, in name spaces of
    /// its own; none where the tester may not make these.
    fn on_a_small_disk(script: &str) -> Option<(Option<i32>, String)> {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().to_string_lossy().into_owned();
        let text = follow(&detached(&work, script, OnReboot::Fail), 0);
        let mount = format!("mount -t tmpfs -o size=64k small {work}");
        let text = format!("{mount} || exit 99\ncd {work}\n{text}");
        let output = Command::new("unshare").args(["-rm", "sh", "-c", &text]).output().ok()?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code() != Some(99)).then_some((output.status.code(), told))
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "why a test is skipped should not be mute")]
    fn a_script_that_fills_the_disk_ends_with_its_own_status_and_the_reason() {
        let script = "cat /dev/zero > big; echo more | tee -a big 2>/dev/null; exit 3";
        let Some((code, told)) = on_a_small_disk(script) else {
            return eprintln!("skipped: no name spaces for a small disk on this machine");
        };
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains("no space is left on /tmp"), "{told}");
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
        let again = OnReboot::Again("echo prepared > \"$run/prepared\"");
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
            // Nothing is to settle.
            let follow = |seen| {
                let text = follow(&detached(&work, "echo boot $AMIABLE_BOOT", on_reboot), seen);
                text.replace("\nsleep 3\n", "\n")
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
            assert_eq!(run.join("prepared").exists(), !told.is_empty());
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
    fn following_is_a_command_that_a_posix_shell_reads() {
        for on_reboot in [OnReboot::Fail, OnReboot::Again("it's")] {
            let command = follow(&detached("/w", "it's", on_reboot), 3);
            let output = Command::new("sh").args(["-nc", &command]).output().unwrap();
            assert!(output.status.success(), "{command}\n{output:?}");
        }
    }
}
