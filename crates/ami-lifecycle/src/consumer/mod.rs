//! Consumers: the places that say which AMI agents are launched from. Each can be read
//! (which AMI does it name?), and rolled: made to name another.
//!
//! ```text
//!   read: place -> AMI ids it names --.
//!                                      +--> what would change (pure) --> write, and read again
//!   the AMI it is to name -------------'
//! ```
//!
//! One file a kind, which does what `kind.rs` asks of each; `roll.rs` does them one after the other. An AMI that a consumer names
//! is in use, and one that cannot be read may name any.

mod auto_scaling_group;
pub(crate) mod change;
mod channel;
mod command;
mod error;
mod file;
mod files;
mod git;
mod held;
mod holders;
mod jenkins;
pub(crate) mod kind;
mod launch_template;
pub(crate) mod program;
mod reading;
mod roll;
mod server;
mod ssm;
mod stack;
mod written;
mod written_place;

pub use self::command::PLACEHOLDERS as CONSUMER_PLACEHOLDERS;
pub use self::error::RollError;
pub use self::files::{FilePlan, Files};
pub use self::holders::Holders;
pub use self::reading::{ConsumerState, Consumers, Sight};
pub use self::roll::{examine_consumers, plan_roll, roll};
pub use self::server::{JenkinsServer, ServerError};
pub use self::written_place::WrittenPlace;

use crate::model::consumer::Consumer;

/// The places that a consumer of a template writes. It is in `region`, if that is not the first.
#[must_use]
pub fn written_places(
    consumer: &Consumer,
    template: &str,
    region: Option<&str>,
) -> Vec<WrittenPlace> {
    kind::kind(consumer).places(template, region)
}
