//! Ids of AMIs in a text.

use std::ops::Range;

/// What ids begin with.
pub const AMI: &str = "ami-";

/// Whether a text is the id of an AMI: 8 or 17 hexadecimal digits
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).
#[must_use]
pub fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix(AMI).unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    matches!(digits.len(), 8 | 17) && digits.bytes().all(is_digit)
}

/// Where they stand: words of their own, whatever is around them.
pub(crate) fn ids(text: &str) -> Vec<Range<usize>> {
    let is_of_word = |it: char| it.is_alphanumeric() || it == '-' || it == '_';
    let starts = text.match_indices(AMI).map(|(at, _)| at);
    let found = starts.filter_map(|at| {
        let end = text[at..].find(|it| !is_of_word(it)).map_or(text.len(), |length| at + length);
        let before = &text[..at];
        let begins = !before.chars().next_back().is_some_and(is_of_word) || ends_in_escape(before);
        // A backslash at the end of a line continues the word in the next one.
        let continues = ["\\\n", "\\\r"].iter().any(|it| text[end..].starts_with(it));
        (begins && !continues && is_id(&text[at..end])).then_some(at..end)
    });
    found.collect()
}

/// Whether a text ends in an escape such as `\n`, whose letter is of no word.
fn ends_in_escape(text: &str) -> bool {
    let Some(rest) = text.strip_suffix(['n', 't', 'r', 'b', 'f', 'v']) else { return false };
    let backslashes = rest.len() - rest.trim_end_matches('\\').len();
    backslashes % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_word_of_its_own() {
        let of = |text: &str| ids(text).len();
        assert_eq!(of("ami-0123456789abcdef0, \"ami-12345678\" ami-12345678"), 3);
        for other in ["ami-1234567", "xami-12345678", "ami-12345678-x", "ami-1234567g", "ami-"] {
            assert_eq!(of(other), 0, "{other}");
        }
        assert_eq!(of("x\\nami-12345678\\nami-12345678"), 2, "escapes are of no word");
        assert_eq!(of("x\\\\nami-12345678"), 0, "that is a backslash and a letter");
        assert_eq!(of("ami-12345678\\\n   9abcdef01"), 0, "it goes on in the next line");
    }
}
