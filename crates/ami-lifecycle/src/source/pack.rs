//! Packs a folder into a gzip'ed tar, without the version control's own folders:
//! their configuration may hold credentials.

use std::fs::{DirEntry, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::source::error::SourceError;

/// Folders and files that belong to version control.
const LEFT_OUT: [&str; 4] = [".git", ".bzr", ".hg", ".svn"];

/// Whose the modes of files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modes {
    /// Those that the files have.
    AsTheyAre,
    /// A repository says no more than what is executable; the rest is the umask's under which it was
    /// checked out, and decides nothing.
    OfRepository,
}

/// Packs all of `root` into an unnamed temporary file, to be read from its start.
pub(crate) fn pack(root: &Path, modes: Modes) -> Result<File, SourceError> {
    let wrong = |source| SourceError::Io { doing: format!("pack {}", root.display()), source };
    let file = tempfile::tempfile().map_err(wrong)?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    archive.follow_symlinks(false);
    append(&mut archive, root, Path::new(""), modes).map_err(wrong)?;
    let mut file = archive.into_inner().and_then(GzEncoder::finish).map_err(wrong)?;
    file.seek(SeekFrom::Start(0)).map_err(wrong)?;
    Ok(file)
}

/// Copies what would be packed of `root` into a folder that is made for it.
pub(crate) fn copy(root: &Path, to: &Path) -> Result<(), SourceError> {
    let packed = pack(root, Modes::AsTheyAre)?;
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
        if !kind.is_dir() && !kind.is_file() && !kind.is_symlink() {
            continue;
        }
        let metadata = entry.metadata()?;
        let (length, executable) = if kind.is_file() {
            (metadata.len(), metadata.permissions().mode() & 0o100 != 0)
        } else {
            (0, kind.is_dir())
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
    modes: Modes,
) -> io::Result<()> {
    for entry in entries(root, below)? {
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let mut header = header(&entry.metadata()?, modes);
            archive.append_data(&mut header, &path, io::empty())?;
            append(archive, root, &path, modes)?;
        } else if kind.is_file() && is_plain(&entry.metadata()?) && modes == Modes::AsTheyAre {
            // Holes stay holes.
            archive.append_path_with_name(entry.path(), &path)?;
        } else if kind.is_file() {
            let file = File::open(entry.path())?;
            let metadata = file.metadata()?;
            let mut header = header(&metadata, modes);
            archive.append_data(&mut header, &path, file.take(metadata.len()))?;
        } else if kind.is_symlink() {
            let mut header = header(&entry.metadata()?, modes);
            header.set_size(0);
            archive.append_link(&mut header, &path, std::fs::read_link(entry.path())?)?;
        }
        // Sockets, pipes and devices are nothing that a checkout is made of.
    }
    Ok(())
}

/// A tar header has no times before 1970.
fn is_plain(metadata: &Metadata) -> bool {
    metadata.mtime() >= 0 && metadata.mode() & SPECIAL == 0
}

/// The bits that make a program another user's, and the sticky bit: they are no part of a checkout.
const SPECIAL: u32 = 0o7000;

fn header(metadata: &Metadata, modes: Modes) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_metadata(metadata);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    let mode = metadata.mode() & 0o777;
    header.set_mode(match modes {
        Modes::AsTheyAre => mode,
        Modes::OfRepository if mode & 0o100 != 0 => 0o755,
        Modes::OfRepository => 0o644,
    });
    header
}

/// What of a folder is not packed as it is, by path, with what it is.
pub(crate) fn left_out(root: &Path) -> Result<Vec<String>, SourceError> {
    let wrong = |source| SourceError::Io { doing: format!("read {}", root.display()), source };
    let mut found = Vec::new();
    find_left_out(root, Path::new(""), &mut found).map_err(wrong)?;
    Ok(found)
}

fn find_left_out(root: &Path, below: &Path, found: &mut Vec<String>) -> io::Result<()> {
    for name in LEFT_OUT {
        let path = below.join(name);
        if root.join(&path).symlink_metadata().is_ok() {
            found.push(path.display().to_string());
        }
    }
    for entry in entries(root, below)? {
        let path = below.join(entry.file_name());
        let (kind, metadata) = (entry.file_type()?, entry.metadata()?);
        if kind.is_dir() {
            find_left_out(root, &path, found)?;
        } else if kind.is_file() && metadata.mode() & SPECIAL != 0 {
            found.push(format!("the special mode of {}", path.display()));
        } else if !kind.is_file() && !kind.is_symlink() {
            found.push(format!("{} (no file)", path.display()));
        }
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
        let mut packed = pack(&root, Modes::AsTheyAre).unwrap();
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

    #[test]
    fn what_a_tar_has_no_place_for_is_told_and_old_files_are_sent() {
        let dir = tempfile::tempdir().unwrap();
        let (root, copied) = (dir.path().join("in"), dir.path().join("copy"));
        let script = "mkdir in && cd in && mkdir .svn sub && mkfifo sub/pipe && echo x > old && \
                      touch -d 1950-01-01T00:00:00Z old && echo y > suid && chmod 4755 suid && \
                      printf z > \"$(printf 'a\\nb \\377')\"";
        let made =
            std::process::Command::new("sh").args(["-ec", script]).current_dir(&dir).status();
        assert!(made.unwrap().success());
        copy(&root, &copied).unwrap();
        assert_eq!(std::fs::read_to_string(copied.join("old")).unwrap(), "x\n");
        assert_eq!(digest(&copied).unwrap(), digest(&root).unwrap());
        let mode = std::fs::metadata(copied.join("suid")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
        let told = left_out(&root).unwrap();
        assert_eq!(told, [".svn", "sub/pipe (no file)", "the special mode of suid"]);
    }
}
