//! The package work that a machine begins by itself at boot, and that would hold the locks which an
//! init script needs: as text for the guest's POSIX shell.
//!
//! A fresh Debian or Ubuntu starts apt-daily and unattended-upgrades, a fresh Fedora its dnf-makecache,
//! and snapd refreshes its snaps. None of it is turned off: timers are stopped for this boot, and what
//! runs already is waited for.

use std::time::Duration;

use crate::guest::shell::{AS_ROOT, quote};

/// Begins the line that names what is waited for.
pub(crate) const BUSY_LINE: &str = "amiable-busy ";
/// The status of a machine that is still busy when the time is up.
pub(crate) const STILL_BUSY: u32 = 75;

/// The timers of package managers. Those that a machine does not have are no failure: systemd matches
/// patterns with what is there.
const TIMERS: &str = "'apt-daily*.timer' 'dnf*-makecache.timer' 'dnf*-automatic*.timer' \
                      'unattended-upgrades*.timer'";

/// What these timers start, as a basic regular expression.
const SERVICES: &str =
    r"\(apt-daily\|dnf[0-9]*-makecache\|dnf[0-9]*-automatic\|unattended-upgrades-\)[^ ]*\.service";

/// What package managers lock while they work: apt(8)'s and dpkg(1)'s with fcntl, and RPM's.
const LOCKS: &str = "/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock \
                     /var/cache/apt/archives/lock /var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock";

/// Prints what works on packages now, and nothing where nothing does.
///
/// A lock is found in /proc/locks (proc_locks(5)) by device and inode, so that nothing need be
/// locked here to see it.
const BUSY: &str = r#"lock_holder() {
  command -v stat >/dev/null 2>&1 || return
  for file in LOCKS; do
    is=$(stat -c '%d %i' "$file" 2>/dev/null) || continue
    device=${is% *}
    at=$(printf '%02x:%02x:%s' $((device >> 8 & 4095)) $((device & 255)) "${is#* }")
    # btrfs numbers the device of a subvolume by itself.
    [ "$(stat -f -c %T "$file" 2>/dev/null)" != btrfs ] || at="*:${is#* }"
    while read -r _ kind _ _ pid where _; do
      [ "$kind" != '->' ] || continue
      case $where in $at) ;; *) continue ;; esac
      echo "$(cat "/proc/$pid/comm" 2>/dev/null) (pid $pid, $file)"
      return
    done < /proc/locks
  done
}
busy() {
  if [ -d /run/systemd/system ]; then
    unit=$({ systemctl list-units --plain --no-legend --state=activating,deactivating --type=service
             systemctl list-jobs --no-legend; } 2>/dev/null | grep -o 'SERVICES' | head -n 1)
    if [ -n "$unit" ]; then echo "$unit"; return; fi
  fi
  if command -v snap >/dev/null 2>&1; then
    change=$(as_root snap changes 2>/dev/null | grep -E '^[0-9]+ +(Do|Doing|Undoing) ' | head -n 1)
    if [ -n "$change" ]; then echo "snapd: change $change"; return; fi
  fi
  lock_holder
}
"#;

/// Keeps snapd from refreshing by itself until the bake is over; where the image has a setting of
/// its own, that stays.
fn hold_snaps(work: &str, whole: Duration) -> String {
    format!(
        "if command -v snap >/dev/null 2>&1 && ! as_root snap get system refresh.hold >/dev/null 2>&1; then\n\
         \x20 until=$(date -u -d \"@$(($(date +%s) + {seconds}))\" +%Y-%m-%dT%H:%M:%SZ)\n\
         \x20 if as_root snap set system refresh.hold=\"$until\" >/dev/null 2>&1; then (umask 022; mkdir -p {work}; : > {work}/snaps-held); fi\n\
         fi\n",
        seconds = whole.as_secs(),
        work = quote(work)
    )
}

/// Undoes what `hold_snaps` has done; for root.
pub(super) fn release_snaps(work: &str) -> String {
    format!(
        "[ ! -e {work}/snaps-held ] || snap unset system refresh.hold >/dev/null 2>&1 || true\n",
        work = quote(work)
    )
}

