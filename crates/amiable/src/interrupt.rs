//! Ctrl-C, SIGTERM, and SIGHUP of a terminal that is closed: the first undoes what is under way, the
//! second Ctrl-C or SIGTERM ends at once.

use ami_lifecycle::{CancellationToken, Holdings};
use tokio::signal::unix::{SignalKind, signal};

use crate::console::Console;
use crate::failure::Status;
use crate::surroundings;

/// A token that the first signal cancels. The second one ends the program, and tells what
/// of `holdings` is left.
pub(crate) fn cancel_on_signals(console: &Console, holdings: &Holdings) -> CancellationToken {
    let token = CancellationToken::new();
    let (cancelled, console, holdings) = (token.clone(), console.clone(), holdings.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = next_signal() => {}
            () = next_hang_up() => {}
        }
        console.complain(
            "interrupted: cleaning up; press Ctrl-C again to stop now and leave the \
                          rest",
        );
        cancelled.cancel();
        next_signal().await;
        console.complain(&match holdings.list() {
            left if left.is_empty() => "stopped; nothing is left behind".to_owned(),
            left => {
                format!("stopped. Left behind: {}; `amiable sweep` removes it", left.join(", "))
            }
        });
        std::process::exit(Status::Interrupted as i32);
    });
    token
}

async fn next_signal() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the signals do what they always do.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// A terminal that is closed hangs up more than once, by the shell and by the kernel: only the first
/// counts, and no later one ends the program. What nohup(1) has started goes on.
async fn next_hang_up() {
    if surroundings::ignores_hang_ups() {
        return std::future::pending().await;
    }
    match signal(SignalKind::hangup()) {
        Ok(mut hang_up) => drop(hang_up.recv().await),
        Err(_) => std::future::pending().await,
    }
}
