//! How an XML element's text is written.

use std::ops::Range;

/// How an element's text is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// `<name>text</name>`: the pieces of text, without comments and references.
    Text(Vec<Piece>),
    /// `<name/>`.
    Empty,
}

/// A piece of an element's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its place among the file's characters.
    pub(crate) span: Range<usize>,
    /// It is a CDATA section.
    pub(crate) cdata: bool,
}
