//! What `git` of a consumer may say.

use std::path::{Component, Path, PathBuf};

use ami_lifecycle::{Consumer, GitFile, IdInFile, JenkinsAgents};

use super::keys;
use super::reader::{Mistakes, Section};

/// The file of a consumer, in a repository.
pub(super) fn read_git(
    consumer: &Section<'_>,
    inner: Consumer,
    folder: &Path,
    mistakes: &Mistakes,
) -> Option<GitFile> {
    let section = consumer.section("git", &keys::GIT);
    let text = |key: &'static str| {
        let text = section.string(key)?;
        if text.value.trim().is_empty() || text.value.starts_with('-') {
            mistakes.add(text.span, format!("`{key}` is empty, or begins with `-`"), None);
            return None;
        }
        Some(text.value.to_owned())
    };
    if !section.has("repository") {
        let hint = "such as repository = \"git@github.com:example/infra.git\"";
        section.missing("repository", Some(hint.into()));
    }
    let repository = text("repository").map(|text| from_folder(text, folder));
    let branch = branch_name(&section, "branch", mistakes);
    let review = branch_name(&section, "review", mistakes);
    let author = section.string("author").map(|text| {
        let is_whole = text.value.split_once(" <").is_some_and(|(_, mail)| mail.ends_with('>'));
        if !is_whole {
            let hint = "write \"CI <ci@example.org>\"";
            mistakes.add(text.span, "`author` is a name and an address", Some(hint.into()));
        }
        text.value.to_owned()
    });
    section.refuse_others();
    let inner = Box::new(in_repository(inner, folder, consumer, mistakes)?);
    Some(GitFile { repository: repository?, branch, review, author, inner })
}

/// A path is one from the configuration's folder; an URL, or `host:path`, stays as it is.
fn from_folder(repository: String, folder: &Path) -> String {
    match repository.contains(':') {
        true => repository,
        false => folder.join(repository).to_string_lossy().into_owned(),
    }
}

/// What a name of a branch may have in braces.
const PLACEHOLDERS: [&str; 3] = ["{template}", "{generation}", "{ami}"];

/// A name that git takes for a branch (git-check-ref-format(1)).
fn branch_name(section: &Section<'_>, key: &'static str, mistakes: &Mistakes) -> Option<String> {
    let text = section.string(key)?;
    let filled = PLACEHOLDERS.iter().fold(text.value.to_owned(), |it, word| it.replace(word, "x"));
    let has = |parts: &[&str]| parts.iter().any(|it| filled.contains(it));
    let is_bad = filled.is_empty()
        || filled.starts_with(['-', '/', '.'])
        || filled.ends_with(['/', '.'])
        || filled.ends_with(".lock")
        || has(&["..", "//", "@{", "~", "^", ":", "?", "*", "[", "\\", " ", "{", "}", "/."]);
    if is_bad {
        let message = format!("`{}` cannot be the name of a branch", text.value);
        let hint = "in `review`, {template}, {generation} and {ami} stand for what they say";
        mistakes.add(text.span, message, Some(hint.into()));
        return None;
    }
    Some(text.value.to_owned())
}

/// The consumer with its file's path in the repository.
fn in_repository(
    inner: Consumer,
    folder: &Path,
    section: &Section<'_>,
    mistakes: &Mistakes,
) -> Option<Consumer> {
    let within = |file: &Path| -> Option<PathBuf> {
        let file = file.strip_prefix(folder).unwrap_or(file).to_owned();
        let is_plain = |it: Component<'_>| matches!(it, Component::Normal(_));
        if file.components().all(is_plain) {
            return Some(file);
        }
        let message = format!("{} is not a path in the repository", file.display());
        mistakes.add(section.span.clone(), message, None);
        None
    };
    Some(match inner {
        Consumer::File(it) => Consumer::File(IdInFile { file: within(&it.file)?, ..it }),
        // What a running Jenkins has is not what is in the repository yet.
        Consumer::Jenkins(it) => {
            Consumer::Jenkins(JenkinsAgents { file: within(&it.file)?, reload: false, ..it })
        }
        other => other,
    })
}
