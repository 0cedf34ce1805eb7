//! Files that consumers live in: read, planned, and written whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::RollError;

/// What files hold, and what they are to hold. Several consumers may be in one file.
#[derive(Debug, Clone, Default)]
pub struct Files {
    plans: BTreeMap<PathBuf, FilePlan>,
}

/// What becomes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlan {
    /// What it held when it was read first.
    pub before: Vec<u8>,
    /// What it is to hold in the end.
    pub after: Vec<u8>,
    /// What it must still hold when it is written.
    expected: Vec<u8>,
    /// Nothing is to be shown of it but ids: there may be secrets beside them.
    pub only_ids: bool,
    /// How it is called, where that is not its path.
    pub shown: Option<String>,
}

impl Files {
    /// The files that were planned to change, by their paths.
    pub fn changed(&self) -> impl Iterator<Item = (&Path, &FilePlan)> {
        let changed = self.plans.iter().filter(|(_, plan)| plan.before != plan.after);
        changed.map(|(path, plan)| (path.as_path(), plan))
    }

    /// What a file is planned to hold so far; it is read the first time.
    pub(super) fn planned(&mut self, path: &Path) -> Result<Vec<u8>, RollError> {
        let path = &canonical(path)?;
        if let Some(plan) = self.plans.get(path) {
            return Ok(plan.after.clone());
        }
        let before = read(path)?;
        let plan = FilePlan {
            after: before.clone(),
            expected: before.clone(),
            only_ids: false,
            shown: None,
            before,
        };
        let after = plan.after.clone();
        self.plans.insert(path.to_owned(), plan);
        Ok(after)
    }

    pub(super) fn plan(&mut self, path: &Path, after: Vec<u8>) {
        let path = canonical(path).unwrap_or_else(|_| path.to_owned());
        if let Some(plan) = self.plans.get_mut(&path) {
            plan.after = after;
        }
    }

    /// The same for a file of which only ids change, and nothing else is to be shown.
    pub(super) fn plan_ids(&mut self, path: &Path, after: Vec<u8>) {
        self.plan(path, after);
        let path = canonical(path).unwrap_or_else(|_| path.to_owned());
        if let Some(plan) = self.plans.get_mut(&path) {
            plan.only_ids = true;
        }
    }

    /// Gives a planned file another name for people.
    pub(super) fn show_as(&mut self, path: &Path, name: String) {
        let path = canonical(path).unwrap_or_else(|_| path.to_owned());
        if let Some(plan) = self.plans.get_mut(&path) {
            plan.shown = Some(name);
        }
    }

    /// Changes a file by a function of what it holds. Where it was planned to, it must hold
    /// what it held then. Others of amiable wait in the meantime.
    pub(super) fn change(
        &mut self,
        path: &Path,
        edit: impl FnOnce(&[u8]) -> Result<Vec<u8>, RollError>,
    ) -> Result<(), RollError> {
        let unwritable = |source| RollError::Unwritable { path: path.to_owned(), source };
        // A link stays, and what it points to is replaced.
        let real = canonical(path)?;
        let folder = real.parent().unwrap_or(Path::new("/"));
        let lock = File::open(folder).map_err(unwritable)?;
        // Where a file system has no locks, what follows still sees who was quicker.
        let _ = flock(&lock, FlockOperation::LockExclusive);
        let before = read(path)?;
        let planned = self.plans.get_mut(&real);
        if planned.as_ref().is_some_and(|plan| plan.expected != before) {
            return Err(RollError::ChangedUnderneath(path.to_owned()));
        }
        let after = edit(&before)?;
        if after != before {
            replace(&real, &before, &after)
                .map_err(unwritable)?
                .then_some(())
                .ok_or_else(|| RollError::ChangedUnderneath(path.to_owned()))?;
        }
        if let Some(plan) = planned {
            plan.expected = after;
        }
        Ok(())
    }
}

/// One file may be named in several ways.
fn canonical(path: &Path) -> Result<PathBuf, RollError> {
    path.canonicalize().map_err(|source| RollError::Unreadable { path: path.to_owned(), source })
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, RollError> {
    fs::read(path).map_err(|source| RollError::Unreadable { path: path.to_owned(), source })
}

/// Puts a new file in the place of one that holds `before`, with its mode and owner.
/// Returns whether it still held that.
fn replace(path: &Path, before: &[u8], after: &[u8]) -> std::io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let old = fs::metadata(path)?;
    let mut new = tempfile::Builder::new().prefix(".amiable-").tempfile_in(folder)?;
    new.write_all(after)?;
    let made = new.as_file().metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        fchown(new.as_file(), Some(old.uid()), Some(old.gid()))?;
    }
    // After the owner, whose change would take set-id bits away.
    new.as_file().set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
    new.as_file().sync_all()?;
    if fs::read(path)? != before {
        return Ok(false);
    }
    new.persist(path)?;
    File::open(folder)?.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("config.xml"), folder.path().join("link.xml"));
        write(&file, "one");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("config.xml", &link).unwrap();
        let edit = |bytes: &[u8]| Ok([bytes, b" two"].concat());
        Files::default().change(&link, edit).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "one two");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 2, "nothing else is left");
    }

    #[test]
    fn what_changes_underneath_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.xml");
        write(&file, "one");
        let mut files = Files::default();
        files.planned(&file).unwrap();
        files.plan(&file, b"two".to_vec());
        write(&file, "other");
        let refused = files.change(&file, |_| Ok(b"two".to_vec()));
        assert!(matches!(refused, Err(RollError::ChangedUnderneath(_))), "{refused:?}");
        // And also in the last moment.
        let refused = Files::default().change(&file, |_| {
            write(&file, "another");
            Ok(b"two".to_vec())
        });
        assert!(matches!(refused, Err(RollError::ChangedUnderneath(_))), "{refused:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "another");
    }

    #[test]
    fn two_changes_of_one_file_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.xml");
        write(&file, "a b");
        let mut files = Files::default();
        let [first, second] = [("a", "x"), ("b", "y")].map(|(from, to)| {
            move |bytes: &[u8]| Ok(String::from_utf8_lossy(bytes).replace(from, to).into_bytes())
        });
        for edit in [&first as &dyn Fn(&[u8]) -> _, &second] {
            let planned = files.planned(&file).unwrap();
            files.plan(&file, edit(&planned).unwrap());
        }
        let (_, plan) = files.changed().next().unwrap();
        assert_eq!((plan.before.as_slice(), plan.after.as_slice()), (&b"a b"[..], &b"x y"[..]));
        files.change(&file, first).unwrap();
        files.change(&file, second).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "x y");
    }
}
