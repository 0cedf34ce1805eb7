//! References as XStream writes them: an object that a file has had already stands there once more as
//! an empty element with the path to the first (<https://x-stream.github.io/graphs.html>).

use crate::error::ReadError;
use crate::tree::{Slot, Tree};

/// The most nodes that a file's references may lead to: far beyond any real file.
const MOST_NODES: usize = 1_000_000;

/// The tree with what its references lead to in their places.
pub(crate) fn followed(tree: Tree, slots: &[Slot]) -> Result<Tree, ReadError> {
    let mut following = Following { slots, count: 0 };
    following.below(&mut vec![&tree])
}

struct Following<'s> {
    slots: &'s [Slot],
    count: usize,
}

impl Following<'_> {
    /// What the last of a path of nodes is, with references followed.
    fn below(&mut self, path: &mut Vec<&Tree>) -> Result<Tree, ReadError> {
        self.count += 1;
        if self.count > MOST_NODES {
            return Err(ReadError::TooLarge(MOST_NODES));
        }
        let here = path[path.len() - 1];
        let Tree::Branch(at, entries) = here else { return Ok(here.clone()) };
        let mut result = Vec::with_capacity(entries.len());
        for (number, (name, below)) in entries.iter().enumerate() {
            path.push(below);
            let own = |attribute: &str| attribute_of(&entries[..number], name, attribute);
            let reference = own("reference").and_then(|it| self.text(it));
            let target = reference.and_then(|to| resolve(path, to));
            let tree = match target {
                Some(mut target) => {
                    // What it is stands with what it is.
                    if own("class").is_none()
                        && let Some(class) = class_of(&target)
                    {
                        result.push((format!("{name}@class"), class.clone()));
                    }
                    self.below(&mut target)?
                }
                None => self.below(path)?,
            };
            path.pop();
            result.push((name.clone(), tree));
        }
        Ok(Tree::Branch(*at, result))
    }

    fn text(&self, tree: &Tree) -> Option<&str> {
        tree.leaf().map(|slot| self.slots[slot].value.as_str())
    }
}

/// An attribute of an element: `before` are the entries before it, of which the last are its own.
fn attribute_of<'t>(before: &'t [(String, Tree)], name: &str, attribute: &str) -> Option<&'t Tree> {
    let is_own =
        |(it, _): &&(String, Tree)| it.strip_prefix(name).is_some_and(|rest| rest.starts_with('@'));
    let mut own = before.iter().rev().take_while(is_own);
    own.find(|(it, _)| it[name.len() + 1..] == *attribute).map(|(_, tree)| tree)
}

/// The class that an element's attribute gives; the element is the last of a path.
fn class_of<'t>(path: &[&'t Tree]) -> Option<&'t Tree> {
    let [.., parent, element] = path else { return None };
    let entries = parent.entries();
    let number = entries.iter().position(|(_, it)| std::ptr::eq(it, *element))?;
    attribute_of(&entries[..number], &entries[number].0, "class")
}

/// Where a relative or absolute path leads to from an element, with the nodes above that. A circle leads
/// nowhere.
fn resolve<'t>(from: &[&'t Tree], reference: &str) -> Option<Vec<&'t Tree>> {
    let mut path = match reference.strip_prefix('/') {
        Some(_) => vec![from[0]],
        None => from.to_vec(),
    };
    for step in reference.split('/').filter(|step| !step.is_empty() && *step != ".") {
        if step == ".." {
            path.pop();
            path.last()?;
            continue;
        }
        let (name, number) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, number)) => (name, number.parse::<usize>().ok()?),
            None => (step, 1),
        };
        let mut same = path.last()?.entries().iter().filter(|(it, _)| it == name);
        path.push(&same.nth(number.checked_sub(1)?)?.1);
    }
    let target = *path.last()?;
    let is_above = from.iter().any(|it| std::ptr::eq(*it, target));
    (!is_above).then_some(path)
}

#[cfg(test)]
mod tests {
    use crate::xml;

    fn value(text: &str, path: &str) -> Option<String> {
        let (slots, tree) = xml::read(text).unwrap();
        let leaf = tree.leaves().into_iter().find(|(name, _)| name == path)?.1;
        Some(slots[leaf].value.clone())
    }

    #[test]
    fn references_lead_to_what_is_written_before() {
        let text = "<r><a><x><p>1</p></x></a><b/><a><x class='k'><p>2</p></x></a>\
            <c><x reference='../../a[2]/x'/></c><d reference='/r/a/x'/></r>";
        for (path, expected) in [
            ("r.c.x.p", "2"),
            ("r.c.x@class", "k"),
            ("r.d.p", "1"),
            ("r.c.x@reference", "../../a[2]/x"),
        ] {
            assert_eq!(value(text, path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_leads_nowhere_or_around_is_empty() {
        for text in [
            "<r><a reference='../b'/></r>",
            "<r><a reference='..'/></r>",
            "<r><a reference='../../..'/></r>",
            "<r><a reference='../a[0]'/></r>",
            "<r><a reference='../b'/><b reference='../a'/></r>",
        ] {
            assert_eq!(value(text, "r.a").as_deref(), Some(""), "{text}");
        }
    }
}
