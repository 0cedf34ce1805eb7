//! The user's environment, read in this one place.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};

use ami_lifecycle::Actor;

use crate::failure::Failure;

/// A folder of the XDG Base Directory Specification, or its default below HOME
/// (<https://specifications.freedesktop.org/basedir-spec/latest/>).
fn xdg(variable: &str, below_home: &str) -> Result<PathBuf, Failure> {
    if let Some(path) = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(path);
    }
    let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let home =
        home.ok_or_else(|| Failure::failed(format!("neither {variable} nor HOME is set")))?;
    Ok(home.join(below_home))
}

/// A variable that the user names, unless it is empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where a program is, by its name in PATH or by its path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).map(|folder| folder.join(name));
    let places: Vec<PathBuf> =
        if name.contains('/') { vec![name.into()] } else { folders.collect() };
    places.into_iter().find(|file| file.is_file())
}

/// Where the local endpoint keeps everything.
pub(crate) fn local_folder() -> Result<PathBuf, Failure> {
    match env::var_os("AMIABLE_LOCAL_DIR").filter(|path| !path.is_empty()) {
        Some(path) => std::path::absolute(path).map_err(|error| {
            Failure::usage(format!("AMIABLE_LOCAL_DIR is not a valid path: {error}"))
        }),
        None => Ok(xdg("XDG_DATA_HOME", ".local/share")?.join("amiable/local")),
    }
}

/// Where the logs of bakes go.
pub(crate) fn log_folder() -> Result<PathBuf, Failure> {
    Ok(xdg("XDG_STATE_HOME", ".local/state")?.join("amiable/log"))
}

/// Where it is kept how init scripts were written before others took their places; `None` where there is no
/// place for it.
pub(crate) fn written_folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = || Some(xdg("XDG_STATE_HOME", ".local/state").ok()?.join("amiable/scripts"));
    FOLDER.get_or_init(folder).as_deref()
}

/// This process, so that others can tell on this machine whether it still lives:
/// `BOOT.NAMESPACE.PID.START`. Processes are counted anew after a boot and in each
/// namespace, and a number is given again to a later process.
pub(crate) fn owner() -> String {
    let pid = std::process::id();
    let (Some(place), Some(start)) = (place_of_processes(), start_of(pid)) else {
        return String::new();
    };
    format!("{place}.{pid}.{start}")
}

/// Whether whoever has started this process wants it to go on without its terminal (proc(5), SigIgn;
/// SIGHUP is the first bit).
pub(crate) fn ignores_hang_ups() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|it| u64::from_str_radix(it.trim(), 16).ok()).is_some_and(|it| it & 1 != 0)
}

/// This process, as what it changes tells of it.
pub(crate) fn actor<'a>(operator: &'a str, owner: &'a str) -> Actor<'a> {
    Actor { operator, owner, is_gone: &is_gone }
}

/// Whether the process of an owner has ended for certain: it was of this machine, and is
/// not here any more.
pub(crate) fn is_gone(owner: &str) -> bool {
    let parts: Vec<&str> = owner.split('.').collect();
    let [boot, namespace, pid, start] = parts[..] else { return false };
    let Ok(pid) = pid.parse::<u32>() else { return false };
    if place_of_processes() != Some(format!("{boot}.{namespace}")) {
        return false;
    }
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => start_in(&stat).is_none_or(|it| it != start),
        // /proc may hide the processes of others (proc(5), hidepid).
        Err(_) => {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            pid.is_some_and(|pid| {
                rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
            })
        }
    }
}

/// Where a process's number means something (proc(5), namespaces(7)).
fn place_of_processes() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    Some(format!("{}.{}", boot.get(..8)?, digits(&namespace.to_string_lossy())))
}

/// When a process that lives was started, in the kernel's ticks (proc_pid_stat(5)).
fn start_of(pid: u32) -> Option<String> {
    start_in(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The same in the text that tells it; `None` for a zombie.
fn start_in(stat: &str) -> Option<String> {
    // The name of the program may hold anything, and stands in parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // A process that has ended and that nobody has waited for yet is a zombie.
    fields.get(19).filter(|_| fields.first() != Some(&"Z")).map(|start| (*start).to_owned())
}

/// `user@host`, for the record.
pub(crate) fn operator() -> String {
    let user =
        env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_else(|_| "unknown".into());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_gone_when_it_has_ended_here_and_nobody_knows_of_others() {
        let own = owner();
        assert!(!is_gone(&own), "{own}");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let place = place_of_processes().unwrap();
        let other = format!("{place}.{}.{}", child.id(), start_of(child.id()).unwrap());
        assert!(!is_gone(&other), "{other}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&other), "{other}");
        let elsewhere = other.replace(&place, "00000000.1");
        assert!(!is_gone(&elsewhere) && !is_gone("") && !is_gone("a.b.c.d"));
    }
}
