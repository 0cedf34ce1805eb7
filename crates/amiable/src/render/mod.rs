//! How results and events look.

mod bake;
mod table;

pub(crate) use bake::BakeView;
pub(crate) use table::table;
