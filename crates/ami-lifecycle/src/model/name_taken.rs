//! An AMI that has the name which the next one of a template is to have.

use crate::model::facts::ImageFacts;
use crate::model::tags;
use crate::model::template::Namespace;

/// An AMI has the name that the next one of a template is to have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {name} is taken: {image}{} has it, {holder}", place(region.as_deref()))]
pub struct NameTaken {
    /// The name.
    pub name: String,
    /// Who has it.
    pub image: String,
    /// In which region, where that is not the first.
    pub region: Option<String>,
    /// Whose that is.
    pub holder: NameHolder,
}

impl NameTaken {
    pub(crate) fn of(image: &ImageFacts, namespace: &Namespace, region: Option<&str>) -> NameTaken {
        let tag = |key: &str| image.tags.get(key).cloned().unwrap_or_default();
        let (theirs, template) = (tag(tags::NAMESPACE), tag(tags::TEMPLATE));
        let holder = match theirs.as_str() {
            "" => NameHolder::Others,
            same if same == namespace.0 => NameHolder::Template { template },
            _ => NameHolder::Namespace { namespace: theirs, template },
        };
        let (name, image) = (image.name.clone(), image.id.clone());
        NameTaken { name, image: image.into(), region: region.map(String::from), holder }
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> String {
        match &self.holder {
            NameHolder::Namespace { .. } => {
                "with {namespace} in `pattern` under [naming], names in different namespaces differ"
                    .into()
            }
            NameHolder::Template { template } => format!(
                "`amiable list --template {template}` shows it; with {{template}} and \
                 {{generation}} in `pattern` under [naming], names do not recur"
            ),
            NameHolder::Others => format!(
                "choose another `pattern` under [naming], or delete {} if it is yours",
                self.image
            ),
        }
    }
}

fn place(region: Option<&str>) -> String {
    region.map(|region| format!(" in {region}")).unwrap_or_default()
}

/// Whose an AMI is that has a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameHolder {
    /// amiable did not make it.
    #[error("which amiable did not make")]
    Others,
    /// Another namespace's.
    #[error("an AMI of template {template} in namespace {namespace}")]
    Namespace {
        /// The namespace.
        namespace: String,
        /// The template.
        template: String,
    },
    /// Of the same namespace.
    #[error("an AMI of template {template}")]
    Template {
        /// The template.
        template: String,
    },
}