/// Stops the timers for this boot and waits until nothing works on packages; ends with
/// [`STILL_BUSY`] when that takes more than `limit`.
pub(crate) fn quiet(work: &str, limit: Duration, whole: Duration) -> String {
    let busy = BUSY.replace("LOCKS", LOCKS).replace("SERVICES", SERVICES);
    format!(
        "{AS_ROOT}\n{busy}\
         [ ! -d /run/systemd/system ] || as_root systemctl stop {TIMERS} >/dev/null 2>&1\n\
         {hold}\
         end=$(($(date +%s) + {seconds}))\n\
         told=\n\
         while by=$(busy); [ -n \"$by\" ]; do\n\
         \x20 [ \"$by\" = \"$told\" ] || echo \"{BUSY_LINE}$by\"\n\
         \x20 told=$by\n\
         \x20 [ \"$(date +%s)\" -lt \"$end\" ] || exit {STILL_BUSY}\n\
         \x20 sleep 1\n\
         done\n",
        hold = hold_snaps(work, whole),
        seconds = limit.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::{Child, Command, Output, Stdio};

    use super::*;
    use crate::guest::remote::tests::write_program;

    /// Runs the wait with `dir` in the place of all that it would look at, and its programs.
    fn wait(dir: &Path, limit: u64, whole: u64) -> Output {
        let here = dir.to_string_lossy();
        let (limit, whole) = (Duration::from_secs(limit), Duration::from_secs(whole));
        let text = quiet(&format!("{here}/work"), limit, whole)
            .replace("as_root snap", "snap")
            .replace("as_root systemctl", "systemctl")
            .replace("/run/systemd/system", &format!("{here}/systemd"))
            .replace("/var/lib", &here);
        let path = format!("{here}/bin:{}", std::env::var("PATH").unwrap());
        Command::new("sh").args(["-c", &text]).env("PATH", path).output().unwrap()
    }

    /// A farm of programs that log how they are called, in a folder of their own.
    fn programs(programs: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("bin")).unwrap();
        for (name, text) in programs {
            let here = dir.path().display();
            let text =
                format!("#!/bin/sh\necho \"{name} $*\" >> {here}/calls\ncd {here}\n{text}\n");
            write_program(&dir.path().join("bin").join(name), &text);
        }
        dir
    }

    fn calls(dir: &Path) -> String {
        std::fs::read_to_string(dir.join("calls")).unwrap_or_default()
    }

    /// Somebody who holds a file's lock for a while, as apt does.
    fn hold(file: &Path, seconds: u32) -> Child {
        let text = format!(
            "import fcntl, sys, time\nfile = open(sys.argv[1], 'w')\nfcntl.lockf(file, fcntl.LOCK_EX)\n\
             print('held', flush=True)\ntime.sleep({seconds})\n"
        );
        let mut holder = Command::new("python3");
        let mut holder = holder
            .args(["-c", &text, &file.to_string_lossy()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        holder
    }

    #[test]
    fn a_lock_that_somebody_holds_is_waited_for_and_told_once() {
        let dir = programs(&[]);
        std::fs::create_dir(dir.path().join("dpkg")).unwrap();
        let file = dir.path().join("dpkg/lock-frontend");
        let mut holder = hold(&file, 3);
        let output = wait(dir.path(), 0, 9);
        assert_eq!(output.status.code(), Some(i32::try_from(STILL_BUSY).unwrap()), "{output:?}");
        let output = wait(dir.path(), 60, 9);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        let expected = format!("{BUSY_LINE}python3 (pid {}, {})\n", holder.id(), file.display());
        assert_eq!(told, expected);
        assert!(holder.wait().unwrap().success(), "it has come to its end");
    }

    #[test]
    fn timers_are_stopped_and_what_they_have_begun_is_waited_for() {
        let systemctl = "case $1 in\n\
            list-units) [ -e over ] || echo 'apt-daily.service loaded activating start start Daily apt download';;\n\
            list-jobs) [ -e over ] || echo '9 apt-daily-upgrade.service start waiting'; touch over;;\n\
            esac";
        let dir = programs(&[("systemctl", systemctl)]);
        std::fs::create_dir(dir.path().join("systemd")).unwrap();
        let output = wait(dir.path(), 60, 9);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(output.stdout, format!("{BUSY_LINE}apt-daily.service\n").as_bytes());
        let calls = calls(dir.path());
        let stopped = calls.lines().next().unwrap();
        assert!(stopped.starts_with("systemctl stop apt-daily*.timer "), "{calls}");
        assert!(!calls.contains("disable") && !calls.contains("mask"), "{calls}");
    }

    #[test]
    fn snapd_refreshes_nothing_until_the_machine_is_sealed() {
        let snap = "case $* in\n\
            'get system refresh.hold') [ -e own ] && echo forever;;\n\
            changes) echo 'ID   Status  Spawn  Ready  Summary'\n\
            \x20 echo '1    Done    today  today  Initialize system state'\n\
            \x20 [ -e over ] || echo '2    Doing   today  -      Auto-refresh snap \"lxd\"'; touch over;;\n\
            esac";
        let dir = programs(&[("snap", snap)]);
        let work = dir.path().join("work");
        let output = wait(dir.path(), 60, 900);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("Auto-refresh snap"),
            "{output:?}"
        );
        let held = calls(dir.path());
        let until = held.lines().find_map(|line| line.split_once("refresh.hold=")).unwrap().1;
        let until: jiff::Timestamp = until.parse().unwrap();
        let rest = until.duration_since(jiff::Timestamp::now()).as_secs();
        assert!((800..=900).contains(&rest), "it ends by itself: {until}");
        let release = || {
            let text = release_snaps(&work.to_string_lossy());
            let path = format!("{}:/usr/bin:/bin", dir.path().join("bin").display());
            Command::new("sh").args(["-ec", &text]).env("PATH", path).status().unwrap()
        };
        assert!(release().success());
        assert!(calls(dir.path()).ends_with("snap unset system refresh.hold\n"));
        // What the image says itself stays.
        std::fs::write(dir.path().join("own"), "").unwrap();
        std::fs::remove_dir_all(&work).unwrap();
        std::fs::remove_file(dir.path().join("calls")).unwrap();
        assert_eq!(wait(dir.path(), 60, 900).status.code(), Some(0));
        assert!(release().success());
        let calls = calls(dir.path());
        assert!(!calls.contains("snap set") && !calls.contains("unset"), "{calls}");
    }
}
