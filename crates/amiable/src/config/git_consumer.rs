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
    let (repository, branch, review) = (text("repository"), text("branch"), text("review"));
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
