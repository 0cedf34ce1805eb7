//! Where the files of a template are.

use std::path::{Path, PathBuf};

/// A file of the template: beside it, or where Packer is started.
pub(super) fn find(folder: &Path, path: &str) -> Option<PathBuf> {
    let home = path.strip_prefix("~/").and_then(|rest| Some(std::env::home_dir()?.join(rest)));
    let places = [home, Some(folder.join(path)), Some(PathBuf::from(path))];
    places.into_iter().flatten().find(|it| it.exists())
}
