//! How an init script was written in a file before another took its place: the same script can be written in
//! many ways, and what is put back is to be the same bytes. It is kept on this machine only; where it is
//! not known, the script is written anew.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::consumer::is_same;

/// Where it is kept, if anywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrittenScripts<'a>(pub(super) Option<&'a Path>);

/// A script of before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// As Jenkins saw it: how its last line ends may differ.
    pub(super) script: String,
    /// As it was written.
    pub(super) written: String,
}

impl WrittenScripts<'_> {
    /// How a script was written for an agent template.
    pub(super) fn find(self, agent: (&Path, &str), script: &str) -> Option<Kept> {
        let kept: Kept = serde_json::from_slice(&fs::read(self.path(agent, script)?).ok()?).ok()?;
        is_same(&kept.script, script).then_some(kept)
    }

    /// Keeps it. What cannot be kept costs nothing but the way it was written.
    pub(super) fn keep(self, agent: (&Path, &str), kept: &Kept) {
        let Some(path) = self.path(agent, &kept.script) else { return };
        let text = serde_json::to_vec(kept).unwrap_or_default();
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        // A script may hold a secret.
        let open =
            || File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let kept = folder.and_then(|()| open()?.write_all(&text));
        if let Err(error) = kept {
            tracing::debug!("failed to write {}: {error}", path.display());
        }
    }

    fn path(self, (file, title): (&Path, &str), script: &str) -> Option<PathBuf> {
        let file = file.canonicalize().ok()?;
        let parts = [
            file.as_os_str().as_encoded_bytes(),
            title.as_bytes(),
            script.trim_end_matches('\n').as_bytes(),
        ];
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
            hash.update(part);
        }
        let name: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Some(self.0?.join(name))
    }
}
