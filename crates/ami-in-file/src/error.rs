//! Why an id is not found. No message shows what is in the file: there may be secrets beside it.

/// Why an id is not found, or not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The text is not of its format.
    #[error("line {line}: it is not valid {format}")]
    Invalid {
        /// The line, from 1.
        line: usize,
        /// The format.
        format: &'static str,
    },
    /// There is no such place.
    #[error("there is nothing at {0}")]
    Missing(String),
    /// The place is there more than once.
    #[error("{0} is there more than once")]
    Several(String),
    /// It is not a single value.
    #[error("{0} is a list or a table, not a value")]
    NotValue(String),
    /// The value is used elsewhere, by an alias of YAML's.
    #[error("the value at {0} has an anchor that is used elsewhere, or is such an alias")]
    Shared(String),
    /// The value is no id.
    #[error("the value at {0} has no AMI id")]
    NoId(String),
    /// The value has more than one id.
    #[error("the value at {0} has more than one AMI id")]
    SeveralIds(String),
    /// A mark is missing, or there more than once.
    #[error("the mark `{mark}` is there {times} times, not once")]
    Mark {
        /// The mark.
        mark: String,
        /// How often it is there.
        times: usize,
    },
    /// There is another number of ids than there should be.
    #[error("{what}: there are {found} AMI ids, not {expected}")]
    Count {
        /// Where.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A match of the regular expression has something else than an id in its group.
    #[error("line {line}: what the group of the pattern matches is not an AMI id")]
    GroupWithoutId {
        /// The line, from 1.
        line: usize,
    },
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}
