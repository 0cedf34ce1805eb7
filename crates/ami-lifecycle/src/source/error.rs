//! Why there is no checkout.

use std::time::Duration;

use super::script::ScriptFault;

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
    #[error("the script {script} does not exist in {url}{}", revision.as_ref().map(|it| format!(" at {it}")).unwrap_or_default())]
    NoScript {
        /// The script's path.
        script: String,
        /// Where it was looked for.
        url: String,
        /// At which revision.
        revision: Option<String>,
    },
    /// The script is there, and would not be run as its author means.
    #[error("the script {script} in {url} could not be run: {fault}")]
    Script {
        /// The script's path.
        script: String,
        /// Where it is.
        url: String,
        /// Why not.
        fault: ScriptFault,
    },
    /// Content is elsewhere, and its client is not installed here.
    #[error(
        "{file} is a Git LFS pointer, and git-lfs, which fetches its content, is not installed on \
         this machine (Debian and Ubuntu: apt-get install git-lfs)"
    )]
    NoLfs {
        /// The file's path.
        file: String,
    },
    /// What was named is no commit.
    #[error("{id} is the id of a tag: its commit is {commit}")]
    TagObject {
        /// The tag's id.
        id: String,
        /// What it stands for.
        commit: String,
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
