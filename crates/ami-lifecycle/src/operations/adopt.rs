//! AMIs that others have baked become a template's, so that what holds for its AMIs holds for them.

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::facts::ImageFacts;
use crate::model::fleet::{Fleet, Mode, Refusal};
use crate::model::id::AmiId;
use crate::model::ownership::new_bake;
use crate::model::resume::{self, Busy};
use crate::model::tags::{self, Tags};
use crate::model::template::{Base, Namespace, Template};
use crate::operations::claim::Actor;

/// AMIs that are to become a template's.
#[derive(Clone, Copy)]
pub struct AdoptRequest<'a> {
    /// The account in the template's first region.
    pub cloud: &'a Cloud,
    /// The configuration's namespace.
    pub namespace: &'a Namespace,
    /// The template.
    pub template: &'a Template,
    /// The AMIs.
    pub amis: &'a [AmiId],
    /// Who adopts them.
    pub actor: Actor<'a>,
    /// The version of amiable.
    pub version: &'a str,
}

/// What an AMI is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Its id.
    pub ami: AmiId,
    /// Its name, which it keeps.
    pub name: String,
    /// When it was created (RFC 3339).
    pub created: String,
    /// Its generation.
    pub generation: u64,
    /// Since when it counts as made current.
    pub promoted: Timestamp,
    /// It is the template's current AMI then.
    pub is_current: bool,
    image: ImageFacts,
}

/// Why no AMI was adopted.
#[derive(Debug, Error)]
pub enum NotAdopted {
    /// There is no such AMI.
    #[error("{0} does not exist in this region, or is not shared with this account")]
    Missing(AmiId),
    /// It belongs to another account.
    #[error("{ami} belongs to account {owner}: only the account's own AMIs can be adopted")]
    Others {
        /// Which.
        ami: AmiId,
        /// Whose it is.
        owner: String,
    },
    /// amiable manages it already.
    #[error("{ami} is an AMI of template {template} in namespace {namespace} already")]
    Managed {
        /// Which.
        ami: AmiId,
        /// Of which template.
        template: String,
        /// In which namespace.
        namespace: String,
    },
    /// The template is based on it, or would be.
    #[error(
        "template {template} is based on {ami}: adopt it with a template that is based on another AMI"
    )]
    Base {
        /// Which.
        ami: AmiId,
        /// Of which template.
        template: String,
    },
    /// It cannot be the template's.
    #[error("{ami} is {is}, and template {template} needs {wants}")]
    Unfit {
        /// Which.
        ami: AmiId,
        /// What it is.
        is: String,
        /// Of which template.
        template: String,
        /// What it has to be.
        wants: String,
    },
    /// The template's AMIs do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Somebody is baking the template.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// What was to be done has changed since it was shown.
    #[error("{0} has changed since it was looked at: nothing was adopted")]
    Changed(AmiId),
    /// A call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

/// What is to be adopted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdoptionPlan {
    /// The AMIs, the oldest first.
    pub adoptions: Vec<Adoption>,
    /// Those that are the template's already.
    pub done: Vec<AmiId>,
}

/// Decides what each AMI is to become.
///
/// # Errors
/// When one of them cannot be adopted, or what there is could not be looked up.
pub async fn plan_adoption(request: &AdoptRequest<'_>) -> Result<AdoptionPlan, NotAdopted> {
    let AdoptRequest { cloud, namespace, template, amis, actor, .. } = *request;
    let account = cloud.identity().await?.account;
    let (mut images, mut done) = (Vec::new(), Vec::new());
    for ami in amis {
        let image = cloud.shared_image(ami).await?;
        let image = image.ok_or_else(|| NotAdopted::Missing(ami.clone()))?;
        let is = |key: &str, value: &str| image.tags.get(key).map(String::as_str) == Some(value);
        if is(tags::NAMESPACE, &namespace.0) && is(tags::TEMPLATE, &template.name) {
            done.push(ami.clone());
            continue;
        }
        check(&image, template, &account)?;
        images.push(image);
    }
    let fleet = cloud.fleet(namespace).await?;
    let machines = cloud.machines(namespace, &template.name).await?;
    let now = Timestamp::now();
    if let Some(busy) = resume::busy(&fleet, &machines, &template.name, actor.is_gone, now) {
        return Err(busy.into());
    }
    let adoptions = decide(&fleet, template, images, now)?;
    Ok(AdoptionPlan { adoptions, done })
}

