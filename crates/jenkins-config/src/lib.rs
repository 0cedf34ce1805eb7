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

mod agent;
mod casc;
mod clouds;
mod document;
mod edit;
mod embedded;
mod error;
mod form;
mod parse;
mod program;
mod text;
mod tree;
mod xml;
mod xstream;
mod yaml;

pub use agent::{Agent, AgentName, Cloud, Field, Format, Region, Search, Selector};
pub use casc::{escaped, resolved};
pub use document::Document;
pub use edit::Change;
pub use error::{EditError, FindError, ProgramKind, ReadError, Remark};
pub use text::Text;
