//! Ctrl-C and SIGTERM: the first undoes what is under way, the second ends at once.

use ami_lifecycle::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};

use crate::console::Console;
use crate::failure::Status;

/// A token that the first signal cancels. The second one ends the program.
pub(crate) fn cancel_on_signals(console: &Console) -> CancellationToken {
    let token = CancellationToken::new();
    let (cancelled, console) = (token.clone(), console.clone());
    tokio::spawn(async move {
        next_signal().await;
        console
            .complain("interrupted: undoing what was begun; once more ends at once and leaves it");
        cancelled.cancel();
        next_signal().await;
        console.complain(
            "ended at once. What is left shows in:\n\
             aws ec2 describe-instances --filters Name=tag:amiable:stage,Values=building\n\
             and `amiable sweep` removes it when the lease of the bake has ended",
        );
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
