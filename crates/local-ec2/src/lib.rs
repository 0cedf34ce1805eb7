//! An EC2-compatible endpoint for one machine.
//!
//! It speaks the EC2 Query protocol over HTTP on a loopback address. An instance
//! is a QEMU virtual machine (or a simulated one), an AMI a chain of qcow2 layers.
//! It meets its clients only through that protocol.
//!
//! ```text
//!   HTTP --> protocol (signature, parameters) --> actions --> state (durable)
//!                                                    |            ^
//!                                                    v            |
//!                                                  engine --> machines (QEMU | simulated)
//!                                                                 ^
//!   guest --> relay --> unix socket --> imds ----- reads state ---'
//! ```
//!
//! A folder belongs to each endpoint: `endpoint.json` (address and key), the
//! state database, disk layers, a run folder for each instance, the log.

mod actions;
mod bootstrap;
mod botocore;
mod config;
mod connection;
mod control;
mod default_vpc;
mod ec2;
mod endpoint;
mod engine;
mod faults;
mod gate;
mod gates;
mod imds;
mod imported_image;
mod instance_type;
mod lag;
mod machines;
mod metadata_services;
mod model;
mod network;
mod protocol;
mod reference;
mod server;
mod service;
mod store;
mod throttle;
mod tunnel;

pub use crate::config::{MachineKind, ServeError, ServerConfig};
pub use control::{ControlError, ImageUse, Import, Reply, Request, Status, call};
pub use endpoint::{Endpoint, Folder};
pub use faults::{CallCounts, CallFault, Faults, Strike};
pub use machines::{Answer, Delays, DelaysError, Transition, parse_duration};
pub use reference::{ActionReference, reference};
pub use server::serve;
pub use store::StoreError;

/// Relays a guest's metadata connection from standard input and output to the
/// unix socket of its service: what [`ServerConfig::metadata_relay`] must do.
pub use qemu_machine::relay_stdio;
