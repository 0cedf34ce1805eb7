//! Checkouts on the operator's machine: the exact revision, packed to be sent.

mod pack;
mod secrets;
mod vcs;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use pack::{digest, pack};
pub(crate) use secrets::{redact, without_secrets};
pub use vcs::exact_revision;
pub(crate) use vcs::{clone_commands, revision_command};

use crate::template::{Repository, Source};

/// Why there is no checkout.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The client is not installed here.
    #[error(
        "{program} is not installed on this machine (Debian and Ubuntu: apt-get install {package})"
    )]
    NoClient {
        /// The program.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// The client failed.
    #[error("{program} failed to {doing}: {message}")]
    Client {
        /// The program.
        program: &'static str,
        /// What it was asked to do.
        doing: String,
        /// What it wrote.
        message: String,
    },
    /// The client took too long.
    #[error("{program} did not {doing} within {limit:?}")]
    TimedOut {
        /// The program.
        program: &'static str,
        /// What it was asked to do.
        doing: String,
        /// How long it had.
        limit: Duration,
    },
    /// The script is not in the checkout.
    #[error("the script {script} is not in {url}{}", revision.as_ref().map(|it| format!(" at {it}")).unwrap_or_default())]
    NoScript {
        /// The script's path.
        script: String,
        /// Where it was looked for.
        url: String,
        /// At which revision.
        revision: Option<String>,
    },
    /// Files could not be read or written.
    #[error("failed to {doing}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// A checkout on this machine.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// The files, in a temporary folder.
    root: PathBuf,
    /// Deleted with the checkout.
    _temporary: tempfile::TempDir,
    /// Exactly what was checked out: of a plain folder, the digest of its contents.
    pub(crate) revision: String,
}

/// Checks a source out here, which must have the scripts.
pub(crate) async fn check_out(
    source: &Source,
    scripts: &[&String],
) -> Result<Checkout, SourceError> {
    let temporary = tempfile::Builder::new()
        .prefix("amiable-")
        .tempdir()
        .map_err(|source| SourceError::Io { doing: "create a temporary folder".into(), source })?;
    let root = temporary.path().join("checkout");
    let revision = match &source.repository {
        Repository::Path(path) => copy(path, &root).await?,
        Repository::Vcs { kind, url, revision } => {
            vcs::check_out(*kind, url, revision.as_deref(), &root).await?
        }
    };
    let checkout = Checkout { root, _temporary: temporary, revision };
    if let Some(script) = scripts.iter().find(|script| !checkout.root.join(script).is_file()) {
        return Err(SourceError::NoScript {
            script: (*script).clone(),
            url: source.url(),
            revision: match source.repository {
                Repository::Vcs { .. } => Some(checkout.revision),
                Repository::Path(_) => None,
            },
        });
    }
    Ok(checkout)
}

/// Copies a folder, which somebody may be working in: what is recorded is what is sent, minutes later.
/// Returns the digest of the copy.
async fn copy(folder: &Path, to: &Path) -> Result<String, SourceError> {
    let (from, copy) = (folder.to_owned(), to.to_owned());
    let copied = tokio::task::spawn_blocking(move || pack::copy(&from, &copy)).await;
    copied.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    digest_of(to).await
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
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}
