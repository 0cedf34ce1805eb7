//! A change of one file in a git repository: a shallow clone, a commit, and a push that is never forced.

use std::path::Path;
use std::time::Duration;

use super::client::{LOOK, run};
use super::error::SourceError;
use super::operator;
use crate::model::secrets::without_secrets;
use crate::model::template::VcsKind;

/// Where another branch is kept.
const OTHER: &str = "refs/amiable/other";

/// Who commits where nobody is named, and git knows nobody.
const NOBODY: &str = "amiable <amiable@localhost>";

/// The newest commit of a branch, in a folder that is deleted with it.
#[derive(Debug)]
pub(crate) struct WorkingCopy {
    folder: tempfile::TempDir,
    url: String,
    /// The branch that was cloned.
    pub(crate) branch: String,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pushed {
    Done,
    /// Somebody else was quicker, in git's words.
    Outdated(String),
}

/// How long a clone may take: it is of one branch.
const CLONE: Duration = Duration::from_secs(600);

impl WorkingCopy {
    /// Clones a branch; the repository's own default where none is named. Only with its history can it be
    /// known what another branch has more.
    pub(crate) async fn clone(
        url: &str,
        branch: Option<&str>,
        with_history: bool,
    ) -> Result<WorkingCopy, SourceError> {
        let folder = super::temporary_folder()?;
        let copy = WorkingCopy { folder, url: url.to_owned(), branch: String::new() };
        let dir = copy.folder().to_string_lossy().into_owned();
        let mut clone = vec!["git", "clone", "--quiet", "--template=", "--no-tags"];
        clone.extend((!with_history).then_some("--depth=1"));
        clone.extend(["--single-branch", "--origin", "origin"]);
        let named = branch.map(|branch| format!("--branch={branch}"));
        clone.extend(named.as_deref());
        clone.extend(["--", url, &dir]);
        let at = branch.map(|branch| format!(", branch {branch}")).unwrap_or_default();
        let doing = format!("clone {}{at}", without_secrets(url));
        copy.run(&clone, &doing, CLONE).await?;
        let branch = match branch {
            Some(branch) => branch.to_owned(),
            None => copy.git(&["symbolic-ref", "--short", "HEAD"], "name the branch").await?,
        };
        Ok(WorkingCopy { branch, ..copy })
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether another branch is there and has commits that this one has not.
    pub(crate) async fn has_more(&self, branch: &str) -> Result<bool, SourceError> {
        let reference = format!("refs/heads/{branch}");
        let doing = format!("look at {}", without_secrets(&self.url));
        let listed = self.git(&["ls-remote", "origin", &reference], &doing).await?;
        if listed.is_empty() {
            return Ok(false);
        }
        let doing = format!("fetch {branch} of {}", without_secrets(&self.url));
        let kept = format!("+{reference}:{OTHER}");
        self.git(&["fetch", "--quiet", "origin", &kept], &doing).await?;
        let more = self.git(&["rev-list", "--count", &format!("HEAD..{OTHER}")], "compare").await?;
        Ok(more != "0")
    }

    /// Goes on from another branch, which [`has_more`](Self::has_more).
    pub(crate) async fn switch(&self, branch: &str) -> Result<(), SourceError> {
        let doing = format!("check {branch} out");
        self.git(&["checkout", "--quiet", "--detach", OTHER], &doing).await.map(drop)
    }

    /// Commits a file and pushes the commit to a branch.
    pub(crate) async fn push(
        &self,
        file: &Path,
        branch: &str,
        message: &str,
        author: Option<&str>,
    ) -> Result<Pushed, SourceError> {
        let folder = self.folder().canonicalize();
        let folder = folder.unwrap_or_else(|_| self.folder().to_owned());
        let file = file.strip_prefix(&folder).unwrap_or(file).to_string_lossy();
        self.git(&["add", "--", &file], "add the file").await?;
        let author = match author {
            Some(author) => author.to_owned(),
            None => operator::identity().await.unwrap_or_else(|| NOBODY.to_owned()),
        };
        let (name, mail) = author.split_once('<').unwrap_or((&author, "amiable@localhost"));
        let name = format!("user.name={}", name.trim());
        let mail = format!("user.email={}", mail.trim().trim_end_matches('>'));
        let commit = ["-c", &name, "-c", &mail, "-c", "commit.gpgsign=false"];
        let commit = [&commit[..], &["commit", "--quiet", "--message", message]].concat();
        self.git(&commit, "commit").await?;
        let to = format!("HEAD:refs/heads/{branch}");
        let doing = format!("push to {branch} of {}", without_secrets(&self.url));
        match self.git(&["push", "--quiet", "origin", &to], &doing).await {
            Ok(_) => Ok(Pushed::Done),
            Err(SourceError::Client { message, .. }) if is_outdated(&message) => {
                Ok(Pushed::Outdated(message))
            }
            Err(error) => Err(error),
        }
    }

    async fn git(&self, args: &[&str], doing: &str) -> Result<String, SourceError> {
        let dir = self.folder().to_string_lossy();
        self.run(&[&["git", "-C", &dir], args].concat(), doing, LOOK).await
    }

    async fn run(
        &self,
        command: &[&str],
        doing: &str,
        limit: Duration,
    ) -> Result<String, SourceError> {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        run(VcsKind::Git, &self.url, &command, doing, limit).await
    }
}

/// Whether a push was refused because the branch has moved on (git-push(1)).
fn is_outdated(message: &str) -> bool {
    let words = ["(fetch first)", "(non-fast-forward)", "cannot lock ref", "incorrect old value"];
    // A branch cannot be where another one's folder is: that does not pass.
    words.iter().any(|word| message.contains(word)) && !message.contains("cannot create")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(dir: &Path, args: &str) -> String {
        let output = std::process::Command::new("sh")
            .args(["-ec", args])
            .current_dir(dir)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[tokio::test]
    async fn who_is_slower_is_told_and_overwrites_nothing() {
        let dir = tempfile::tempdir().unwrap();
        git(
            dir.path(),
            "git init -q --bare -b main r && git clone -q r w 2>&1 && cd w && echo one > f && git add f && \
             git -c user.name=a -c user.email=a@b commit -qm one && git push -q origin HEAD:main",
        );
        let url = dir.path().join("r").to_string_lossy().into_owned();
        let [first, second] = [
            WorkingCopy::clone(&url, None, true).await.unwrap(),
            WorkingCopy::clone(&url, Some("main"), false).await.unwrap(),
        ];
        assert_eq!(first.branch, "main");
        let change = async |copy: &WorkingCopy, text: &str, branch: &str| {
            std::fs::write(copy.folder().join("f"), text).unwrap();
            copy.push(Path::new("f"), branch, "a\n\nb", Some("CI <ci@example.org>")).await.unwrap()
        };
        assert_eq!(change(&first, "two\n", "main").await, Pushed::Done);
        let slower = change(&second, "three\n", "main").await;
        assert!(matches!(slower, Pushed::Outdated(_)), "{slower:?}");
        let log = git(&dir.path().join("r"), "git log --format='%an %ae %s' main");
        assert_eq!(log, "CI ci@example.org a\na a@b one");
        assert_eq!(git(&dir.path().join("r"), "git show main:f"), "two");
        // A branch that is not there yet is made; one that is is gone on with.
        let third = WorkingCopy::clone(&url, None, true).await.unwrap();
        assert!(!third.has_more("review/x").await.unwrap());
        assert_eq!(change(&third, "four\n", "review/x").await, Pushed::Done);
        let fourth = WorkingCopy::clone(&url, None, true).await.unwrap();
        assert!(!fourth.has_more("main").await.unwrap());
        assert!(fourth.has_more("review/x").await.unwrap());
        fourth.switch("review/x").await.unwrap();
        assert_eq!(std::fs::read_to_string(fourth.folder().join("f")).unwrap(), "four\n");
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(fourth.folder()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else reads what is in a repository");
        let missing = WorkingCopy::clone(&url, Some("none"), false).await.unwrap_err().to_string();
        assert!(missing.contains("branch none"), "{missing}");
    }
}
