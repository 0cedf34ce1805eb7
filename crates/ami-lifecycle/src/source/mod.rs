//! Checkouts on the operator's machine: the exact revision, packed to be sent.

mod client;
mod commit;
pub(crate) mod error;
mod lfs;
mod operator;
mod pack;
mod revision;
mod script;
mod vcs;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(crate) use crate::model::secrets::{redact, without_secrets};
pub(crate) use commit::{Pushed, WorkingCopy};
pub(crate) use lfs::{FETCH as LFS_FETCH, POINTER};
pub(crate) use pack::{Modes, digest, pack};
pub(crate) use revision::choose_commit;
pub use script::{RunBy, ScriptFault, examine_script};
pub use vcs::exact_revision;
pub(crate) use vcs::{clone_commands, revision_command};

use crate::model::ami::Ami;
use crate::model::other_source::{OtherSource, other_source};
use crate::model::template::{Repository, Source, Template};
use crate::source::error::SourceError;

/// A checkout on this machine.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// The files, in a temporary folder.
    root: PathBuf,
    /// Deleted with the checkout.
    _temporary: tempfile::TempDir,
    /// Exactly what was checked out: of a plain folder, the digest of its contents.
    pub(crate) revision: String,
    /// Whose the modes of its files are.
    modes: Modes,
    /// What is worth a word: what was left out, and what bash runs.
    pub(crate) notes: Vec<String>,
}

/// A folder that nobody else on this machine may look into: repositories may be private.
fn temporary_folder() -> Result<tempfile::TempDir, SourceError> {
    let folder = tempfile::Builder::new()
        .prefix("amiable-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir();
    folder.map_err(|source| SourceError::Io { doing: "create a temporary folder".into(), source })
}

/// Checks a source out here, which must have the scripts.
pub(crate) async fn check_out(
    source: &Source,
    scripts: &[&String],
) -> Result<Checkout, SourceError> {
    let temporary = temporary_folder()?;
    let root = temporary.path().join("checkout");
    let (revision, modes, mut notes) = match &source.repository {
        Repository::Path(path) => {
            let (revision, left_out) = copy(path, &root).await?;
            let note = (!left_out.is_empty()).then(|| left_out_note(&left_out));
            (revision, Modes::AsTheyAre, Vec::from_iter(note))
        }
        Repository::Vcs { kind, url, revision } => {
            let revision = vcs::check_out(*kind, url, revision.as_deref(), &root).await?;
            (revision, Modes::OfRepository, Vec::new())
        }
    };
    let exact = match source.repository {
        Repository::Vcs { .. } => Some(revision.clone()),
        Repository::Path(_) => None,
    };
    notes.extend(look_at_scripts(&root, scripts, &source.url(), exact)?);
    Ok(Checkout { root, _temporary: temporary, revision, modes, notes })
}

/// How many of the files that are left out are named.
const NAMED: usize = 5;

fn left_out_note(left_out: &[String]) -> String {
    let named = left_out.iter().take(NAMED).cloned().collect::<Vec<String>>().join(", ");
    let more = left_out.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("not copied to the instance: {named}{more}")
}

/// Looks whether the scripts are in a folder and can be run. Returns what is to be told.
///
/// # Errors
/// When one is not there, or its beginning keeps it from being run.
fn look_at_scripts(
    root: &Path,
    scripts: &[&String],
    url: &str,
    revision: Option<String>,
) -> Result<Vec<String>, SourceError> {
    let mut notes = Vec::new();
    for script in scripts {
        let (file, script) = (root.join(script), (*script).clone());
        if !file.is_file() {
            return Err(SourceError::NoScript { script, url: url.to_owned(), revision });
        }
        let read = |source| SourceError::Io { doing: format!("read {script}"), source };
        match examine_script(&file).map_err(read)? {
            Ok(RunBy::Itself) => {}
            Ok(RunBy::Bash) => notes.push(format!("{script} has no `#!` line: bash runs it")),
            Err(fault) => return Err(SourceError::Script { script, url: url.to_owned(), fault }),
        }
    }
    Ok(notes)
}

/// Looks at the scripts of a folder on this machine, as a checkout of it would. Returns what is to be
/// told; of a repository nothing is known without a checkout.
///
/// # Errors
/// When one is not there, or its beginning keeps it from being run.
pub fn check_scripts(source: &Source, scripts: &[&String]) -> Result<Vec<String>, SourceError> {
    match &source.repository {
        Repository::Path(path) => look_at_scripts(path, scripts, &source.url(), None),
        Repository::Vcs { .. } => Ok(Vec::new()),
    }
}

/// Copies a folder, which somebody may be working in: what is recorded is what is sent, minutes later.
/// Returns the digest of the copy, and what was left out.
async fn copy(folder: &Path, to: &Path) -> Result<(String, Vec<String>), SourceError> {
    let (from, copy) = (folder.to_owned(), to.to_owned());
    let copied = tokio::task::spawn_blocking(move || {
        pack::copy(&from, &copy)?;
        pack::left_out(&from)
    });
    let copied = copied.await;
    let left_out = copied.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    Ok((digest_of(to).await?, left_out))
}

/// What tells a folder's contents from any other's.
async fn digest_of(folder: &Path) -> Result<String, SourceError> {
    let folder = folder.to_owned();
    let digest = tokio::task::spawn_blocking(move || digest(&folder)).await;
    digest.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// The revision that a checkout would have now, without checking out; `None` where only a
/// checkout can tell.
///
/// # Errors
/// When the client is missing or the repository does not answer.
pub async fn current_revision(source: &Source) -> Result<Option<String>, SourceError> {
    match &source.repository {
        Repository::Path(path) => digest_of(path).await.map(Some),
        Repository::Vcs { kind, url, revision } => {
            exact_revision(*kind, url, revision.as_deref()).await
        }
    }
}

impl Checkout {
    /// Packs it to be sent.
    pub(crate) async fn pack(&self) -> Result<std::fs::File, SourceError> {
        let (root, modes) = (self.root.clone(), self.modes);
        let packed = tokio::task::spawn_blocking(move || pack(&root, modes)).await;
        packed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }
}

/// Whether the current AMI of a template was baked from another source than the template's. The revision of a
/// folder is looked up; a repository is not asked for its own, as its URL tells enough.
pub async fn baked_from_another_source(template: &Template, current: &Ami) -> Option<OtherSource> {
    let revision = match &template.source.repository {
        Repository::Path(_) => current_revision(&template.source).await.ok().flatten(),
        Repository::Vcs { .. } => None,
    };
    other_source(template, current, revision.as_deref())
}
