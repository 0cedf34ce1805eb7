//! Ctrl-C, SIGTERM, and SIGHUP of a terminal that is closed: the first undoes what is under way, the second ends at once.

use ami_lifecycle::{CancellationToken, Holdings};
use tokio::signal::unix::{SignalKind, signal};

use crate::console::Console;
use crate::failure::Status;

/// A token that the first signal cancels. The second one ends the program, and tells what
/// of `holdings` is left.
pub(crate) fn cancel_on_signals(console: &Console, holdings: &Holdings) -> CancellationToken {
    let token = CancellationToken::new();
    let (cancelled, console, holdings) = (token.clone(), console.clone(), holdings.clone());
    tokio::spawn(async move {
        next_signal().await;
        console
            .complain("interrupted: undoing what was begun; once more ends at once and leaves it");
        cancelled.cancel();
        next_signal().await;
        console.complain(&match holdings.list() {
            left if left.is_empty() => "ended at once; nothing is left".to_owned(),
            left => format!("ended at once. Left: {}; `amiable sweep` removes it", left.join(", ")),
        });
        std::process::exit(Status::Interrupted as i32);
    });
    token
}

async fn next_signal() {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        // Without handlers the signals do what they always do.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
}
