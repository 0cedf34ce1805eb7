//! Who names which AMI.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::consumer::change::Naming;

/// Who names which AMI, and what could not be read.
#[derive(Debug, Clone, Default)]
pub struct Holders {
    /// All that is named.
    pub namings: Vec<Naming>,
    /// What could not be read, and why.
    pub unknown: Vec<(String, String)>,
    /// The files that were looked through.
    seen: BTreeSet<PathBuf>,
}

impl Holders {
    /// The places that name an AMI, each once.
    pub fn of<'h>(&'h self, ami: &'h str) -> impl Iterator<Item = &'h Naming> {
        self.namings.iter().filter(move |naming| naming.ami == ami)
    }

    /// Whether a file is looked through for the first time.
    pub(super) fn is_new(&mut self, file: &Path) -> bool {
        self.seen.insert(file.to_owned())
    }

    pub(super) fn add(&mut self, naming: Naming) {
        if !self.namings.contains(&naming) {
            self.namings.push(naming);
        }
    }

    /// Drops what is named more exactly, too: a file, where a place in it names the same AMI.
    pub(super) fn drop_vague(&mut self) {
        let all = self.namings.clone();
        self.namings.retain(|vague| {
            let whole = format!(" in {}", vague.place);
            let exact = |it: &Naming| it.ami == vague.ami && it.place.ends_with(&whole);
            !all.iter().any(exact)
        });
    }

    pub(super) fn add_unknown(&mut self, what: String, why: String) {
        let unknown = (what, why);
        if !self.unknown.contains(&unknown) {
            self.unknown.push(unknown);
        }
    }
}
