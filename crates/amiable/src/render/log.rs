//! Log files of bakes.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::failure::Failure;
use crate::surroundings;

/// A log file of its own for each bake.
pub(crate) fn open_log(template: &str) -> Result<(File, PathBuf), Failure> {
    let folder = surroundings::log_folder()?;
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
    let path = folder.join(format!("{template}-{now}.log"));
    let opened = std::fs::create_dir_all(&folder).and_then(|()| {
        // A script may print what others should not read.
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)
    });
    let file = opened
        .map_err(|error| Failure::failed(format!("failed to write {}: {error}", path.display())))?;
    Ok((file, path))
}
