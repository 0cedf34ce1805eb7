//! Copies of a farm, so that each case begins with the same.

use std::path::Path;

use crate::farm::Farm;
use crate::operation::START;

/// The same farm again, with an endpoint of its own.
pub(crate) fn copy(farm: &Farm) -> Farm {
    let copy = Farm::without_endpoint();
    for name in ["amiable.toml", "regions.toml", "retire.toml", "init", "jenkins", "local"] {
        if farm.path(name).exists() {
            copy_all(&farm.path(name), &copy.path(name));
        }
    }
    let options = std::fs::read_to_string(farm.path(START)).unwrap_or_default();
    let start = ["local", "start", "--port", "0"].into_iter().chain(options.split_whitespace());
    copy.stdout(&start.collect::<Vec<&str>>());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    let kind = std::fs::metadata(from).unwrap();
    if kind.is_dir() {
        std::fs::create_dir(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            // Sockets and locks are the server's that has ended.
            if entry.file_type().unwrap().is_dir() || entry.file_type().unwrap().is_file() {
                copy_all(&entry.path(), &to.join(entry.file_name()));
            }
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}
