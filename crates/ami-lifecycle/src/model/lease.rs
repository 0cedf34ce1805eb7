//! Whether the process that something belongs to still lives. Pure.

use jiff::Timestamp;

/// Tells whether the process of an owner has ended for certain.
pub(crate) type IsGone<'a> = &'a (dyn Fn(&str) -> bool + Send + Sync);

/// Whether the bake that a resource belongs to is dead.
pub(crate) fn is_dead(
    owner: &str,
    lease: Option<&str>,
    is_gone: IsGone<'_>,
    now: Timestamp,
) -> bool {
    let ended = match lease.map(str::parse::<Timestamp>) {
        Some(Ok(end)) => end < now,
        // Nobody can tell, or it is left on purpose.
        _ => false,
    };
    ended || is_gone(owner)
}
