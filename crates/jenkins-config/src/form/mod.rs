//! How the two formats write values.

pub(crate) mod xml;
pub(crate) mod yaml;
