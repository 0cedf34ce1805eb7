//! git and Bazaar: how their clients are asked, here and on an instance.

use std::path::Path;

use super::revision::{git_names, is_commit, look_command, named_by, other_ref};
use super::{lfs, without_secrets};
use crate::model::template::VcsKind;
use crate::source::client::{CHECK_OUT, LOOK, run};
use crate::source::error::SourceError;

/// The commands that check out into `dir` what is `at` a word: a commit, or where only a clone can tell, a
/// revision. No clone has what is below `other_ref`. They are the same here and on an instance.
pub(crate) fn clone_commands(
    kind: VcsKind,
    url: &str,
    (other_ref, at): (Option<&str>, Option<&str>),
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
            let clone = ["git", "clone", "--quiet", "--no-checkout", "--origin", "origin"];
            let of = ["--template=", "--config", branches, "--", url, dir];
            let mut commands = vec![words(&[&clone[..], &of[..]].concat())];
            // Servers have more than branches and tags, such as refs/pull/1/head.
            if let Some(other) = other_ref {
                commands.push(words(&["git", "-C", dir, "fetch", "--quiet", "origin", other]));
            }
            let detach = ["git", "-C", dir, "checkout", "--quiet", "--detach"];
            commands.push(words(&[&detach[..], at.as_slice()].concat()));
            let update = ["git", "-C", dir, "submodule", "--quiet", "update", "--init"];
            commands.push(words(&[&update[..], &["--recursive"]].concat()));
            commands
        }
        VcsKind::Bzr => {
            let mut command = words(&["brz", "branch", "--quiet"]);
            if let Some(at) = at {
                command.push(format!("--revision={at}"));
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

/// Checks out just what [`exact_revision`] tells at the time, and returns it.
pub(super) async fn check_out(
    kind: VcsKind,
    url: &str,
    revision: Option<&str>,
    dir: &Path,
) -> Result<String, SourceError> {
    let exact = resolve(kind, url, revision).await?;
    let (name, exact) = exact.unzip();
    let at = match kind {
        VcsKind::Git => exact,
        VcsKind::Bzr => exact.map(|id| format!("revid:{id}")),
    };
    let other = name.as_deref().and_then(other_ref);
    let text = dir.to_string_lossy();
    for command in clone_commands(kind, url, (other, at.as_deref().or(revision)), &text) {
        let at = revision.map(|revision| format!(" at {revision}")).unwrap_or_default();
        let doing = format!("check out {}{at}", without_secrets(url));
        run(kind, url, &command, &doing, CHECK_OUT).await?;
    }
    if kind == VcsKind::Git {
        lfs::fetch(url, dir).await?;
    }
    let commit = run(kind, url, &revision_command(kind, &text), "name the revision", LOOK).await?;
    match revision.filter(|it| is_commit(it) && kind == VcsKind::Git) {
        Some(tag) if !tag.eq_ignore_ascii_case(&commit) => {
            Err(SourceError::TagObject { id: tag.to_owned(), commit })
        }
        _ => Ok(commit),
    }
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
    Ok(resolve(kind, url, revision).await?.map(|(_, exact)| exact))
}

/// The same, with the name under which the repository has it.
async fn resolve(
    kind: VcsKind,
    url: &str,
    revision: Option<&str>,
) -> Result<Option<(String, String)>, SourceError> {
    if let (VcsKind::Git, Some(revision)) = (kind, revision)
        && is_commit(revision)
    {
        return Ok(Some((String::new(), revision.to_ascii_lowercase())));
    }
    let command: Vec<String> = match kind {
        VcsKind::Git => look_command(url, revision),
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
        VcsKind::Bzr => {
            output.split_whitespace().nth(1).map(|id| (String::new(), String::from(id)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_url_or_revision_cannot_become_an_option() {
        let git = clone_commands(VcsKind::Git, "--upload-pack=evil", (None, None), "d");
        assert_eq!(git[0][9..], ["--", "--upload-pack=evil", "d"]);
        let bzr = clone_commands(VcsKind::Bzr, "--evil", (None, Some("-1")), "d");
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

    /// Runs a script in a folder, with an identity for commits, and nothing of the tester's own git.
    fn make(dir: &Path, script: &str) {
        let identity = "export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b \
                        GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b\n";
        let output = std::process::Command::new("sh")
            .args(["-ec", &format!("{identity}{script}")])
            .current_dir(dir)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// What the commands for an instance would check out, as its shell runs them.
    fn on_an_instance(dir: &Path, url: &str, revision: Option<&str>) -> String {
        let work = dir.join("work");
        let text = crate::guest::check_out_command(&work.to_string_lossy(), url, revision);
        let mut shell = std::process::Command::new("sh");
        let output =
            shell.args(["-c", &text]).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        std::fs::remove_dir_all(work).unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[tokio::test]
    async fn what_is_planned_is_what_is_baked_whatever_has_the_name() {
        let dir = tempfile::tempdir().unwrap();
        make(
            dir.path(),
            "git init -q -b main r && cd r && git commit -q --allow-empty -m one && git tag -am x v1 && \
             git commit -q --allow-empty -m two && git tag both && git commit -q --allow-empty -m three && \
             git branch both && git commit -q --allow-empty -m four && git tag main HEAD~2 && \
             git update-ref refs/pull/7/head $(git commit-tree -p HEAD -m pull HEAD^{tree})",
        );
        let url = dir.path().join("r").to_string_lossy().into_owned();
        let of = |name: &str| {
            let args = ["-C", &url, "rev-parse", &format!("{name}^{{commit}}")];
            let output = std::process::Command::new("git").args(args).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        for (revision, meant) in [
            (None, "refs/heads/main"),
            (Some("both"), "refs/tags/both"),
            (Some("main"), "refs/tags/main"),
            (Some("heads/both"), "refs/heads/both"),
            (Some("refs/heads/both"), "refs/heads/both"),
            (Some("refs/tags/v1"), "refs/tags/v1"),
            (Some("v1"), "refs/tags/v1"),
            (Some("refs/pull/7/head"), "refs/pull/7/head"),
            (Some("pull/7/head"), "refs/pull/7/head"),
        ] {
            let exact = exact_revision(VcsKind::Git, &url, revision).await.unwrap();
            assert_eq!(exact, Some(of(meant)), "{revision:?} is planned");
            let out = dir.path().join("out");
            let baked = check_out(VcsKind::Git, &url, revision, &out).await.unwrap();
            assert_eq!(baked, of(meant), "{revision:?} is baked");
            std::fs::remove_dir_all(out).unwrap();
            assert_eq!(on_an_instance(dir.path(), &url, revision), of(meant), "{revision:?} there");
        }
        // A tag's own id would never be what was checked out.
        let tag = std::process::Command::new("git").args(["-C", &url, "rev-parse", "v1"]).output();
        let tag = String::from_utf8(tag.unwrap().stdout).unwrap().trim().to_owned();
        let error = check_out(VcsKind::Git, &url, Some(&tag), &dir.path().join("x")).await;
        let told = format!("{tag} is the id of a tag: its commit is {}", of("v1"));
        assert_eq!(error.unwrap_err().to_string(), told);
        let work = dir.path().join("work");
        let text = crate::guest::check_out_command(&work.to_string_lossy(), &url, Some(&tag));
        let output = std::process::Command::new("sh").args(["-c", &text]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(&told), "{output:?}");
    }

    /// By the variables of a process, as the tests share one: a program of its own checks out.
    #[test]
    fn the_operators_own_git_decides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        std::fs::create_dir_all(home.join(".config/git")).unwrap();
        std::fs::create_dir_all(home.join("hooks")).unwrap();
        let config = format!(
            "[core]\nautocrlf = true\nhooksPath = {0}/hooks\n[filter \"indent\"]\nsmudge = sed s/^/x/\n\
             [clone]\ndefaultRemoteName = mine\n[user]\nname = Me\n",
            home.display()
        );
        std::fs::write(home.join(".gitconfig"), config).unwrap();
        std::fs::write(home.join(".config/git/attributes"), "* text eol=crlf\n").unwrap();
        crate::guest::write_program(
            &home.join("hooks/post-checkout"),
            "#!/bin/sh\necho changed > by-a-hook\n",
        );
        make(
            dir.path(),
            "git init -q -b main r && cd r && printf '#!/bin/sh\\necho\\n' > setup && chmod 755 setup && \
             echo data > data && echo '* filter=indent' > .gitattributes && git add . && git commit -qm one",
        );
        let url = dir.path().join("r").to_string_lossy().into_owned();
        let mut program = std::process::Command::new("sh");
        let own = std::env::current_exe().unwrap();
        let text = format!("umask 077; exec '{}' --exact {HELPER} --ignored", own.display());
        program.args(["-c", &text]).env("HOME", &home).env("AMIABLE_TEST_CHECK_OUT", &url);
        program.env("AMIABLE_TEST_PACKED", dir.path().join("packed.tgz"));
        program.env_remove("XDG_CONFIG_HOME");
        let output = program.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        make(dir.path(), "mkdir out && tar -xzpf packed.tgz -C out");
        let read = |name: &str| std::fs::read_to_string(dir.path().join("out").join(name)).unwrap();
        assert_eq!(
            (read("setup").as_str(), read("data").as_str()),
            ("#!/bin/sh\necho\n", "data\n")
        );
        assert!(!dir.path().join("out/by-a-hook").exists());
        let mode = |name: &str| {
            use std::os::unix::fs::PermissionsExt;
            let metadata = std::fs::metadata(dir.path().join("out").join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        assert_eq!((mode("setup"), mode("data")), (0o755, 0o644));
    }

    const HELPER: &str = "source::vcs::tests::a_check_out_of_its_own";

    #[tokio::test]
    #[ignore = "run by another test, with variables of its own"]
    async fn a_check_out_of_its_own() {
        let url = std::env::var("AMIABLE_TEST_CHECK_OUT").unwrap();
        let repository =
            crate::model::template::Repository::Vcs { kind: VcsKind::Git, url, revision: None };
        let on = crate::model::template::CheckoutOn::Operator;
        let source = crate::model::template::Source { repository, on };
        let checkout = match super::super::check_out(&source, &[]).await {
            Ok(checkout) => checkout,
            Err(error) => panic!("{error}"),
        };
        let mut packed = checkout.pack().await.unwrap();
        let file = std::env::var("AMIABLE_TEST_PACKED").unwrap();
        std::io::copy(&mut packed, &mut std::fs::File::create(file).unwrap()).unwrap();
    }

    #[tokio::test]
    async fn what_git_lfs_holds_is_fetched_and_an_example_of_a_pointer_is_none() {
        let dir = tempfile::tempdir().unwrap();
        make(
            dir.path(),
            "export HOME=$PWD GIT_CONFIG_GLOBAL=$PWD/config\n\
             git lfs install --skip-repo >/dev/null && git init -q -b main r && cd r && \
             git lfs track '*.bin' >/dev/null && head -c 5000 /dev/zero > it.bin && git add . && git commit -qm one && \
             git cat-file -p HEAD:it.bin > example.txt && git add . && git commit -qm two && cd .. && \
             git init -q -b main outer && cd outer && \
             git -c protocol.file.allow=always submodule --quiet add file://$PWD/../r in && git commit -qm outer",
        );
        let url = format!("file://{}", dir.path().join("r").display());
        let out = dir.path().join("out");
        check_out(VcsKind::Git, &url, None, &out).await.unwrap();
        assert_eq!(std::fs::metadata(out.join("it.bin")).unwrap().len(), 5000);
        let example = std::fs::read_to_string(out.join("example.txt")).unwrap();
        assert!(example.starts_with(lfs::POINTER));
        // In a submodule, too.
        let outer = format!("file://{}", dir.path().join("outer").display());
        let work = dir.path().join("work");
        let text = crate::guest::check_out_command(&work.to_string_lossy(), &outer, None);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &text]).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let allowed = [("COUNT", "1"), ("KEY_0", "protocol.file.allow"), ("VALUE_0", "always")];
        shell.envs(allowed.map(|(name, value)| (format!("GIT_CONFIG_{name}"), value)));
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(std::fs::metadata(work.join("checkout/in/it.bin")).unwrap().len(), 5000);
        std::fs::remove_dir_all(&work).unwrap();
        // Without its client nothing is baked.
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for program in ["git", "sh", "sed", "basename", "uname"] {
            let path = crate::guest::found(program);
            std::os::unix::fs::symlink(path, bin.join(program)).unwrap();
        }
        let mut program = std::process::Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", HELPER, "--ignored"]).env("PATH", &bin);
        program.env("AMIABLE_TEST_CHECK_OUT", &url);
        let output = program.output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let meant =
            "it.bin is a Git LFS pointer, and git-lfs, which fetches its content, is not installed";
        assert!(!output.status.success() && told.contains(meant), "{output:?}");
        // The same on an instance.
        let work = dir.path().join("work");
        let text = crate::guest::check_out_command(&work.to_string_lossy(), &url, None);
        let mut shell = std::process::Command::new("sh");
        let output =
            shell.args(["-c", &text]).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(std::fs::metadata(work.join("checkout/it.bin")).unwrap().len(), 5000);
    }
}
