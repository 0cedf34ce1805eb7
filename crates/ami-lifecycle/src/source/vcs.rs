//! git and Bazaar: how their clients are asked, here and on an instance.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{SourceError, redact, without_secrets};
use crate::template::VcsKind;

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

/// The commands that check a revision out into `dir`, each as a list of words. They
/// are the same here and on an instance.
pub(crate) fn clone_commands(
    kind: VcsKind,
    url: &str,
    revision: Option<&str>,
    dir: &str,
) -> Vec<Vec<String>> {
    let words =
        |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    match kind {
        VcsKind::Git => {
            // A full clone: a revision may be a branch, a tag or any commit, and
            // servers give out single commits only when they are configured to.
            // The extra refspec lets a remote branch be named without its remote.
            let branches = "remote.origin.fetch=+refs/heads/*:refs/remotes/*";
            let mut commands = vec![words(&[
                "git",
                "clone",
                "--quiet",
                "--no-checkout",
                "--config",
                branches,
                "--",
                url,
                dir,
            ])];
            let detach = ["git", "-C", dir, "checkout", "--quiet", "--detach"];
            match revision {
                Some(revision) => commands.push(words(&[&detach[..], &[revision]].concat())),
                None => commands.push(words(&detach)),
            }
            commands.push(words(&[
                "git",
                "-C",
                dir,
                "submodule",
                "--quiet",
                "update",
                "--init",
                "--recursive",
            ]));
            commands
        }
        VcsKind::Bzr => {
            let mut command = words(&["brz", "branch", "--quiet"]);
            if let Some(revision) = revision {
                command.push(format!("--revision={revision}"));
            }
            command.extend(words(&["--", url, dir]));
            vec![command]
        }
    }
}

