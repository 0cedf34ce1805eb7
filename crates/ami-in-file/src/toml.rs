//! TOML.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{PlaceError, line_of};
use crate::path::{Path, Step};

/// Where the value at a path stands.
pub(crate) fn span(text: &str, path: &Path) -> Result<Range<usize>, PlaceError> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        PlaceError::Invalid { line: line_of(text, at), format: "TOML" }
    })?;
    let root = Spanned::new(0..text.len(), DeValue::Table(table.into_inner()));
    let missing = || PlaceError::Missing(path.to_string());
    let mut value = &root;
    for step in &path.steps {
        let below = match (value.get_ref(), step) {
            (DeValue::Table(table), Step::Key(key)) => table.get(key.as_str()),
            (DeValue::Array(items), Step::Index(number)) => items.get(*number),
            _ => None,
        };
        value = below.ok_or_else(missing)?;
    }
    match value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) => Err(PlaceError::NotValue(path.to_string())),
        _ => Ok(value.span()),
    }
}
