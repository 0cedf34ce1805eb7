//! Content that Git LFS holds: a repository has pointers in its place
//! (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::without_secrets;
use crate::model::template::VcsKind;
use crate::source::client::{CHECK_OUT, LOOK, run};
use crate::source::error::SourceError;

/// Brings the content of a repository's pointers, as its own shell command. Not `git lfs pull`: that takes
/// every pointer for its own, whatever the repository says. git writes anew what it knows nothing of.
pub(crate) const FETCH: &str = "git lfs install --local --skip-repo >&2 && git read-tree HEAD && \
                                git checkout-index --all --force";

/// How a pointer begins.
pub(crate) const POINTER: &str = "version https://git-lfs.github.com/spec/v1";
/// No pointer is longer, in bytes.
const LONGEST: u64 = 1024;

/// Brings the content that Git LFS holds.
pub(super) async fn fetch(url: &str, dir: &Path) -> Result<(), SourceError> {
    let wrong = |source| SourceError::Io { doing: "look for Git LFS pointers".into(), source };
    let found = pointers(dir).map_err(wrong)?;
    let mut tracked = None;
    for file in found {
        if is_tracked(url, dir, &file).await? {
            tracked = Some(file);
            break;
        }
    }
    let Some(file) = tracked else { return Ok(()) };
    let text = dir.to_string_lossy().into_owned();
    let git = |words: &[&str]| {
        let all = [&["git", "-C", text.as_str()], words].concat();
        all.into_iter().map(String::from).collect::<Vec<String>>()
    };
    let is_there =
        run(VcsKind::Git, url, &git(&["lfs", "version"]), "look for git-lfs", LOOK).await;
    if is_there.is_err() {
        let file = file.strip_prefix(dir).unwrap_or(&file).display().to_string();
        return Err(SourceError::NoLfs { file });
    }
    let doing = format!("fetch what Git LFS holds of {}", without_secrets(url));
    let each = ["submodule", "--quiet", "foreach", "--recursive", FETCH];
    let here = ["sh", "-c", "cd \"$1\" && eval \"$2\"", "sh", &text, FETCH];
    let here = here.map(String::from).to_vec();
    for command in [here, git(&each)] {
        run(VcsKind::Git, url, &command, &doing, CHECK_OUT).await?;
    }
    Ok(())
}

/// Whether the repository has given a file to Git LFS: one may have a pointer as a mere example.
async fn is_tracked(url: &str, dir: &Path, file: &Path) -> Result<bool, SourceError> {
    let folder = file.parent().unwrap_or(dir).to_string_lossy().into_owned();
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let command = ["git", "-C", &folder, "check-attr", "filter", "--", &name].map(String::from);
    let answer = run(VcsKind::Git, url, &command, "look for Git LFS pointers", LOOK).await?;
    Ok(answer.ends_with(": filter: lfs"))
}

/// The files of a checkout that are pointers, or look so.
fn pointers(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && entry.file_name() != ".git" {
                folders.push(entry.path());
            } else if kind.is_file() && is_pointer(&entry.path(), entry.metadata()?.len())? {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_pointer(file: &Path, length: u64) -> io::Result<bool> {
    if length >= LONGEST || length < POINTER.len() as u64 {
        return Ok(false);
    }
    let mut start = vec![0; POINTER.len()];
    File::open(file)?.read_exact(&mut start)?;
    Ok(start == POINTER.as_bytes())
}
