//! Asking before something is destroyed.

use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};

/// Asks before something is destroyed, unless `yes` was said already. `otherwise` is
/// what is true when it does not come to that.
///
/// # Errors
/// When the answer is no, or there is nobody to ask.
pub(crate) fn confirm(console: &Console, yes: bool, question: &str, otherwise: &str) -> Outcome {
    if yes {
        return Ok(());
    }
    match console.ask(question) {
        Some(true) => Ok(()),
        Some(false) => {
            console.message(otherwise);
            Err(Failure::told(Status::Failed))
        }
        None => Err(Failure::usage(format!(
            "cannot ask for confirmation without a terminal, so {otherwise}"
        ))
        .hint("--yes skips the question")),
    }
}
