//! How to serve.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::endpoint::Folder;
use crate::machines::{Answer, Delays};
use crate::store::StoreError;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where everything is kept.
    pub folder: Folder,
    /// The TCP port on 127.0.0.1; `None` takes the one of the last start, or a free one.
    pub port: Option<u16>,
    /// The port of an instance's address at which its SSH server answers.
    pub ssh_port: u16,
    /// What instances are.
    pub machines: MachineKind,
    /// How long the Recycle Bin keeps deleted images and snapshots; there is none where this is
    /// `None`.
    pub recycle_bin: Option<Duration>,
    /// Whether packet filters keep out whom no security group admits. Without them, as where the kernel
    /// allows them to root only, these are connected and get no answer.
    pub packet_filters: bool,
    /// A command that runs [`crate::relay_stdio`] with the path that is added to it.
    pub metadata_relay: Vec<String>,
}

/// What stands behind the instances of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MachineKind {
    /// QEMU virtual machines.
    Qemu,
    /// Simulated machines.
    Simulated {
        /// How long their transitions take.
        delays: Delays,
        /// What their SSH servers answer; 0 to all else.
        answers: Vec<Answer>,
    },
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another server has the folder.
    #[error("another local endpoint is running for {}", .0.display())]
    Running(PathBuf),
    /// The port is taken.
    #[error("port {port} of 127.0.0.1 cannot be used (choose another with --port)")]
    Port {
        /// Which one.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The folder cannot be used.
    #[error("the folder {} cannot be used", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The durable state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is there from the beginning could not be made.
    #[error("failed to make the default security group and base image: {0}")]
    Begin(String),
    /// There is no QEMU.
    #[error("{0} is not installed (Debian and Ubuntu: apt-get install {1})")]
    NoQemu(&'static str, &'static str),
}
