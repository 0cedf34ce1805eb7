//! How a connection by SSH fails.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long a login may take on a connection. Under emulation a key exchange takes seconds.
pub(super) const LOGIN_LIMIT: Duration = Duration::from_secs(30);

/// Why there is no login, or a command had no end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SshError {
    #[error("nothing answers at {0}")]
    Unanswered(SocketAddr),
    #[error("the connection to {0} is refused")]
    PortRefused(SocketAddr),
    #[error("{0} could not be reached: {1}")]
    Unreachable(SocketAddr, String),
    #[error("{0} accepts connections, but no SSH server answers within {limit} s", limit = LOGIN_LIMIT.as_secs())]
    Silent(SocketAddr),
    #[error(
        "{0} accepts connections and closes them: no sshd is running behind it, or it refuses this \
         machine"
    )]
    Closed(SocketAddr),
    #[error("the host at {0} has a different host key from the expected one")]
    HostKey(IpAddr),
    #[error("the login as {user} was refused")]
    Refused { user: String },
    #[error("the connection was lost")]
    Lost,
    #[error("{program} could not be started: {reason}")]
    NotStarted { program: String, reason: String },
    #[error("this version of {program} does not support the command: {reason}")]
    NotUsable { program: String, reason: String },
    #[error("{program} {how}")]
    Tunnel { program: String, how: String },
    #[error(transparent)]
    Protocol(#[from] russh::Error),
}

impl SshError {
    /// Whether a program that should connect has not.
    pub(crate) fn is_of_program(&self) -> bool {
        self.is_for_good() || matches!(self, SshError::Tunnel { .. })
    }

    /// Whether the same would come again and again.
    pub(crate) fn is_for_good(&self) -> bool {
        matches!(self, SshError::NotStarted { .. } | SshError::NotUsable { .. })
    }
}
