//! Any other text: marks, and regular expressions.

use std::ops::Range;

use regex::Regex;

use crate::error::{PlaceError, line_of};
use crate::ids::ids;

/// A regular expression with one group, which matches ids.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    count: usize,
}

impl Pattern {
    /// A pattern that must match so often.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(text: &str, count: usize) -> Result<Pattern, String> {
        let regex = Regex::new(text).map_err(|error| {
            // The last line says what is wrong; those before show where.
            let text = error.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("the pattern is not a valid regular expression: {why}")
        })?;
        let wrong = |why: &str| Err(format!("the pattern {why}"));
        match regex.captures_len() {
            2 => Ok(Pattern { regex, count }),
            1 => wrong("has no group: put ( and ) around what matches the id"),
            _ => wrong("has more than one group: write (?:…) for the others"),
        }
    }

    pub(crate) fn find(&self, text: &str) -> Result<Vec<Range<usize>>, PlaceError> {
        let groups = self.regex.captures_iter(text).filter_map(|captures| captures.get(1));
        let spans: Vec<Range<usize>> = groups.map(|group| group.range()).collect();
        // A part of an id is none.
        let whole = ids(text);
        if let Some(other) = spans.iter().find(|span| !whole.contains(span)) {
            return Err(PlaceError::GroupWithoutId { line: line_of(text, other.start) });
        }
        counted("the pattern", spans, self.count)
    }
}

/// Two marks, each of which stands once in the file.
#[derive(Debug, Clone)]
pub struct Marks {
    /// What stands before.
    pub begin: String,
    /// What stands behind.
    pub end: String,
    /// How many ids stand between.
    pub count: usize,
}

impl Marks {
    pub(crate) fn find(&self, text: &str) -> Result<Vec<Range<usize>>, PlaceError> {
        let once = |text: &str, mark: &str| match text.matches(mark).count() {
            1 => Ok(text.find(mark).unwrap_or_default()),
            times => Err(PlaceError::Mark { mark: mark.to_owned(), times }),
        };
        let from = once(text, &self.begin)? + self.begin.len();
        let behind = &text[from..];
        let to = match self.begin == self.end {
            true => 0,
            false => once(behind, &self.end)?,
        };
        let spans = ids(&behind[..to]).into_iter();
        let spans = spans.map(|span| from + span.start..from + span.end).collect();
        counted("between the marks", spans, self.count)
    }
}

fn counted(
    what: &'static str,
    spans: Vec<Range<usize>>,
    expected: usize,
) -> Result<Vec<Range<usize>>, PlaceError> {
    match spans.len() {
        found if found == expected => Ok(spans),
        found => Err(PlaceError::Count { what, expected, found }),
    }
}