/// Whether an image can be the template's. Pure.
fn check(image: &ImageFacts, template: &Template, account: &str) -> Result<(), NotAdopted> {
    let ami = image.id.clone();
    if image.owner != account {
        return Err(NotAdopted::Others { ami, owner: image.owner.clone() });
    }
    if let Some(namespace) = image.tags.get(tags::NAMESPACE) {
        let template = image.tags.get(tags::TEMPLATE).cloned().unwrap_or_default();
        return Err(NotAdopted::Managed { ami, template, namespace: namespace.clone() });
    }
    let is_base = match &template.base {
        Base::Ami(id) => *id == image.id,
        Base::Newest(filter) => filter.is_of(account) && filter.has(image),
        Base::Ssm(_) | Base::Template(_) => false,
    };
    let unfit = |is: &str, wants: &str| {
        let (is, wants, template) = (is.to_owned(), wants.to_owned(), template.name.clone());
        Err(NotAdopted::Unfit { ami: image.id.clone(), is, template, wants })
    };
    match (image.state.as_str(), image.root_device_type.as_str(), image.architecture.as_str()) {
        (state, ..) if state != "available" => unfit(state, "an available AMI"),
        (_, kind, _) if kind != "ebs" => unfit(kind, "an EBS-backed AMI"),
        (.., arch) if arch != template.arch.as_str() => unfit(arch, template.arch.as_str()),
        _ if is_base => Err(NotAdopted::Base { ami, template: template.name.clone() }),
        _ => Ok(()),
    }
}

/// Each counts as made current when it was created. None becomes current in place of one that is so
/// already: that is for `rollback`. Pure.
fn decide(
    fleet: &Fleet,
    template: &Template,
    mut images: Vec<ImageFacts>,
    now: Timestamp,
) -> Result<Vec<Adoption>, Refusal> {
    images.sort_by(|one, other| (&one.created, &one.id).cmp(&(&other.created, &other.id)));
    images.dedup_by(|one, other| one.id == other.id);
    let first = fleet.decide(&template.name, Mode::Update)?;
    let since = fleet.current(&template.name).and_then(|current| current.promoted_at());
    let count = images.len();
    let adoption = |(place, image): (usize, ImageFacts)| {
        let created = image.created.parse().unwrap_or(now);
        // The later of two has the later time, even where EC2 tells the same of both.
        let before = SignedDuration::from_millis((count - place) as i64);
        let latest = since.unwrap_or(now).checked_sub(before).unwrap_or(now);
        Adoption {
            ami: image.id.clone(),
            name: image.name.clone(),
            created: image.created.clone(),
            generation: first + place as u64,
            promoted: latest.min(created),
            is_current: since.is_none() && place + 1 == count,
            image,
        }
    };
    Ok(images.into_iter().enumerate().map(adoption).collect())
}

/// Adopts them, once they have been looked at again.
///
/// # Errors
/// When something has changed since `planned`, or a call failed. A repeat does what is left.
pub async fn adopt_amis(
    request: &AdoptRequest<'_>,
    planned: &AdoptionPlan,
    mut told: impl FnMut(&Adoption),
) -> Result<(), NotAdopted> {
    let again = plan_adoption(request).await?;
    for (one, other) in planned.adoptions.iter().zip(&again.adoptions) {
        if one != other {
            return Err(NotAdopted::Changed(one.ami.clone()));
        }
    }
    // The newest first: it is current from then on, whatever becomes of the others.
    for adoption in again.adoptions.iter().rev() {
        // The image's tags come last, in one write: with them it is a whole member of the fleet.
        let tags = tags_of(request, adoption);
        let snapshots = adoption.image.block_devices.iter().map(|it| it.snapshot.as_str());
        let snapshots: Vec<&str> = snapshots.collect();
        let mut of_snapshot = tags.clone();
        for key in [tags::PROMOTED, tags::REASON, tags::ADOPTED] {
            of_snapshot.remove(key);
        }
        if !snapshots.is_empty() {
            request.cloud.tag(&snapshots, &of_snapshot).await?;
        }
        request.cloud.tag(std::slice::from_ref(&adoption.ami), &tags).await?;
        told(adoption);
    }
    Ok(())
}

