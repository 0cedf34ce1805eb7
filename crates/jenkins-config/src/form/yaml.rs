//! How a YAML scalar is written.

use std::ops::Range;

/// How a scalar is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// On one line, or folded over several: plain or quoted.
    Flow,
    /// `key:` with nothing behind it.
    Nothing,
    /// A block, literal or folded.
    Block(Block),
}

/// A block scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its header, such as `|-`; the slot begins with it.
    pub(crate) header: Range<usize>,
    /// The column in which its lines begin; 0 where all of them are empty.
    pub(crate) indent: usize,
}
