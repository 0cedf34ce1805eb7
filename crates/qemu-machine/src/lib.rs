//! QEMU virtual machines for one host: disks, processes, QMP and the guest network.
//!
//! This crate knows nothing of EC2. It starts a machine from a [`MachineSpec`],
//! finds it again after the starting program is gone ([`Machine::attach`]), and
//! keeps qcow2 disks as chains of layers ([`disk`]).
//!
//! ```text
//!   MachineSpec --start--> Machine --power button / guest poweroff / kill--> exited
//!                             ^
//!   run folder --attach-------'      (the process outlives whoever started it)
//! ```

pub mod accel;
mod architecture;
pub mod disk;
mod error;
mod machine;
mod qmp;
mod relay;
mod spec;

pub use architecture::{Accelerator, Architecture};
pub use error::Error;
pub use machine::{Exit, Machine};
pub use relay::relay_stdio;
pub use spec::{GuestNetwork, Identity, MachineSpec, PortForward};

/// The disk image tool that belongs to it.
pub const QEMU_IMG: &str = "qemu-img";