/// What a bake of the template would have written of it, as far as that is known.
fn tags_of(request: &AdoptRequest<'_>, adoption: &Adoption) -> Tags {
    let AdoptRequest { namespace, template, actor, version, .. } = *request;
    let Actor { operator, owner, .. } = actor;
    let mut all = tags::of([
        (tags::NAMESPACE, namespace.0.clone()),
        (tags::TEMPLATE, template.name.clone()),
        (tags::SYSTEM, template.system.clone()),
        (tags::OS, template.os.clone()),
        (tags::GENERATION, adoption.generation.to_string()),
        (tags::BAKE, new_bake()),
        (tags::STAGE, resume::IMAGED.to_owned()),
        (tags::LEASE, tags::NO_LEASE.to_owned()),
        (tags::OWNER, owner.to_owned()),
        (tags::OPERATOR, operator.to_owned()),
        (tags::VERSION, version.to_owned()),
        (tags::ADOPTED, adoption.ami.to_string()),
        (tags::PROMOTED, adoption.promoted.to_string()),
        (tags::REASON, format!("adopted by {operator}")),
    ]);
    if let Some(base) = &adoption.image.source_image {
        all.insert(tags::BASE.to_owned(), base.to_string());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ami::Ami;
    use crate::model::template::ImageFilter;
    use crate::model::template::tests::template;
    use std::collections::BTreeMap;

    fn image(id: &str, created: &str) -> ImageFacts {
        ImageFacts {
            id: id.into(),
            created: created.into(),
            owner: "1".into(),
            state: "available".into(),
            root_device_type: "ebs".into(),
            architecture: "x86_64".into(),
            ..ImageFacts::default()
        }
    }

    const NOW: &str = "2026-11-30T12:00:00Z";

    #[test]
    fn the_newest_is_current_unless_the_template_has_one() {
        let images = vec![
            image("ami-2", "2026-11-02T00:00:00.000Z"),
            image("ami-3", "2026-11-20T00:00:00.000Z"),
            image("ami-1", "2026-11-02T00:00:00.000Z"),
        ];
        let told = |fleet: &Fleet| -> Vec<String> {
            let now = NOW.parse().unwrap();
            let all = decide(fleet, &template(), images.clone(), now).unwrap();
            let text = |it: &Adoption| {
                format!("{} {} {} {}", it.ami, it.generation, it.promoted, it.is_current)
            };
            all.iter().map(text).collect()
        };
        assert_eq!(
            told(&Fleet::new(Vec::new())),
            [
                "ami-1 1 2026-11-02T00:00:00Z false",
                "ami-2 2 2026-11-02T00:00:00Z false",
                "ami-3 3 2026-11-20T00:00:00Z true"
            ]
        );
        let mut facts = image("ami-9", "2026-11-10T00:00:00.000Z");
        facts.tags = tags::of([
            (tags::TEMPLATE, "agent".into()),
            (tags::GENERATION, "4".into()),
            (tags::PROMOTED, "2026-11-10T00:00:00Z".into()),
            (tags::LEASE, tags::NO_LEASE.into()),
        ]);
        let current = Ami::read(facts, "us-east-1");
        assert_eq!(
            told(&Fleet::new(vec![current])),
            [
                "ami-1 5 2026-11-02T00:00:00Z false",
                "ami-2 6 2026-11-02T00:00:00Z false",
                "ami-3 7 2026-11-09T23:59:59.999Z false"
            ]
        );
    }

    #[test]
    fn what_cannot_be_the_templates_is_refused() {
        let mut foreign = image("ami-1", NOW);
        foreign.owner = "2".into();
        let mut managed = image("ami-1", NOW);
        managed.tags.insert(tags::NAMESPACE.into(), "ci".into());
        let arm = ImageFacts { architecture: "arm64".into(), ..image("ami-1", NOW) };
        let pending = ImageFacts { state: "pending".into(), ..image("ami-1", NOW) };
        let texts: Vec<String> = [foreign, managed, arm, pending]
            .iter()
            .map(|it| check(it, &template(), "1").unwrap_err().to_string())
            .collect();
        assert_eq!(
            texts,
            [
                "ami-1 belongs to account 2: only the account's own AMIs can be adopted",
                "ami-1 is an AMI of template  in namespace ci already",
                "ami-1 is arm64, and template agent needs x86_64",
                "ami-1 is pending, and template agent needs an available AMI"
            ]
        );
        assert!(check(&image("ami-1", NOW), &template(), "1").is_ok());
        let based = |owner: &str, name: &str| {
            let (owner, name, tags) = (owner.into(), name.into(), BTreeMap::new());
            Template { base: Base::Newest(ImageFilter { owner, name, tags }), ..template() }
        };
        let own = ImageFacts { name: "debian-12".into(), ..image("ami-1", NOW) };
        for (owner, name, is_base) in [
            ("self", "debian-*", true),
            ("1", "debian-*", true),
            ("amazon", "debian-*", false),
            ("self", "web-*", false),
        ] {
            let refused = check(&own, &based(owner, name), "1").is_err();
            assert_eq!(refused, is_base, "{owner} {name}");
        }
    }
}
