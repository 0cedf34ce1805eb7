//! What both formats come to: a tree of names, whose leaves are slots of the file.

use std::ops::Range;

use crate::{xml, yaml};

/// A value of the file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Its place among the characters.
    pub(crate) span: Range<usize>,
    /// What a parser sees.
    pub(crate) value: String,
    /// How it is written there.
    pub(crate) form: Form,
}

/// How a value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// An XML element's text.
    Xml(xml::Written),
    /// A YAML scalar.
    Yaml(yaml::Written),
    /// Something that is never changed, such as an XML attribute.
    Fixed,
}

/// Names and what is below them. The items of a list have their number as name, and a name
/// may come more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    /// The number of a slot. Two leaves may share one, by an anchor.
    Leaf(usize),
    /// What has a name each, and where it begins.
    Branch(usize, Vec<(String, Tree)>),
}

impl Tree {
    pub(crate) fn entries(&self) -> &[(String, Tree)] {
        match self {
            Tree::Leaf(_) => &[],
            Tree::Branch(_, entries) => entries,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Tree> {
        self.entries().iter().find(|(key, _)| key == name).map(|(_, tree)| tree)
    }

    pub(crate) fn leaf(&self) -> Option<usize> {
        match self {
            Tree::Leaf(slot) => Some(*slot),
            Tree::Branch(..) => None,
        }
    }

    /// Every leaf with its path, in the order of the file.
    pub(crate) fn leaves(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        self.collect(String::new(), &mut found);
        found
    }

    fn collect(&self, path: String, found: &mut Vec<(String, usize)>) {
        match self {
            Tree::Leaf(slot) => found.push((path, *slot)),
            Tree::Branch(_, entries) => {
                for (name, tree) in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    tree.collect(format!("{path}{dot}{name}"), found);
                }
            }
        }
    }
}

/// Puts an id in the place of another in a slot's characters, where that stands there as
/// it is and once: nothing around it changes then.
pub(crate) fn exchanged(raw: &str, value: &str, new: &str) -> Option<String> {
    let (from, to) = (value.trim(), new.trim());
    let is_id = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let exchangeable = is_id(from)
        && is_id(to)
        && raw.matches(from).count() == 1
        && value.replace(from, to) == new;
    exchangeable.then(|| raw.replace(from, to))
}

/// The slots of a file, and the one at a path.
#[cfg(test)]
pub(crate) fn slot_of((slots, tree): (Vec<Slot>, Tree), path: &str) -> (Vec<Slot>, usize) {
    let leaf = tree.leaves().into_iter().find(|(name, _)| name == path).unwrap().1;
    (slots, leaf)
}
