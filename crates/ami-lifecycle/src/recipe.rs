//! A digest of all that decides on what is in an AMI: what a dead bake has left is gone
//! on with only when it was made to the same recipe.

use sha2::{Digest, Sha256};

use crate::template::Template;

/// The digest. `content` is the revision of the checkout, or the digest of a folder.
pub(crate) fn recipe(template: &Template, base: &str, content: &str) -> String {
    let Template { source, script, run_as, volume_size, user_data, seal, agent, .. } = template;
    let Template { metadata, description, .. } = template;
    let place = (source.kind(), source.url(), &source.repository, content);
    let doing = (script, run_as, volume_size, user_data, seal, agent);
    digest(&format!("{:?}", (base, place, doing, metadata, description)))
}

/// The first 16 hexadecimal digits of a text's SHA-256.
pub(crate) fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::tests::template;

    #[test]
    fn what_decides_on_the_contents_changes_the_recipe_and_nothing_else_does() {
        let first = recipe(&template(), "ami-1", "r1");
        assert_eq!(first.len(), 16);
        assert_ne!(first, recipe(&template(), "ami-2", "r1"));
        assert_ne!(first, recipe(&template(), "ami-1", "r2"));
        let script = Template { script: "other".into(), ..template() };
        assert_ne!(first, recipe(&script, "ami-1", "r1"));
        let elsewhere = Template { instance_type: "m5.large".into(), ..template() };
        assert_eq!(first, recipe(&elsewhere, "ami-1", "r1"));
    }
}
