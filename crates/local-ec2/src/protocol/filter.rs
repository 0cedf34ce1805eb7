//! Filters of Describe actions, and their pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{ApiError, ApiResult};
use crate::model::Tags;

/// One filter; it holds when any of its values does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// Whether a resource passes all filters. `values` gives what the resource has
/// for a filter's name, `None` for a name that is not known.
///
/// # Errors
/// When a filter's name is not known.
pub(crate) fn matches(
    filters: &[Filter],
    tags: &Tags,
    values: impl Fn(&str) -> Option<Vec<String>>,
) -> ApiResult<bool> {
    for filter in filters {
        let have = match filter.name.as_str() {
            "tag-key" => tags.keys().cloned().collect(),
            name => match name.strip_prefix("tag:") {
                Some(key) => tags.get(key).cloned().into_iter().collect(),
                None => values(name).ok_or_else(|| ApiError::unknown_filter(name))?,
            },
        };
        let passes =
            filter.values.iter().any(|want| have.iter().any(|value| wildcard(want, value)));
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

/// EC2's wildcards: `*` for any run of characters, `?` for one, `\` before a literal one.
fn wildcard(pattern: &str, value: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    // The row of a dynamic programme: which lengths of `value` the pattern so far matches.
    let mut row: Vec<bool> = (0..=value.len()).map(|length| length == 0).collect();
    let mut characters = pattern.into_iter();
    while let Some(character) = characters.next() {
        let mut next = vec![false; row.len()];
        match character {
            '*' => {
                let mut any = false;
                for (from, to) in row.iter().zip(&mut next) {
                    any |= *from;
                    *to = any;
                }
            }
            _ => {
                let literal = if character == '\\' { characters.next() } else { Some(character) };
                let one = character == '?';
                for length in 1..row.len() {
                    next[length] = row[length - 1] && (one || literal == Some(value[length - 1]));
                }
            }
        }
        row = next;
    }
    row[value.len()]
}

/// One page of `rows`, and the token of the next.
///
/// The token names the last id of the page, so that rows which come or go in
/// between neither repeat nor hide others.
pub(crate) fn paginate<'a, T>(
    rows: Vec<&'a T>,
    id: impl Fn(&T) -> &str,
    max_results: Option<usize>,
    next_token: Option<&str>,
) -> ApiResult<(Vec<&'a T>, Option<String>)> {
    let after = next_token.map(decode_token).transpose()?;
    let mut rows: Vec<&T> = rows
        .into_iter()
        .filter(|row| after.as_deref().is_none_or(|after| id(row) > after))
        .collect();
    rows.sort_by(|left, right| id(left).cmp(id(right)));
    let limit = max_results.unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let token = match rows.last() {
        Some(last) if more => Some(URL_SAFE_NO_PAD.encode(id(last))),
        _ => None,
    };
    Ok((rows, token))
}

fn decode_token(token: &str) -> ApiResult<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| ApiError::new("InvalidNextToken", "The token is invalid"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_match_as_ec2_documents_them() {
        for (pattern, value, expected) in [
            ("debian-*", "debian-12", true),
            ("debian-*", "ubuntu", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            (r"a\*c", "a*c", true),
            (r"a\*c", "abc", false),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(wildcard(pattern, value), expected, "{pattern} {value}");
        }
    }

    /// The same, as one would say it.
    fn reads(pattern: &[char], value: &[char]) -> bool {
        match (pattern, value) {
            ([], rest) => rest.is_empty(),
            (['*', after @ ..], _) => (0..=value.len()).any(|end| reads(after, &value[end..])),
            (['\\'], _) => false,
            (['\\', literal, after @ ..], [first, rest @ ..]) => {
                literal == first && reads(after, rest)
            }
            (['?', after @ ..], [_, rest @ ..]) => reads(after, rest),
            ([literal, after @ ..], [first, rest @ ..]) => literal == first && reads(after, rest),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn a_wildcard_means_what_it_says(pattern in r"[ab*?\\é]{0,8}", value in r"[ab*?\\é]{0,8}") {
            let characters = |text: &str| text.chars().collect::<Vec<char>>();
            let expected = reads(&characters(&pattern), &characters(&value));
            prop_assert_eq!(wildcard(&pattern, &value), expected);
        }

        #[test]
        fn no_pattern_and_no_token_panics(pattern in any::<String>(), value in any::<String>()) {
            wildcard(&pattern, &value);
            let _ = paginate(vec![&value], |it| it, Some(1), Some(&pattern));
        }

        #[test]
        fn pages_hold_each_row_once(count in 0usize..40, size in 1usize..10) {
            let ids: Vec<String> = (0..count).map(|n| format!("ami-{n:04}")).collect();
            let (mut seen, mut token) = (Vec::new(), None);
            loop {
                let (page, next) =
                    paginate(ids.iter().collect(), |id| id, Some(size), token.as_deref()).unwrap();
                prop_assert!(page.len() <= size);
                seen.extend(page.into_iter().cloned());
                match next {
                    Some(next) => token = Some(next),
                    None => break,
                }
            }
            prop_assert_eq!(seen, ids);
        }
    }
}
