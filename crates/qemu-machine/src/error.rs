//! The one error type of the crate.

use std::path::PathBuf;

/// What can go wrong with a machine or a disk.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program of the QEMU family is not installed.
    #[error(
        "{program} is not installed (Debian and Ubuntu: apt-get install qemu-system-x86 qemu-utils)"
    )]
    NotInstalled {
        /// The program's name.
        program: String,
    },
    /// A program ended with a failure; what it said is kept.
    #[error("{program} failed: {message}")]
    Program {
        /// The program's name.
        program: String,
        /// Its standard error, trimmed.
        message: String,
    },
    /// A file or socket could not be used.
    #[error("failed to {action} {}", path.display())]
    Io {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A unix socket's path is longer than the system allows (108 bytes, see unix(7)).
    #[error("the path {} is too long for a unix socket: choose a shorter folder", .0.display())]
    SocketPath(PathBuf),
    /// The machine's QMP monitor refused a command.
    #[error("QEMU refused {command}: {message}")]
    Refused {
        /// The QMP command.
        command: String,
        /// QEMU's description of the error.
        message: String,
    },
    /// The machine ended while a command was under way.
    #[error("the machine has ended")]
    Ended,
}

impl Error {
    /// An [`Error::Io`] maker for `map_err`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }
}
