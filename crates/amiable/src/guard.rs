//! A program that connects to a machine is started by way of this one, which ends it, with all
//! that it has started, when the bake has ended: also when that was killed. `aws
//! ec2-instance-connect open-tunnel`, for one, goes on when its standard input has ended.

use std::ffi::OsString;
use std::os::unix::process::{ExitStatusExt, parent_id};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// The first argument when this program is a guard. The second is the number of the process that
/// has started it, the others are what it runs.
const GUARD: &str = "guard-program";

/// How often is looked whether the parent lives.
const LOOKS: Duration = Duration::from_millis(500);
/// How long a program may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);
/// The pause between two looks whether it has.
const STEP: Duration = Duration::from_millis(20);
/// What a shell ends with when it finds no program.
const NOT_FOUND: u8 = 127;

/// What a program and its arguments are added to. On Linux this leads to the running program also
/// when its file was replaced or is gone (proc_pid_exe(5)).
pub(crate) fn command() -> Vec<OsString> {
    let running = std::path::PathBuf::from("/proc/self/exe");
    let own = if running.exists() { Ok(running) } else { std::env::current_exe() };
    own.into_iter().flat_map(|own| [own.into_os_string(), GUARD.into()]).collect()
}

/// Guards a program when this one was started for that.
pub(crate) fn guard_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != GUARD {
        return None;
    }
    let parent: u32 = args.next()?.to_str()?.parse().ok()?;
    let words: Vec<OsString> = args.collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(guard(parent, &words)),
        Err(_) => 1,
    };
    Some(ExitCode::from(code))
}

#[expect(clippy::print_stderr, reason = "the only way to say why the other program did not start")]
async fn guard(parent: u32, words: &[OsString]) -> u8 {
    let Some((program, arguments)) = words.split_first() else { return NOT_FOUND };
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return 1 };
    // A group of its own, which can be ended and this process with its exit status is not in.
    let mut child = match Command::new(program).args(arguments).process_group(0).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("{error}");
            return NOT_FOUND;
        }
    };
    let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let status = tokio::select! {
        status = child.wait() => status.map_or(1, code),
        _ = terminated.recv() => 1,
        () = ended(parent) => 1,
    };
    if let Some(group) = group {
        end(group, child).await;
    }
    status
}

/// Ends what is left of a group: the program, and what it has started.
async fn end(group: Pid, mut child: Child) {
    let _ = kill_process_group(group, Signal::TERM);
    let end = Instant::now() + GRACE;
    while test_kill_process_group(group).is_ok() {
        if Instant::now() > end {
            let _ = kill_process_group(group, Signal::KILL);
            return;
        }
        // A member that has ended counts until its parent has waited for it.
        let _ = child.try_wait();
        tokio::time::sleep(STEP).await;
    }
}

/// Returns when this process has lost its parent.
async fn ended(parent: u32) {
    while parent_id() == parent {
        tokio::time::sleep(LOOKS).await;
    }
}

/// The exit status as a shell has it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
