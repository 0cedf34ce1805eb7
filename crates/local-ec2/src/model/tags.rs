//! Tags.

use std::collections::BTreeMap;

/// Tags of a resource, sorted by key.
pub(crate) type Tags = BTreeMap<String, String>;
