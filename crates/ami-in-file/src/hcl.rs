//! HCL: a block is found by its type and its labels, one after the other.

use std::ops::Range;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Block, Body, Structure};

use crate::error::PlaceError;
use crate::path::{Path, Step};

/// What stands at a path.
enum Found {
    Value(Range<usize>),
    Collection,
}

/// Where the value at a path stands.
pub(crate) fn span(text: &str, path: &Path) -> Result<Range<usize>, PlaceError> {
    let body = hcl_edit::parser::parse_body(text)
        .map_err(|error| PlaceError::Invalid { line: error.location().line(), format: "HCL" })?;
    let mut found = Vec::new();
    in_body(&body, &path.steps, &mut found);
    match &found[..] {
        [] => Err(PlaceError::Missing(path.to_string())),
        [Found::Value(span)] => Ok(span.clone()),
        [Found::Collection] => Err(PlaceError::NotValue(path.to_string())),
        _ => Err(PlaceError::Several(path.to_string())),
    }
}

fn in_body(body: &Body, steps: &[Step], found: &mut Vec<Found>) {
    let Some((Step::Key(first), rest)) = steps.split_first() else { return };
    let mut blocks: Vec<(&Block, &[Step])> = Vec::new();
    for structure in body {
        match structure {
            Structure::Attribute(it) if it.key.as_str() == first => {
                in_value(&it.value, rest, found);
            }
            Structure::Attribute(_) => {}
            Structure::Block(block) => {
                if let Some(rest) = behind_labels(block, steps) {
                    blocks.push((block, rest));
                }
            }
        }
    }
    // Of several blocks with one name, a number says which is meant.
    for (number, (block, rest)) in blocks.into_iter().enumerate() {
        match rest.split_first() {
            Some((Step::Index(wanted), below)) if *wanted == number => {
                in_body(&block.body, below, found);
            }
            Some((Step::Index(_), _)) => {}
            Some(_) => in_body(&block.body, rest, found),
            None => found.push(Found::Collection),
        }
    }
}

/// What is left of a path that leads into a block.
fn behind_labels<'s>(block: &Block, steps: &'s [Step]) -> Option<&'s [Step]> {
    let mut rest = steps;
    let labels = block.labels.iter().map(|label| label.as_str());
    for name in std::iter::once(block.ident.as_str()).chain(labels) {
        match rest.split_first() {
            Some((Step::Key(key), below)) if key == name => rest = below,
            _ => return None,
        }
    }
    Some(rest)
}

fn in_value(value: &Expression, steps: &[Step], found: &mut Vec<Found>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(match value {
            Expression::Array(_) | Expression::Object(_) => Found::Collection,
            _ => value.span().map_or(Found::Collection, Found::Value),
        });
        return;
    };
    match (value, step) {
        (Expression::Parenthesis(inner), _) => in_value(inner.inner(), steps, found),
        (Expression::Object(object), Step::Key(key)) => {
            let named = object.iter().filter(|(name, _)| is_named(name, key));
            named.for_each(|(_, value)| in_value(value.expr(), rest, found));
        }
        (Expression::Array(items), Step::Index(number)) => {
            if let Some(item) = items.iter().nth(*number) {
                in_value(item, rest, found);
            }
        }
        _ => {}
    }
}

fn is_named(name: &ObjectKey, key: &str) -> bool {
    match name {
        ObjectKey::Ident(ident) => ident.as_str() == key,
        ObjectKey::Expression(expression) => expression.as_str() == Some(key),
    }
}
