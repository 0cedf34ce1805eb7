//! Where the ids of AMIs stand in a file, and how one is exchanged without touching another byte: at a
//! place in YAML, JSON, TOML, HCL or `.properties`, or, in any other text, between two marks or where a
//! regular expression matches.
//!
//! Text in, text out: no file is read here, and nothing of EC2 is known.
//!
//! ```text
//!   text --format's parser--> the span of the value at a path --.
//!   text --marks, pattern---> spans ----------------------------+--> the id in it --> another id
//! ```

mod error;
mod format;
mod hcl;
mod ids;
mod path;
mod properties;
mod text;
mod toml;
mod yaml;

use std::ops::Range;

pub use error::PlaceError;
pub use format::Format;
pub use ids::{AMI, is_id};
pub use path::Path;
pub use text::{Marks, Pattern};

/// Where ids stand in a file.
#[derive(Debug, Clone)]
pub enum Place {
    /// The values at these paths, one id in each.
    At(Format, Vec<Path>),
    /// Where a regular expression matches.
    Pattern(Pattern),
    /// Between two marks.
    Between(Marks),
}

/// The places of the ids, each once, in the order of the file.
///
/// # Errors
/// When the text is not of the format, when a place is missing or there more than once, when there is
/// another number of ids than there should be, and when a value is used elsewhere, too.
pub fn find(text: &str, place: &Place) -> Result<Vec<Range<usize>>, PlaceError> {
    let mut spans = match place {
        Place::At(format, paths) => {
            let spans = paths.iter().map(|path| {
                let span = format.span(text, path)?;
                let value = text.get(span.clone()).unwrap_or_default();
                match ids::ids(value)[..] {
                    [ref id] => Ok(span.start + id.start..span.start + id.end),
                    [] => Err(PlaceError::NoId(path.to_string())),
                    _ => Err(PlaceError::SeveralIds(path.to_string())),
                }
            });
            spans.collect::<Result<Vec<_>, PlaceError>>()?
        }
        Place::Pattern(pattern) => pattern.find(text)?,
        Place::Between(marks) => marks.find(text)?,
    };
    spans.sort_by_key(|span| span.start);
    spans.dedup();
    Ok(spans)
}

/// All ids of AMIs in a text.
#[must_use]
pub fn all_ids(text: &str) -> Vec<&str> {
    ids::ids(text).into_iter().map(|span| &text[span]).collect()
}

/// The text with another id at these places, which [`find`] gave.
#[must_use]
pub fn exchange(text: &str, spans: &[Range<usize>], id: &str) -> String {
    let mut changed = text.to_owned();
    for span in spans.iter().rev() {
        changed.replace_range(span.clone(), id);
    }
    changed
}
