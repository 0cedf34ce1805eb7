//! Every call of EC2 and its sisters: typed, in its turn, and made again where that helps. No other layer holds a
//! client of the SDK.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod action;
pub(crate) mod client;
pub(crate) mod convert;
pub(crate) mod dry_run;
pub(crate) mod error;
pub(crate) mod held_access;
pub(crate) mod http;
pub(crate) mod images;
pub(crate) mod instance_type;
pub(crate) mod instances;
pub(crate) mod launch_templates;
pub(crate) mod lookup;
pub(crate) mod network;
pub(crate) mod own_address;
pub(crate) mod parameters;
pub(crate) mod permissions;
pub(crate) mod poll;
pub(crate) mod quotas;
pub(crate) mod rate_limit;
pub(crate) mod recover;
pub(crate) mod recycle_bin;
pub(crate) mod security_groups;
pub(crate) mod single_flight;
pub(crate) mod snapshots;
pub(crate) mod usage_reports;
pub(crate) mod users;
pub(crate) mod wait;
