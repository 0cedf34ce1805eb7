//! Jenkins' `config.xml` and configuration as code (JCasC), as far as the EC2 plugin's
//! agent templates are in it: which there are, from which AMI and with which init script
//! they start, and how one of the two is changed without touching another byte.
//!
//! Text in, text out: no file is read here, and nothing of EC2 is known.
//!
//! ```text
//!   bytes --text--> characters --xml | yaml--> slots and a tree --document--> agents
//!                        ^                       |
//!                        '------ one slot's characters are replaced
//! ```

mod casc;
mod clouds;
mod document;
mod error;
mod text;
mod tree;
mod xml;
mod yaml;

pub use casc::{escaped, resolved};
pub use document::{Agent, AgentName, Change, Cloud, Document, Format, Selector};
pub use error::{EditError, FindError, ReadError};
pub use text::Text;
