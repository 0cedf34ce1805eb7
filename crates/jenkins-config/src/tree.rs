//! What both formats come to: a tree of names, whose leaves are slots of the file.

use std::ops::Range;

use crate::form::{xml, yaml};

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

    /// What has a name. Of two, Jenkins' loader takes the last, and it does not mind the case of letters
    /// (configuration as code's `BaseConfigurator`).
    pub(crate) fn get(&self, name: &str) -> Option<&Tree> {
        self.entries().iter().rfind(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, tree)| tree)
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

/// The ids of AMIs in a text: where each begins and ends.
fn ids(text: &str) -> Vec<Range<usize>> {
    let is_of_word = |it: char| it.is_ascii_alphanumeric() || it == '-';
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split(|it| !is_of_word(it)) {
        if word.len() > "ami-".len() && word.starts_with("ami-") {
            found.push(at..at + word.len());
        }
        // What splits may take several bytes.
        at += word.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

/// Puts ids in the places of others in a slot's characters, where nothing else differs and they stand
/// there as they are: nothing around them changes then.
pub(crate) fn exchanged(raw: &str, value: &str, new: &str) -> Option<String> {
    let (old_ids, new_ids, raw_ids) = (ids(value), ids(new), ids(raw));
    let same = std::iter::zip(&raw_ids, &old_ids)
        .all(|(one, other)| raw[one.clone()] == value[other.clone()]);
    let numbers = [raw_ids.len(), old_ids.len(), new_ids.len()];
    if !same || old_ids.is_empty() || numbers.iter().any(|it| *it != numbers[0]) {
        return None;
    }
    let with = |text: &str, places: &[Range<usize>]| {
        let mut result = text.to_owned();
        for (place, id) in std::iter::zip(places, &new_ids).rev() {
            result.replace_range(place.clone(), &new[id.clone()]);
        }
        result
    };
    (with(value, &old_ids) == new).then(|| with(raw, &raw_ids))
}

/// The slots of a file, and the one at a path.
#[cfg(test)]
pub(crate) fn slot_of((slots, tree): (Vec<Slot>, Tree), path: &str) -> (Vec<Slot>, usize) {
    let leaf = tree.leaves().into_iter().find(|(name, _)| name == path).unwrap().1;
    (slots, leaf)
}
