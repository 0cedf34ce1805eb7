//! Words and functions of the shell that all commands on a guest share.

use std::time::Duration;

pub(crate) use crate::model::script::quote;

/// Defines `as_root`, for users that are root and for those that may use sudo.
pub(crate) const AS_ROOT: &str =
    r#"as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -H -- "$@"; fi; }"#;

/// Makes the folder of a bake for the login user, also where only root may.
pub(crate) fn make_work(work: &str) -> String {
    format!(
        "[ -d {work} ] || mkdir -p {work} 2>/dev/null || \
         {{ as_root sh -c 'umask 022; mkdir -p \"$1\"' sh {work} && as_root chown \"$(id -u)\" {work}; }}\n",
        work = quote(work)
    )
}

/// The command that lets a machine end itself.
pub(crate) fn deadline(whole: Duration) -> String {
    let (seconds, minutes) = (whole.as_secs(), whole.as_secs().div_ceil(60));
    format!(
        "systemd-run --quiet --unit=amiable-deadline --on-active={seconds}s systemctl poweroff \
         || shutdown -h +{minutes}"
    )
}
