//! What stands behind an instance: a QEMU virtual machine, or a simulated one.
//!
//! Both keep to one trait, so that everything above them (states, storage,
//! protocol) is the same code whichever is in use.

mod delays;
mod qemu;
mod simulated;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

pub use delays::{Delays, DelaysError, Transition, parse_duration};
pub(crate) use qemu::{QemuMachines, QemuOptions, is_installed};
pub(crate) use qemu_machine::Exit;
pub use simulated::Answer;
pub(crate) use simulated::SimulatedMachines;

/// A failure of a machine or a disk, as text for people: it becomes the
/// `StateReason` of the instance or image.
pub(crate) type MachineResult<T> = Result<T, String>;

/// What a machine is started from.
#[derive(Debug, Clone)]
pub(crate) struct Boot {
    pub(crate) instance_id: String,
    pub(crate) instance_type: String,
    /// `x86_64` or `arm64`.
    pub(crate) architecture: String,
    /// The layers of its disks; the first is the one to boot from.
    pub(crate) layers: Vec<String>,
    pub(crate) address: Ipv4Addr,
    pub(crate) mac: String,
    /// Decoded.
    pub(crate) user_data: Option<Vec<u8>>,
    /// The key pair's public key, as a line of authorized_keys.
    pub(crate) public_key: Option<String>,
}

/// A stream of bytes that goes both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection to a machine's sshd.
pub(crate) struct Line {
    pub(crate) stream: Box<dyn Duplex>,
    /// Cancelled when the connection is to be cut.
    pub(crate) cut: CancellationToken,
}

/// Machines and the disks they run on.
#[async_trait]
pub(crate) trait Machines: Send + Sync + 'static {
    /// A word for the status: `qemu (tcg)`, `simulated`.
    async fn describe(&self) -> String;

    /// Whether machines of an architecture run here; else why not.
    fn check(&self, _architecture: &str) -> MachineResult<()> {
        Ok(())
    }

    /// How long after a launch the image tells of it: EC2 takes a day.
    fn launched_delay(&self) -> Duration {
        Duration::from_secs(24 * 3600)
    }

    /// How long a usage report is pending.
    fn report_delay(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// Makes a layer of at least `size_gib`, on top of another where it has a parent.
    async fn create_layer(
        &self,
        layer: &str,
        parent: Option<&str>,
        size_gib: u64,
    ) -> MachineResult<()>;

    /// Copies a disk image into a layer and returns its size in bytes.
    async fn import_layer(&self, layer: &str, file: &Path) -> MachineResult<u64>;

    /// Deletes a layer that nothing stands on. A missing one is no error.
    async fn delete_layer(&self, layer: &str);

    /// The layers that have a file, whether or not anyone knows them.
    async fn layers_on_disk(&self) -> Vec<String>;

    /// Starts a machine and returns when it runs (not when its guest has booted).
    async fn start(&self, boot: &Boot) -> MachineResult<()>;

    /// Takes over a machine that an earlier server left running.
    async fn attach(&self, boot: &Boot) -> bool;

    async fn is_running(&self, instance_id: &str) -> bool;

    /// Asks the guest to shut down.
    async fn power_button(&self, instance_id: &str);

    /// Ends the machine at once.
    async fn kill(&self, instance_id: &str);

    /// Returns when the machine that runs now has ended, and says by whom; at once when
    /// none runs.
    async fn exited(&self, instance_id: &str) -> Exit;

    /// Lets a running machine write its `disk`th disk to `layer` from now on.
    async fn switch_layer(&self, instance_id: &str, disk: usize, layer: &str) -> MachineResult<()>;

    /// Whether a running machine writes its `disk`th disk to `layer`.
    async fn writes_to(&self, instance_id: &str, disk: usize, layer: &str) -> bool;

    /// How much a running guest has written to its disks, in bytes, where that is counted.
    async fn written_bytes(&self, instance_id: &str) -> Option<u64>;

    /// What the guest wrote to its serial console.
    fn console(&self, instance_id: &str) -> Vec<u8>;

    /// The time that taking an image lasts beyond what it costs here; of which instance, where
    /// it is of one.
    async fn image_pause(&self, instance_id: Option<&str>);

    /// Where the instance's metadata service is to listen, if it has use for one.
    fn metadata_socket(&self, instance_id: &str) -> Option<PathBuf>;

    /// Whether the address can be given to a new machine.
    fn address_is_free(&self, address: Ipv4Addr) -> bool;

    /// Returns when connections to the machine's sshd get an answer of some kind.
    async fn until_sshd_listens(&self, instance_id: &str);

    /// Connects to the machine's sshd.
    async fn connect(&self, instance_id: &str) -> std::io::Result<Line>;

    /// Removes what is left of an ended machine, its console included.
    async fn forget(&self, instance_id: &str);
}
