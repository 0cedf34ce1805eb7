//! Two configurations that make one template: each would replace what the other has made current, and its
//! agents would be given the other's AMIs. Nothing tells them apart but where they have their scripts from.

use serde::{Serialize, Serializer};

use crate::model::ami::Ami;
use crate::model::template::Template;

/// The current AMI of a template was baked from another source than the configuration's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{ami}, which is current, was baked by {operator} from {from}, not from {to}")]
pub struct OtherSource {
    /// The AMI.
    pub ami: String,
    /// Who baked it.
    pub operator: String,
    /// Its source: kind and URL or path.
    pub from: String,
    /// The configuration's.
    pub to: String,
}

impl OtherSource {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "if another configuration bakes this template too, give one of them its own namespace: \
         their AMIs replace each other"
    }
}

impl Serialize for OtherSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Compares. The same content is the same source wherever it is checked out: `revision` is the
/// configuration's, where it is known. Pure.
pub(crate) fn other_source(
    template: &Template,
    current: &Ami,
    revision: Option<&str>,
) -> Option<OtherSource> {
    let (kind, url) = (template.source.kind().to_string(), template.source.recorded_url());
    let source = &current.source;
    // Before, a folder was recorded as the configuration names it, which tells nothing of where it was.
    if source.url.is_empty() || (source.kind == "path" && !source.url.starts_with('/')) {
        return None;
    }
    let is_same = (source.kind == kind && source.url == url) || Some(&*source.revision) == revision;
    (!is_same).then(|| OtherSource {
        ami: current.ami.clone().into(),
        operator: current.operator.clone(),
        from: format!("{} {}", source.kind, source.url),
        to: format!("{kind} {url}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::ImageFacts;
    use crate::model::template::tests::template;

    #[test]
    fn the_same_content_is_the_same_source() {
        let template = template();
        let facts = ImageFacts { id: "ami-1".into(), ..ImageFacts::default() };
        let mut current = Ami::read(facts, "us-east-1");
        current.source.kind = "path".into();
        current.source.url = "/other".into();
        current.source.revision = "r1".into();
        let other = other_source(&template, &current, Some("r2")).unwrap();
        assert!(
            other.to_string().ends_with("from path /other, not from path /nonexistent"),
            "{other}"
        );
        assert_eq!(other_source(&template, &current, Some("r1")), None);
        assert!(other_source(&template, &current, None).is_some());
        current.source.url = "/nonexistent".into();
        assert_eq!(other_source(&template, &current, Some("r2")), None);
        for of_before in ["", "init"] {
            current.source.url = of_before.into();
            assert_eq!(other_source(&template, &current, Some("r2")), None);
        }
    }
}
