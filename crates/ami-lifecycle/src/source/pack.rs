//! Packs a folder into a gzip'ed tar, without the version control's own folders:
//! their configuration may hold credentials.

use std::fs::{DirEntry, File};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::SourceError;

/// Folders and files that belong to version control.
const LEFT_OUT: [&str; 4] = [".git", ".bzr", ".hg", ".svn"];

/// Packs all of `root` into an unnamed temporary file, to be read from its start.
pub(crate) fn pack(root: &Path) -> Result<File, SourceError> {
    let wrong = |source| SourceError::Io { doing: format!("pack {}", root.display()), source };
    let file = tempfile::tempfile().map_err(wrong)?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    archive.follow_symlinks(false);
    append(&mut archive, root, Path::new("")).map_err(wrong)?;
    let mut file = archive.into_inner().and_then(GzEncoder::finish).map_err(wrong)?;
    file.seek(SeekFrom::Start(0)).map_err(wrong)?;
    Ok(file)
}

/// Copies what would be packed of `root` into a folder that is made for it.
pub(crate) fn copy(root: &Path, to: &Path) -> Result<(), SourceError> {
    let packed = pack(root)?;
    let mut archive = tar::Archive::new(GzDecoder::new(packed));
    archive.set_preserve_permissions(true);
    archive.set_overwrite(false);
    let copied = std::fs::create_dir(to).and_then(|()| archive.unpack(to));
    copied.map_err(|source| SourceError::Io { doing: format!("copy {}", root.display()), source })
}

/// A digest of what is packed: names, contents and what is executable, but no times, and
/// nothing that a file system or a umask decides on.
pub(crate) fn digest(root: &Path) -> Result<String, SourceError> {
    let wrong = |source| SourceError::Io { doing: format!("read {}", root.display()), source };
    let mut hash = Sha256::new();
    add(&mut hash, root, Path::new("")).map_err(wrong)?;
    Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

fn add(hash: &mut Sha256, root: &Path, below: &Path) -> io::Result<()> {
    for entry in entries(root, below)? {
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        let metadata = entry.metadata()?;
        let (length, executable) = match kind.is_file() {
            true => (metadata.len(), metadata.permissions().mode() & 0o100 != 0),
            false => (0, kind.is_dir()),
        };
        hash.update(format!("{path:?} {executable} {length}\n"));
        if kind.is_dir() {
            add(hash, root, &path)?;
        } else if kind.is_symlink() {
            hash.update(std::fs::read_link(entry.path())?.as_os_str().as_bytes());
        } else if kind.is_file() {
            io::copy(&mut File::open(entry.path())?, &mut Hashing(hash))?;
        }
    }
    Ok(())
}

struct Hashing<'h>(&'h mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What of a folder is packed, by name.
fn entries(root: &Path, below: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries: Vec<_> = std::fs::read_dir(root.join(below))?.collect::<io::Result<_>>()?;
    entries.retain(|entry| !LEFT_OUT.iter().any(|left_out| entry.file_name() == *left_out));
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

fn append<W: io::Write>(
    archive: &mut tar::Builder<W>,
    root: &Path,
    below: &Path,
) -> io::Result<()> {
    for entry in entries(root, below)? {
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            archive.append_dir(&path, entry.path())?;
            append(archive, root, &path)?;
        } else if kind.is_file() || kind.is_symlink() {
            archive.append_path_with_name(entry.path(), &path)?;
        }
        // Sockets, pipes and devices are nothing that a checkout is made of.
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_copy_has_the_same_digest_and_stays_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (root, copied) = (dir.path().join("in"), dir.path().join("copy"));
        std::fs::create_dir_all(root.join("node/empty")).unwrap();
        std::fs::create_dir_all(root.join(".git")).unwrap();
        for (name, mode) in [("node/setup", 0o755), ("node/data", 0o600)] {
            std::fs::write(root.join(name), name).unwrap();
            std::fs::set_permissions(root.join(name), PermissionsExt::from_mode(mode)).unwrap();
        }
        symlink("/nonexistent", root.join("link")).unwrap();
        copy(&root, &copied).unwrap();
        let before = digest(&root).unwrap();
        assert_eq!(digest(&copied).unwrap(), before);
        assert!(!copied.join(".git").exists());
        std::fs::write(root.join("node/setup"), "worked on meanwhile").unwrap();
        assert_eq!(digest(&copied).unwrap(), before);
        assert_ne!(digest(&root).unwrap(), before);
    }

    #[test]
    fn modes_and_links_are_kept_and_version_control_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (root, out) = (dir.path().join("in"), dir.path().join("out"));
        std::fs::create_dir_all(root.join("node/.git")).unwrap();
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::create_dir_all(&out).unwrap();
        std::fs::write(root.join(".git/config"), "password").unwrap();
        std::fs::write(root.join("node/setup"), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(root.join("node/setup"), PermissionsExt::from_mode(0o755))
            .unwrap();
        symlink("setup", root.join("node/link")).unwrap();
        let first = digest(&root).unwrap();
        std::fs::write(root.join(".git/config"), "another").unwrap();
        assert_eq!(digest(&root).unwrap(), first, "version control is left out");
        std::fs::write(root.join("node/setup"), "#!/bin/sh -e\n").unwrap();
        assert_ne!(digest(&root).unwrap(), first);
        let mut packed = pack(&root).unwrap();
        let archive = dir.path().join("packed.tgz");
        io::copy(&mut packed, &mut File::create(&archive).unwrap()).unwrap();
        let status = std::process::Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(&out)
            .status();
        assert!(status.unwrap().success());
        assert!(!out.join(".git").exists() && !out.join("node/.git").exists());
        let mode = std::fs::metadata(out.join("node/setup")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(std::fs::read_link(out.join("node/link")).unwrap(), Path::new("setup"));
    }
}
