//! A client of version control that is run here.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::error::SourceError;
use super::operator;
use crate::model::secrets::redact;
use crate::model::template::VcsKind;

/// How long a repository may take to say what it has, and to be checked out.
pub(super) const LOOK: Duration = Duration::from_secs(120);
pub(super) const CHECK_OUT: Duration = Duration::from_secs(60 * 60);

impl VcsKind {
    fn program(self) -> &'static str {
        match self {
            VcsKind::Git => "git",
            VcsKind::Bzr => "brz",
        }
    }

    fn package(self) -> &'static str {
        self.program()
    }
}

/// Runs a client that nobody answers: a question for a password, a passphrase or a host key must fail,
/// not wait. git asks by itself or by a program, ssh by another (ssh(1), SSH_ASKPASS_REQUIRE).
pub(super) async fn run(
    kind: VcsKind,
    url: &str,
    command: &[String],
    doing: &str,
    limit: Duration,
) -> Result<String, SourceError> {
    let mut client = Command::new(&command[0]);
    if kind == VcsKind::Git {
        operator::shield(&mut client).await;
    }
    let output = client
        .args(&command[1..])
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("SSH_ASKPASS", "false")
        .env("SSH_ASKPASS_REQUIRE", "force")
        // What is read of its messages is in English.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let timed_out = |_| {
        let (program, doing) = (kind.program(), doing.to_owned());
        SourceError::TimedOut { program, doing, limit }
    };
    let output = tokio::time::timeout(limit, output).await.map_err(timed_out)?.map_err(
        |source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                SourceError::NoClient { program: kind.program(), package: kind.package() }
            }
            _ => SourceError::Io { doing: format!("run {}", kind.program()), source },
        },
    )?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let message = redact(String::from_utf8_lossy(&output.stderr).trim(), url);
    Err(SourceError::Client { program: kind.program(), doing: doing.to_owned(), message })
}
