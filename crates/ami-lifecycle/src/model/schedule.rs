//! In which order templates are baked: base templates first. Pure.

use std::collections::BTreeSet;

use crate::model::template::{Base, Template};

/// Templates in an order in which each comes after the one that it stands on, where that is
/// among them.
pub(crate) fn in_order<'t>(templates: &[&'t Template]) -> Vec<&'t Template> {
    let names: Vec<&str> = templates.iter().map(|it| it.name.as_str()).collect();
    let mut schedule = Schedule::new(templates);
    let mut ordered = Vec::new();
    while let Some(name) = schedule.begin() {
        schedule.done(&name, true);
        let index = names.iter().position(|it| *it == name);
        ordered.extend(index.map(|index| templates[index]));
    }
    ordered
}

/// What is to be baked, what is under way, and what can be begun.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Those that were not begun: each, and what it waits for.
    waiting: Vec<(String, Option<String>)>,
    under_way: BTreeSet<String>,
}

impl Schedule {
    /// Nothing is begun.
    #[must_use]
    pub fn new(templates: &[&Template]) -> Schedule {
        let below = |template: &&Template| match &template.base {
            Base::Template(below) if templates.iter().any(|it| it.name == *below) => {
                Some(below.clone())
            }
            _ => None,
        };
        let waiting = templates.iter().map(|it| (it.name.clone(), below(it))).collect();
        Schedule { waiting, under_way: BTreeSet::new() }
    }

    /// One that can be begun now, and counts as begun from here on.
    pub fn begin(&mut self) -> Option<String> {
        let pending: BTreeSet<&String> =
            self.waiting.iter().map(|(name, _)| name).chain(&self.under_way).collect();
        let free = |(_, below): &(String, Option<String>)| {
            below.as_ref().is_none_or(|below| !pending.contains(below))
        };
        let index = self.waiting.iter().position(free)?;
        let (name, _) = self.waiting.remove(index);
        self.under_way.insert(name.clone());
        Some(name)
    }

    /// One has ended. What is based on one that failed, or on one that is, is not baked: each
    /// of these and what it is based on is returned.
    pub fn done(&mut self, name: &str, well: bool) -> Vec<(String, String)> {
        self.under_way.remove(name);
        let mut skipped = Vec::new();
        let mut failed = if well { Vec::new() } else { vec![name.to_owned()] };
        while let Some(below) = failed.pop() {
            let stands = |(_, on): &mut (String, Option<String>)| on.as_ref() == Some(&below);
            for (above, _) in self.waiting.extract_if(.., |it| stands(it)) {
                failed.push(above.clone());
                skipped.push((above, below.clone()));
            }
        }
        skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::tests::template;

    fn on(name: &str, below: Option<&str>) -> Template {
        let base = below.map_or(Base::Ami("ami-1".into()), |it| Base::Template(it.into()));
        Template { name: name.into(), base, ..template() }
    }

    #[test]
    fn what_stands_on_another_waits_for_it_and_fails_with_it() {
        let all = [on("c", Some("b")), on("b", Some("a")), on("a", None), on("d", None)];
        let all: Vec<&Template> = all.iter().collect();
        let order: Vec<&str> = in_order(&all).iter().map(|it| it.name.as_str()).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
        let mut schedule = Schedule::new(&all);
        assert_eq!(schedule.begin().as_deref(), Some("a"));
        assert_eq!(schedule.begin().as_deref(), Some("d"));
        assert_eq!(schedule.begin(), None, "b waits for a");
        assert!(schedule.done("d", false).is_empty());
        let skipped = schedule.done("a", false);
        assert_eq!(skipped, [("b".into(), "a".into()), ("c".into(), "b".into())]);
        assert_eq!(schedule.begin(), None);
        // Alone it stands on what there is.
        assert_eq!(Schedule::new(&all[..1]).begin().as_deref(), Some("c"));
    }
}
