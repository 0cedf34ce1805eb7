//! What is kept of a template's old AMIs.

use std::time::Duration;

/// What is kept of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// So many of those that were current before.
    pub before: u64,
    /// Whatever is younger than this.
    pub younger: Duration,
    /// Whatever an instance was started from so lately; it does not matter where this is `None`.
    pub launched: Option<Duration>,
    /// How long what goes stays deprecated, and then disabled; it is deleted at once where this is `None`.
    pub retire: Option<Duration>,
}
