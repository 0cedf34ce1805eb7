//! How results and events look.

mod bake;
pub(crate) mod json;
pub(crate) mod log;
pub(crate) mod schema;
mod table;

pub(crate) use bake::BakeView;
pub(crate) use table::{age, fit, table};