/// The command that prints the exact revision of a checkout.
pub(crate) fn revision_command(kind: VcsKind, dir: &str) -> Vec<String> {
    let words: &[&str] = match kind {
        VcsKind::Git => &["git", "-C", dir, "rev-parse", "HEAD"],
        VcsKind::Bzr => {
            &["brz", "version-info", "--custom", "--template={revision_id}\n", "--", dir]
        }
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(super) async fn check_out(
    kind: VcsKind,
    url: &str,
    revision: Option<&str>,
    dir: &Path,
) -> Result<String, SourceError> {
    let dir = dir.to_string_lossy();
    for command in clone_commands(kind, url, revision, &dir) {
        let at = revision.map(|revision| format!(" at {revision}")).unwrap_or_default();
        let doing = format!("check out {}{at}", without_secrets(url));
        run(kind, url, &command, &doing, CHECK_OUT).await?;
    }
    run(kind, url, &revision_command(kind, &dir), "name the revision", LOOK).await
}

/// The revision that a checkout would have now, without checking out; `None` where only a
/// checkout can tell, as for an abbreviated commit.
///
/// # Errors
/// When the client is missing or the repository does not answer.
pub async fn exact_revision(
    kind: VcsKind,
    url: &str,
    revision: Option<&str>,
) -> Result<Option<String>, SourceError> {
    if let (VcsKind::Git, Some(revision)) = (kind, revision)
        && is_commit(revision)
    {
        return Ok(Some(revision.to_ascii_lowercase()));
    }
    let command: Vec<String> = match kind {
        VcsKind::Git => {
            let mut command: Vec<String> = ["git", "ls-remote", "--", url].map(String::from).into();
            command.extend(git_names(revision));
            command
        }
        VcsKind::Bzr => {
            let mut command: Vec<String> =
                ["brz", "revision-info", "-d", url].map(String::from).into();
            command.extend(revision.map(|revision| format!("--revision={revision}")));
            command
        }
    };
    let doing = format!("look at {}", without_secrets(url));
    let output = run(kind, url, &command, &doing, LOOK).await?;
    Ok(match kind {
        VcsKind::Git => named_by(&output, &git_names(revision)),
        VcsKind::Bzr => output.split_whitespace().nth(1).map(String::from),
    })
}

/// A whole commit is itself, whatever the repository has.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a checkout would take a revision for, in git's order (gitrevisions(7)): an
/// annotated tag stands for its commit, `^{}`.
fn git_names(revision: Option<&str>) -> Vec<String> {
    match revision {
        None => vec!["HEAD".into()],
        Some(it) => vec![
            format!("refs/tags/{it}^{{}}"),
            format!("refs/tags/{it}"),
            format!("refs/heads/{it}"),
            it.to_owned(),
        ],
    }
}

/// The commit of the first of some names that `git ls-remote` has listed.
fn named_by(listed: &str, names: &[String]) -> Option<String> {
    let lines = || listed.lines().filter_map(|line| line.split_once('\t'));
    names.iter().find_map(|wanted| {
        let (commit, _) = lines().find(|(_, name)| name == wanted)?;
        Some(commit.to_owned())
    })
}

/// How long a repository may take to say what it has, and to be checked out.
const LOOK: Duration = Duration::from_secs(120);
const CHECK_OUT: Duration = Duration::from_secs(60 * 60);

/// Runs a client that nobody answers: a question for a password, a passphrase or a host key must fail,
/// not wait. git asks by itself or by a program, ssh by another (ssh(1), SSH_ASKPASS_REQUIRE).
async fn run(
    kind: VcsKind,
    url: &str,
    command: &[String],
    doing: &str,
    limit: Duration,
) -> Result<String, SourceError> {
    let mut client = Command::new(&command[0]);
    // A hook's own repository must not be taken for the one that is asked for (githooks(5)).
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"] {
        client.env_remove(variable);
    }
    let output = client
        .args(&command[1..])
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("SSH_ASKPASS", "false")
        .env("SSH_ASKPASS_REQUIRE", "force")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_url_or_revision_cannot_become_an_option() {
        let git = clone_commands(VcsKind::Git, "--upload-pack=evil", None, "d");
        assert_eq!(git[0][6..], ["--", "--upload-pack=evil", "d"]);
        let bzr = clone_commands(VcsKind::Bzr, "--evil", Some("-1"), "d");
        assert_eq!(bzr[0], ["brz", "branch", "--quiet", "--revision=-1", "--", "--evil", "d"]);
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_given_up_and_its_url_is_told_without_secrets() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("git://{}/x", server.local_addr().unwrap());
        let command = ["git", "ls-remote", "--", &url].map(String::from);
        let limit = Duration::from_millis(300);
        let error = run(VcsKind::Git, &url, &command, "look", limit).await.unwrap_err();
        assert_eq!(error.to_string(), "git did not look within 300ms");
        let url = "file://ci:hunter2@/nonexistent";
        let error = exact_revision(VcsKind::Git, url, None).await.unwrap_err().to_string();
        assert!(error.starts_with("git failed to look at file://ci@/nonexistent: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn ssh_asks_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let ssh = dir.path().join("ssh");
        std::fs::write(&ssh, "#!/bin/sh\necho \"$SSH_ASKPASS $SSH_ASKPASS_REQUIRE\" >&2\nexit 1\n")
            .unwrap();
        let options = format!("-c core.sshCommand={}", ssh.display());
        let chmod = std::process::Command::new("chmod").arg("755").arg(&ssh).status().unwrap();
        assert!(chmod.success());
        let mut command: Vec<String> = vec!["git".into()];
        command.extend(options.split(' ').map(String::from));
        command.extend(["ls-remote", "--", "ssh://host/x"].map(String::from));
        let error = run(VcsKind::Git, "", &command, "look", LOOK).await.unwrap_err().to_string();
        assert!(error.contains("false force"), "{error}");
    }

    #[tokio::test]
    async fn the_exact_revision_of_a_branch_tag_or_commit_is_checked_out() {
        let dir = tempfile::tempdir().unwrap();
        let repository = dir.path().join("r");
        let script = "git init -q r && cd r && git config user.email a@b && git config user.name a && \
                      echo one > f && git add f && git commit -qm one && git tag first && git tag -am x noted && git branch x/side && \
                      git checkout -qb side && git commit -q --allow-empty -m side && git checkout -q - && \
                      echo two > f && git commit -qam two";
        let made =
            std::process::Command::new("sh").args(["-ec", script]).current_dir(&dir).status();
        assert!(made.unwrap().success());
        let url = repository.to_string_lossy();
        let tip = check_out(VcsKind::Git, &url, None, &dir.path().join("tip")).await.unwrap();
        let first =
            check_out(VcsKind::Git, &url, Some("first"), &dir.path().join("first")).await.unwrap();
        let side =
            check_out(VcsKind::Git, &url, Some("side"), &dir.path().join("side")).await.unwrap();
        assert!(tip != first && first != side);
        let commit =
            check_out(VcsKind::Git, &url, Some(&side[..12]), &dir.path().join("commit")).await;
        assert_eq!(commit.unwrap(), side);
        assert_eq!(std::fs::read_to_string(dir.path().join("first/f")).unwrap(), "one\n");
        let exact = async |revision| exact_revision(VcsKind::Git, &url, revision).await.unwrap();
        assert_eq!(exact(None).await, Some(tip));
        // `noted` is an annotated tag, and there is a branch x/side too.
        for name in ["first", "noted"] {
            assert_eq!(exact(Some(name)).await.as_ref(), Some(&first), "{name}");
        }
        assert_eq!(exact(Some("side")).await.as_ref(), Some(&side));
        assert_eq!(exact(Some(&first)).await.as_ref(), Some(&first));
        assert_eq!(exact(Some(&side[..12])).await, None);
        assert_eq!(exact(Some("nosuch")).await, None);
        let error =
            check_out(VcsKind::Git, &url, Some("nosuch"), &dir.path().join("x")).await.unwrap_err();
        assert!(error.to_string().contains("at nosuch"), "{error}");
    }
}
