//! From what a template says of its base to one AMI that can be baked on; and the same for
//! many templates in few calls.

use std::collections::{BTreeMap, BTreeSet};

use crate::ec2::client::{Cloud, filter, matching, matching_any};
use crate::ec2::error::CloudError;
use crate::ec2::parameters::PARAMETERS;
use crate::model::facts::ImageFacts;
use crate::model::fleet::{Fleet, Refusal};
use crate::model::id::AmiId;
use crate::model::launch_spec::FurtherVolume;
use crate::model::template::{Architecture, Base, ImageFilter, Template};
use crate::operations::error::BakeError;

/// Finds the base of a template and checks that it can be baked on.
///
/// # Errors
/// When there is none, it cannot be baked on, or a call fails.
pub async fn resolve_base(
    cloud: &Cloud,
    fleet: &Fleet,
    template: &Template,
) -> Result<ImageFacts, BakeError> {
    resolve(cloud, fleet, template, None).await
}

/// `below` is the current AMI of the template that it is based on, where it is known better
/// than EC2 may show it yet.
pub(super) async fn resolve(
    cloud: &Cloud,
    fleet: &Fleet,
    template: &Template,
    below: Option<&str>,
) -> Result<ImageFacts, BakeError> {
    let image = match &template.base {
        Base::Ami(id) => by_id(cloud, id, &template.base).await?,
        Base::Newest(choice) => {
            let found = newest(cloud, choice, template.arch).await?;
            found.ok_or_else(|| none_of(cloud, choice, template.arch))?
        }
        Base::Ssm(parameter) => {
            let id = cloud.parameter(parameter).await?;
            by_id(cloud, &id, &template.base).await?
        }
        Base::Template(other) => {
            let missing = || match fleet.in_doubt(other) {
                Some(doubt) => BakeError::Refused(Refusal::InDoubt(doubt)),
                None => BakeError::BaseNotBaked(other.clone()),
            };
            let current = fleet.current(other).map(|current| current.ami.as_str());
            by_id(cloud, below.or(current).ok_or_else(missing)?, &template.base).await?
        }
    };
    check(image, template)
}

/// As many names as one call asks for: a filter has at most 200 values.
const NAMES: usize = 100;

/// What the bases of many templates lead to now.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewestBases {
    /// By owner, those whose names were asked for.
    images: BTreeMap<String, Result<Vec<ImageFacts>, CloudError>>,
    /// By the parameter's name; `None` for one that does not exist.
    parameters: BTreeMap<String, Result<Option<String>, CloudError>>,
}

impl NewestBases {
    /// Looks up what the bases of some templates name: one call for each owner of AMIs, and
    /// one for ten parameters. What is named by id needs none.
    pub(crate) async fn look_up(cloud: &Cloud, templates: &[&Template]) -> NewestBases {
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut parameters = BTreeSet::new();
        for template in templates {
            match &template.base {
                Base::Newest(it) => drop(names.entry(&it.owner).or_default().insert(&it.name)),
                Base::Ssm(parameter) => drop(parameters.insert(parameter.clone())),
                Base::Ami(_) | Base::Template(_) => {}
            }
        }
        let mut found = NewestBases::default();
        for (owner, names) in names {
            let names: Vec<String> = names.into_iter().map(String::from).collect();
            let images = by_names(cloud, owner, &names).await;
            found.images.insert(owner.to_owned(), images);
        }
        let parameters: Vec<String> = parameters.into_iter().collect();
        // One that cannot be read fails those that are asked with it, and no others.
        for names in parameters.chunks(PARAMETERS) {
            let values = cloud.parameters(names).await;
            for name in names {
                let value = values.as_ref().map(|values| values.get(name).cloned().flatten());
                found.parameters.insert(name.clone(), value.map_err(CloudError::clone));
            }
        }
        found
    }

