//! What a template says, and what becomes of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

/// What is said of a source, a block of it or a provisioner.
pub(crate) type Keys = Map<String, Value>;

/// A source, with what is done on it.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    /// Its name.
    pub(super) name: String,
    /// What its template is called.
    pub(super) label: String,
    /// Which builder it is for.
    pub(super) kind: String,
    pub(super) keys: Keys,
    pub(super) steps: Vec<Step>,
    /// What follows it: the kinds of its post-processors.
    pub(super) post_processors: Vec<String>,
}

/// A provisioner.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(super) kind: String,
    pub(super) keys: Keys,
}

/// What a template has.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(super) builds: Vec<Build>,
    /// Bases by the names of their `data` blocks.
    pub(super) data: BTreeMap<String, Keys>,
    /// What is not understood, and what is said to users.
    pub(super) remarks: Vec<String>,
}

/// The values that are given for variables.
pub(crate) type Given = BTreeMap<String, String>;

/// A file that is written for a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// This text; whether it is a program.
    Text(String, bool),
    /// The bytes of that file or folder.
    Copy(PathBuf),
}

/// An AMI template, and how it came about.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) name: String,
    /// Its table's lines: keys with their values as TOML, in their order.
    pub(super) lines: Vec<(&'static str, String)>,
    /// What goes into its source, by path.
    pub(crate) files: BTreeMap<String, Content>,
    /// The account's region and profile, and the endpoint.
    pub(super) cloud: BTreeMap<&'static str, String>,
    /// How its AMIs were named.
    pub(super) pattern: Option<String>,
    /// Keys of Packer's with what they are here.
    pub(super) taken: Vec<(String, String)>,
    /// Those that need nothing, as amiable does that by itself.
    pub(super) own: Vec<(String, String)>,
    /// Those that are not taken over, and why.
    pub(super) left: Vec<(String, String)>,
}

impl Draft {
    pub(super) fn line(&mut self, key: &'static str, value: impl Into<String>) {
        self.lines.push((key, value.into()));
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.lines.iter().any(|(name, _)| *name == key)
    }

    pub(super) fn left(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.left.push((what.into(), why.into()));
    }
}
