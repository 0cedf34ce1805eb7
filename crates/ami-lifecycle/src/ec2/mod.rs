//! The calls of EC2 and its sisters, typed. No other layer names AWS' SDK. A call takes its turn where EC2's limits
//! matter, and what may pass is tried again (`call.rs`).

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod action;
pub(crate) mod actions;
pub(crate) mod auto_scaling;
pub(crate) mod block_devices;
mod call;
mod capacity;
pub(crate) mod client;
mod convert;
pub(crate) mod dry_run;
pub(crate) mod error;
pub(crate) mod held_access;
pub(crate) mod http;
mod images;
pub(crate) mod instance_type;
pub(crate) mod instances;
pub(crate) mod launch_templates;
pub(crate) mod lookup;
pub(crate) mod network;
pub(crate) mod own_address;
pub(crate) mod parameters;
mod permissions;
pub(crate) mod poll;
mod quotas;
pub(crate) mod rate_limit;
pub(crate) mod recover;
pub(crate) mod recycle_bin;
pub(crate) mod security_groups;
mod single_flight;
pub(crate) mod snapshots;
pub(crate) mod stacks;
pub(crate) mod usage_reports;
pub(crate) mod users;
pub(crate) mod wait;
