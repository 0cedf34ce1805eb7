//! Consumers: the places that say which AMI agents are launched from. Each can be read
//! (which AMI does it name?), and rolled: made to name another.
//!
//! ```text
//!   read: place -> AMI ids it names --.
//!                                      +--> what would change (pure) --> write, and read again
//!   the AMI it is to name -------------'
//! ```
//!
//! One file a kind; `roll.rs` does them one after the other. An AMI that a consumer names
//! is in use, and one that cannot be read may name any.

pub(crate) mod change;
mod channel;
mod command;
mod error;
mod files;
mod jenkins;
mod launch_template;
mod reading;
mod roll;
mod server;
mod ssm;
mod written;

pub use self::command::PLACEHOLDERS as CONSUMER_PLACEHOLDERS;
pub use self::error::RollError;
pub use self::files::{FilePlan, Files};
pub use self::reading::{ConsumerState, Consumers, Holders, Sight};
pub use self::roll::{examine_consumers, plan_roll, roll};
pub use self::server::{JenkinsServer, ServerError};
