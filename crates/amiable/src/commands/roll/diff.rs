//! What a roll would change of files, as people read it.

use std::path::Path;

use ami_lifecycle::Files;
use ami_lifecycle::jenkins_config::Text;
use similar::{ChangeTag, TextDiff};

use crate::console::Console;

/// A longer line is no line for people, and may have anything in it.
const LONGEST_LINE: usize = 500;

/// The changes of files, as `patch` takes them; of files in few lines, and of those that
/// may have secrets beside, the ids that change, and their places.
pub(super) fn show_diffs(files: &Files, console: &Console) {
    for (path, plan) in files.changed() {
        let name = plan.shown.clone().unwrap_or_else(|| shown(path));
        let [before, after] = [&plan.before, &plan.after].map(|bytes| characters(bytes));
        let diff = TextDiff::from_lines(&before, &after);
        let changed = diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal);
        let text = match changed.map(|change| change.value().len()).max() {
            Some(length) if length > LONGEST_LINE || plan.only_ids => {
                changed_ids(&name, &before, &after)
            }
            _ => diff.unified_diff().header(&name, &name).to_string(),
        };
        console.result(text.trim_end_matches('\n'));
    }
}

/// The ids that differ, each with its line and column in the file as it is, from 1. Pure.
fn changed_ids(name: &str, before: &str, after: &str) -> String {
    let (old, new) = (ids(before), ids(after));
    let mut text = format!("--- {name}\n+++ {name}\n");
    for ((at, from), (_, to)) in
        std::iter::zip(&old, &new).filter(|((_, from), (_, to))| from != to)
    {
        let line_start = before[..*at].rfind('\n').map_or(0, |end| end + 1);
        let line = before[..*at].matches('\n').count() + 1;
        let column = before[line_start..*at].chars().count() + 1;
        text += &format!("line {line}, column {column}: {from} -> {to}\n");
    }
    if without(before, &old) != without(after, &new) {
        text += "more than ids would change, in lines too long to show\n";
    }
    text
}

/// Where the ids of AMIs stand, and what they are.
fn ids(text: &str) -> Vec<(usize, &str)> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    for (at, _) in text.match_indices("ami-") {
        let rest = &text[at..];
        let end = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '-');
        if found.last().is_none_or(|(before, id)| before + id.len() <= at) {
            found.push((at, &rest[..end.unwrap_or(rest.len())]));
        }
    }
    found
}

fn without(text: &str, ids: &[(usize, &str)]) -> String {
    let mut rest = text.to_owned();
    for (at, id) in ids.iter().rev() {
        rest.replace_range(*at..*at + id.len(), "");
    }
    rest
}

fn characters(bytes: &[u8]) -> String {
    match Text::decode(bytes) {
        Ok(text) => text.characters().to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A path as it is from here, where that is shorter.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_not_shown_with_all_that_is_in_it() {
        let text = changed_ids("f", "a\n{é \"ami-1\", \"ami-2\"}", "a\n{é \"ami-33\", \"ami-2\"}");
        assert_eq!(text, "--- f\n+++ f\nline 2, column 5: ami-1 -> ami-33\n");
        let text = changed_ids("f", "{ami-ami-1 x}", "{ami-ami-1 y}");
        assert!(text.ends_with("more than ids would change, in lines too long to show\n"));
    }
}