    /// The id of a template's base, and its name where that is known.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub(crate) fn of(
        &self,
        template: &Template,
        fleet: &Fleet,
    ) -> Result<(AmiId, Option<String>), String> {
        match &template.base {
            Base::Ami(id) => Ok((id.clone(), None)),
            Base::Newest(choice) => {
                let images = match self.images.get(&choice.owner) {
                    Some(Err(error)) => return Err(error.to_string()),
                    Some(Ok(images)) => images.as_slice(),
                    None => &[],
                };
                let fits = |image: &&ImageFacts| {
                    image.architecture == template.arch.as_str() && choice.has(image)
                };
                let newest = pick_newest(images.iter().filter(fits).cloned().collect());
                let none = || format!("no available AMI matches {choice}");
                newest.map(|image| (image.id, Some(image.name))).ok_or_else(none)
            }
            Base::Ssm(parameter) => {
                let id = match self.parameters.get(parameter) {
                    Some(Err(error)) => return Err(error.to_string()),
                    Some(Ok(id)) => id.clone(),
                    None => None,
                };
                id.map(|id| (AmiId::answered(id), None))
                    .ok_or_else(|| format!("there is no parameter {parameter}"))
            }
            Base::Template(other) => {
                let current = fleet.current(other);
                let doubt = || fleet.in_doubt(other).map(|doubt| doubt.to_string());
                let none =
                    || doubt().unwrap_or_else(|| format!("template {other} has no current AMI"));
                current.map(|it| (it.ami.clone(), Some(it.name.clone()))).ok_or_else(none)
            }
        }
    }
}

/// The available images of an owner that have one of these names.
async fn by_names(
    cloud: &Cloud,
    owner: &str,
    names: &[String],
) -> Result<Vec<ImageFacts>, CloudError> {
    let mut images = Vec::new();
    for names in names.chunks(NAMES) {
        let filters = vec![matching_any("name", names), filter("state", "available")];
        images.extend(cloud.offered_images(owner, filters).await?);
    }
    Ok(images)
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
    cloud.shared_image(id).await?.ok_or_else(missing)
}

/// The newest available image of an architecture.
pub(super) async fn newest(
    cloud: &Cloud,
    choice: &ImageFilter,
    arch: Architecture,
) -> Result<Option<ImageFacts>, CloudError> {
    let ImageFilter { owner, name, tags } = choice;
    let mut filters = vec![
        matching("name", name),
        filter("state", "available"),
        filter("architecture", arch.as_str()),
    ];
    filters.extend(tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), value)));
    let question = format!("{choice} {arch}");
    let read = async || Ok(pick_newest(cloud.offered_images(owner, filters).await?));
    cloud.newest_images().get(&question, read).await
}

fn none_of(cloud: &Cloud, choice: &ImageFilter, arch: Architecture) -> BakeError {
    let region = cloud.region();
    BakeError::NoBase(format!("no available {arch} AMI matches {choice} in {region}"))
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
        return Err(BakeError::InstanceStoreBase { id: image.id.into(), name: image.name });
    }
    if image.state != "available" {
        return Err(BakeError::BaseState { id: image.id.into(), state: image.state });
    }
    if image.architecture != template.arch.as_str() {
        return Err(BakeError::BaseArchitecture {
            id: image.id.into(),
            is: image.architecture,
            wanted: template.arch,
        });
    }
    let is_root = |it: &&FurtherVolume| it.device == image.root_device_name;
    if let Some(volume) = template.launch.volumes.iter().find(is_root) {
        let device = volume.device.clone();
        return Err(BakeError::RootDevice { device, id: image.id.into() });
    }
    // Images may leave `/dev/` out.
    let short = |name: &str| name.trim_start_matches("/dev/").to_owned();
    let is_taken =
        |it: &&FurtherVolume| image.ebs_devices.iter().any(|own| short(own) == short(&it.device));
    if let Some(volume) = template.launch.volumes.iter().find(is_taken) {
        let device = volume.device.clone();
        return Err(BakeError::DeviceOfBase { device, id: image.id.into() });
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

    #[test]
    fn a_volume_is_not_where_the_base_has_one() {
        use crate::model::launch_spec::VolumeSpec;
        let mut template = crate::model::template::tests::template();
        let (device, snapshot) = ("/dev/sdf".to_owned(), None);
        let volume = FurtherVolume { device, spec: VolumeSpec::default(), snapshot, keep: true };
        template.launch.volumes = vec![volume];
        let base = |devices: &[&str]| ImageFacts {
            state: "available".into(),
            architecture: template.arch.as_str().into(),
            root_device_name: "/dev/xvda".into(),
            ebs_devices: devices.iter().map(|it| (*it).to_owned()).collect(),
            ..image("ami-1", "2026-01-01T00:00:00.000Z", "ebs")
        };
        assert!(check(base(&["/dev/xvda"]), &template).is_ok());
        for other in ["/dev/sdf", "sdf"] {
            let refused = check(base(&["/dev/xvda", other]), &template).unwrap_err().to_string();
            assert!(refused.contains("/dev/sdf, where the base AMI ami-1 has a"), "{refused}");
        }
    }
}
