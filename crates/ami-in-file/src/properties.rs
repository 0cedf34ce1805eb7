//! Java's `.properties`
//! (<https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Properties.html#load(java.io.Reader)>).

use std::ops::Range;

use crate::error::PlaceError;
use crate::path::Path;

/// Where the value of a key stands: the key is the whole path, dots and all.
pub(crate) fn span(text: &str, path: &Path) -> Result<Range<usize>, PlaceError> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for line in logical_lines(text) {
        let (key, value) = split(text, line);
        if key == path.text {
            found.push(value);
        }
    }
    match &found[..] {
        [] => Err(PlaceError::Missing(path.to_string())),
        [span] => Ok(span.clone()),
        _ => Err(PlaceError::Several(path.to_string())),
    }
}

/// Lines with what continues them, without comments, without the spaces before.
fn logical_lines(text: &str) -> Vec<Range<usize>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let (mut at, mut continues) = (0, false);
    while at < text.len() {
        let end = text[at..].find(['\n', '\r']).map_or(text.len(), |length| at + length);
        let line = &text[at..end];
        let begin = at + (line.len() - line.trim_start_matches([' ', '\t', '\x0c']).len());
        let is_blank = begin == end || text[begin..].starts_with(['#', '!']);
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        if continues {
            if let Some(last) = lines.last_mut() {
                last.end = end;
            }
            continues = backslashes % 2 == 1;
        } else if !is_blank {
            lines.push(begin..end);
            continues = backslashes % 2 == 1;
        }
        let is_pair = text[end..].starts_with("\r\n");
        at = end + if is_pair { 2 } else { 1 };
    }
    lines
}

/// The key of a line, and where its value stands.
fn split(text: &str, line: Range<usize>) -> (String, Range<usize>) {
    let is_space = |it: char| " \t\x0c".contains(it);
    let mut key = String::new();
    let mut characters = text[line.clone()].char_indices().peekable();
    let mut end = line.end;
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, '\n' | '\r')) | None => {
                    while characters.next_if(|(_, it)| it.is_whitespace()).is_some() {}
                }
                Some((_, escaped)) => key.push(escaped),
            },
            '=' | ':' => {
                end = line.start + at;
                break;
            }
            it if is_space(it) => {
                end = line.start + at;
                break;
            }
            it => key.push(it),
        }
    }
    let rest = &text[end..line.end];
    let rest = rest.trim_start_matches(is_space);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(is_space);
    (key, line.end - rest.len()..line.end)
}
