//! qcow2 disks as chains of layers.
//!
//! A layer is a qcow2 file; it may stand on another (its backing file), which is
//! then never written again. Backing files are named relative to the layer, so a
//! folder of layers can be moved as a whole.

use std::ffi::OsStr;
use std::path::Path;

use serde::Deserialize;
use tokio::process::Command;

use crate::{Error, QEMU_IMG};

/// What `qemu-img info` tells of a disk.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiskInfo {
    /// The size that a guest sees, in bytes.
    pub virtual_size: u64,
    /// What the file takes on the host, in bytes.
    pub actual_size: u64,
    /// `qcow2`, `raw`, …
    pub format: String,
    /// The layer below, as written in the file.
    pub backing_filename: Option<String>,
}

/// Runs `qemu-img` and returns its standard output.
async fn qemu_img<I, S>(args: I, dir: Option<&Path>) -> Result<String, Error>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(QEMU_IMG);
    command.args(args).kill_on_drop(true);
    if let Some(dir) = dir {
        command.current_dir(dir);
    }
    run(command, QEMU_IMG).await
}

/// Runs a program to its end; its standard error is the error's text.
pub(crate) async fn run(mut command: Command, program: &str) -> Result<String, Error> {
    let output = command.output().await.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::NotInstalled { program: program.into() },
        _ => Error::Io { action: "run", path: program.into(), source },
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let message = if stderr.is_empty() { output.status.to_string() } else { stderr };
    Err(Error::Program { program: program.into(), message })
}

/// Creates an empty disk of `size` bytes.
///
/// # Errors
/// When `qemu-img` is missing or fails.
pub async fn create_empty(path: &Path, size: u64) -> Result<(), Error> {
    let size = size.to_string();
    qemu_img(
        [
            OsStr::new("create"),
            "-q".as_ref(),
            "-f".as_ref(),
            "qcow2".as_ref(),
            path.as_os_str(),
            size.as_ref(),
        ],
        None,
    )
    .await
    .map(drop)
}

/// Creates a layer on top of `backing`, which lies in the same folder.
///
/// The time it takes does not depend on the size of the disk. `size` (bytes)
/// makes the new layer larger than the one below; `None` keeps its size.
///
/// # Errors
/// When `qemu-img` is missing or fails.
pub async fn create_layer(path: &Path, backing: &Path, size: Option<u64>) -> Result<(), Error> {
    let dir = path.parent();
    let backing = backing.file_name().unwrap_or(backing.as_os_str());
    let file = path.file_name().unwrap_or(path.as_os_str());
    let size = size.map(|bytes| bytes.to_string());
    let mut args: Vec<&OsStr> =
        ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"].map(OsStr::new).to_vec();
    args.push(backing);
    args.push(file);
    args.extend(size.as_deref().map(OsStr::new));
    qemu_img(args, dir).await.map(drop)
}

/// Copies a disk image of any format that QEMU reads into a qcow2 layer of its own.
///
/// # Errors
/// When `qemu-img` is missing, the source is no disk image or there is no room.
pub async fn import(source: &Path, path: &Path) -> Result<(), Error> {
    qemu_img(
        [
            OsStr::new("convert"),
            "-O".as_ref(),
            "qcow2".as_ref(),
            source.as_os_str(),
            path.as_os_str(),
        ],
        None,
    )
    .await
    .map(drop)
}

/// Reads a disk's sizes and format. A running machine may have it open.
///
/// # Errors
/// When `qemu-img` is missing or the file is no disk image.
pub async fn info(path: &Path) -> Result<DiskInfo, Error> {
    let json = qemu_img(
        [OsStr::new("info"), "--force-share".as_ref(), "--output=json".as_ref(), path.as_os_str()],
        None,
    )
    .await?;
    serde_json::from_str(&json).map_err(|error| Error::Program {
        program: QEMU_IMG.into(),
        message: format!("unexpected output: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[tokio::test]
    async fn a_layer_names_its_backing_file_relatively_and_may_grow() {
        let dir = tempfile::tempdir().unwrap();
        let (base, layer) = (dir.path().join("base.qcow2"), dir.path().join("layer.qcow2"));
        create_empty(&base, 4 * MIB).await.unwrap();
        create_layer(&layer, &base, Some(8 * MIB)).await.unwrap();
        let info = info(&layer).await.unwrap();
        assert_eq!(info.virtual_size, 8 * MIB);
        assert_eq!(info.format, "qcow2");
        assert_eq!(info.backing_filename.as_deref(), Some("base.qcow2"));
    }

    #[tokio::test]
    async fn importing_something_missing_tells_what_qemu_img_said() {
        let dir = tempfile::tempdir().unwrap();
        let error = import(&dir.path().join("none"), &dir.path().join("out")).await.unwrap_err();
        assert!(error.to_string().starts_with("qemu-img failed: "), "{error}");
    }
}
