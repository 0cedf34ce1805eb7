//! From what a template says of its base to one AMI that can be baked on.

use crate::bake::BakeError;
use crate::cloud::{Cloud, ImageFacts, filter};
use crate::fleet::Fleet;
use crate::template::{Base, Template};

/// Finds the base of a template and checks that it can be baked on.
///
/// # Errors
/// When there is none, it cannot be baked on, or a call fails.
pub async fn resolve_base(
    cloud: &Cloud,
    fleet: &Fleet,
    template: &Template,
) -> Result<ImageFacts, BakeError> {
    let image = match &template.base {
        Base::Ami(id) => by_id(cloud, id, &template.base).await?,
        Base::Newest { owner, name } => newest(cloud, owner, name, template).await?,
        Base::Ssm(parameter) => {
            let id = cloud.parameter(parameter).await?;
            by_id(cloud, &id, &template.base).await?
        }
        Base::Template(other) => {
            let missing = || BakeError::BaseNotBaked(other.clone());
            let current = fleet.current(other).ok_or_else(missing)?;
            by_id(cloud, &current.ami, &template.base).await?
        }
    };
    check(image, template)
}

async fn by_id(cloud: &Cloud, id: &str, base: &Base) -> Result<ImageFacts, BakeError> {
    let missing = || {
        let place = cloud.region();
        let told = match base {
            Base::Ami(_) => String::new(),
            other => format!(" ({other})"),
        };
        BakeError::NoBase(format!(
            "{id}{told} does not exist in {place}, or is not shared with this account"
        ))
    };
    cloud.image(id).await?.ok_or_else(missing)
}

/// The newest available image of the template's architecture.
async fn newest(
    cloud: &Cloud,
    owner: &str,
    name: &str,
    template: &Template,
) -> Result<ImageFacts, BakeError> {
    let filters = vec![
        filter("name", name),
        filter("state", "available"),
        filter("architecture", template.arch.as_str()),
    ];
    let images = cloud.images(Some(owner), filters).await?;
    pick_newest(images).ok_or_else(|| {
        BakeError::NoBase(format!(
            "owner {owner} has no available {} image whose name matches {name} in {}",
            template.arch,
            cloud.region()
        ))
    })
}

/// The newest one. Where both kinds are published, only the EBS-backed ones count.
fn pick_newest(images: Vec<ImageFacts>) -> Option<ImageFacts> {
    images.into_iter().max_by_key(|image| {
        (image.root_device_type == "ebs", image.created.clone(), image.id.clone())
    })
}

/// Only an EBS-backed image can be stopped and made into an image again.
fn check(image: ImageFacts, template: &Template) -> Result<ImageFacts, BakeError> {
    if image.root_device_type != "ebs" {
        return Err(BakeError::InstanceStoreBase { id: image.id, name: image.name });
    }
    if image.state != "available" {
        return Err(BakeError::BaseState { id: image.id, state: image.state });
    }
    if image.architecture != template.arch.as_str() {
        return Err(BakeError::BaseArchitecture {
            id: image.id,
            is: image.architecture,
            wanted: template.arch,
        });
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str, created: &str, kind: &str) -> ImageFacts {
        ImageFacts {
            id: id.into(),
            created: created.into(),
            root_device_type: kind.into(),
            ..ImageFacts::default()
        }
    }

    #[test]
    fn the_newest_ebs_image_wins_over_a_newer_instance_store_one() {
        let images = vec![
            image("ami-1", "2026-01-01T00:00:00.000Z", "ebs"),
            image("ami-2", "2026-03-01T00:00:00.000Z", "instance-store"),
            image("ami-3", "2026-02-01T00:00:00.000Z", "ebs"),
        ];
        assert_eq!(pick_newest(images).map(|image| image.id).as_deref(), Some("ami-3"));
        assert_eq!(pick_newest(Vec::new()), None);
    }
}
