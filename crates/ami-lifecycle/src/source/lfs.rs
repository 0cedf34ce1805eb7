//! Content that Git LFS holds: a repository has pointers in its place
//! (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Brings the content of a repository's pointers, as its own shell command. Not `git lfs pull`: that takes
/// every pointer for its own, whatever the repository says. git writes anew what it knows nothing of.
pub(crate) const FETCH: &str = "git lfs install --local --skip-repo >&2 && git read-tree HEAD && \
                                git checkout-index --all --force";

/// How a pointer begins.
pub(crate) const POINTER: &str = "version https://git-lfs.github.com/spec/v1";
/// No pointer is longer, in bytes.
const LONGEST: u64 = 1024;

/// The files of a checkout that are pointers, or look so.
pub(super) fn pointers(root: &Path) -> io::Result<Vec<PathBuf>> {
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
