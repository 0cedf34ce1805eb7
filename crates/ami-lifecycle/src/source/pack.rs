//! Packs a folder into a gzip'ed tar, without the version control's own folders:
//! their configuration may hold credentials.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

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

fn append<W: io::Write>(
    archive: &mut tar::Builder<W>,
    root: &Path,
    below: &Path,
) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(root.join(below))?.collect::<io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let path = below.join(&name);
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
    use std::os::unix::fs::{PermissionsExt, symlink};

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
