//! Whether the name of the next AMI is free. EC2 refuses a second AMI of one name, after the whole bake;
//! so it is looked up before an instance starts, and told by what only looks.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::ec2::client::{Cloud, any_of, filter};
use crate::ec2::error::CloudError;
use crate::model::facts::{ImageFacts, copied_by_hand};
use crate::model::fleet::Fleet;
use crate::model::lease::{IsGone, is_dead};
use crate::model::name_taken::NameTaken;
use crate::model::naming::{NameParts, Pattern};
use crate::model::resume::Busy;
use crate::model::tags;
use crate::model::template::{Namespace, Template};
use crate::model::unreadable::unreadable;
use crate::operations::error::BakeError;

/// As many names as one call asks for: a filter has at most 200 values.
const NAMES: usize = 100;

/// The name that a template's next AMI gets.
///
/// # Errors
/// When EC2 would refuse it.
pub fn next_name(
    fleet: &Fleet,
    namespace: &Namespace,
    pattern: &Pattern,
    template: &Template,
) -> Result<String, BakeError> {
    let generation = fleet.next_generation(&template.name);
    Ok(name_of(namespace, pattern, template, generation)?)
}

/// The name of a generation, if it is made today.
pub(super) fn name_of(
    namespace: &Namespace,
    pattern: &Pattern,
    template: &Template,
    generation: u64,
) -> Result<String, crate::model::naming::NamingError> {
    pattern.render(&NameParts {
        namespace: &namespace.0,
        template: &template.name,
        system: &template.system,
        os: &template.os,
        arch: template.arch.as_str(),
        date: today(),
        generation,
    })
}

/// Who has the name of each template's next AMI, in the first region.
///
/// # Errors
/// When a call fails.
pub(crate) async fn names_taken(
    cloud: &Cloud,
    fleet: &Fleet,
    namespace: &Namespace,
    pattern: &Pattern,
    templates: &[&Template],
) -> Result<BTreeMap<String, NameTaken>, CloudError> {
    let names = templates.iter().filter_map(|template| {
        // What EC2 would refuse is told by whoever reads the configuration.
        let name = next_name(fleet, namespace, pattern, template).ok()?;
        Some((name, *template))
    });
    let names: Vec<(String, &Template)> = names.collect();
    let mut taken = BTreeMap::new();
    for names in names.chunks(NAMES) {
        let filters = vec![any_of("name", names.iter().map(|(name, _)| name))];
        for image in cloud.images(Some("self"), filters).await? {
            for (_, template) in names.iter().filter(|(name, _)| *name == image.name) {
                let is_in_way = is_in_the_way(&image, namespace, template, pattern);
                let held = is_in_way.then(|| NameTaken::of(&image, namespace, None));
                taken.extend(held.map(|held| (template.name.clone(), held)));
            }
        }
    }
    Ok(taken)
}

/// Looks whether a template's next AMI can have a name, in each region that it is to be in.
///
/// # Errors
/// When another has it, or a call fails.
pub async fn check_name(
    cloud: &Cloud,
    namespace: &Namespace,
    pattern: &Pattern,
    template: &Template,
    name: &str,
) -> Result<(), BakeError> {
    let destinations = template.distribution.destinations.iter();
    let elsewhere = destinations.map(|it| Some(it.region.as_str()));
    let look = async |region: Option<&str>| {
        let there = region.map_or_else(|| cloud.clone(), |region| cloud.in_region(region));
        let images = there.images(Some("self"), vec![filter("name", name)]).await?;
        let in_way = images.iter().find(|it| is_in_the_way(it, namespace, template, pattern));
        in_way.map_or(Ok(()), |it| Err(BakeError::NameTaken(NameTaken::of(it, namespace, region))))
    };
    try_join_all([None].into_iter().chain(elsewhere).map(look)).await.map(drop)
}

/// What the template itself has left is gone on with or removed, and where names recur its AMI gives the
/// name up.
fn is_in_the_way(
    image: &ImageFacts,
    namespace: &Namespace,
    template: &Template,
    pattern: &Pattern,
) -> bool {
    let is = |key: &str, value: &str| image.tags.get(key).is_some_and(|it| it == value);
    let is_own = is(tags::NAMESPACE, &namespace.0)
        && is(tags::TEMPLATE, &template.name)
        && copied_by_hand(image).is_none()
        && unreadable(&image.tags).is_empty();
    let decides = [tags::PROMOTED, tags::QUARANTINED];
    let is_left = !decides.iter().any(|key| image.tags.get(*key).is_some_and(|it| !it.is_empty()))
        && !is(tags::LEASE, tags::NO_LEASE);
    !is_own || !(is_left || pattern.names_recur())
}

/// Who was quicker to make an AMI of a name: a bake of the same template that lives, or whoever has the
/// name now.
pub(super) fn quicker(
    image: &ImageFacts,
    namespace: &Namespace,
    template: &Template,
    is_gone: IsGone<'_>,
) -> BakeError {
    let tag = |key: &str| image.tags.get(key).cloned().unwrap_or_default();
    let is_same = tag(tags::NAMESPACE) == namespace.0 && tag(tags::TEMPLATE) == template.name;
    let lease = tag(tags::LEASE);
    let is_proven = !tag(tags::PROMOTED).is_empty() || lease == tags::NO_LEASE;
    let of_the_dead = || is_dead(&tag(tags::OWNER), Some(&lease), is_gone, Timestamp::now());
    if !is_same || is_proven || of_the_dead() {
        return BakeError::NameTaken(NameTaken::of(image, namespace, None));
    }
    BakeError::Busy(Busy {
        template: template.name.clone(),
        operator: tag(tags::OPERATOR),
        since: image.created.clone(),
        lease,
        resource: image.id.clone().into(),
    })
}

/// The day that names have, in UTC.
pub(super) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tags::Tags;
    use crate::model::template::tests::template;

    fn image(pairs: &[(&str, &str)]) -> ImageFacts {
        let pairs = pairs.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        let tags: Tags = pairs.collect();
        ImageFacts { id: "ami-1".into(), name: "x-1".into(), tags, ..ImageFacts::default() }
    }

    fn in_way(pairs: &[(&str, &str)], pattern: &str) -> Option<String> {
        let (image, template) = (image(pairs), template());
        let namespace = Namespace("ci".into());
        let pattern = Pattern::parse(pattern).unwrap();
        is_in_the_way(&image, &namespace, &template, &pattern)
            .then(|| NameTaken::of(&image, &namespace, None).to_string())
    }

    #[test]
    fn a_name_is_free_for_what_the_same_template_has_left() {
        let own = [(tags::NAMESPACE, "ci"), (tags::TEMPLATE, "agent"), (tags::GENERATION, "1")];
        let with = |more: (&'static str, &'static str)| [&own[..], &[more]].concat();
        let promoted = with((tags::PROMOTED, "2026-11-23T12:00:00Z"));
        let (recurs, counts) = ("{system}-{os}", "{system}-{generation}");
        assert_eq!(template().name, "agent");
        assert_eq!(in_way(&own, counts), None);
        assert_eq!(in_way(&promoted, recurs), None);
        let taken = "the name x-1 is taken: ami-1 has it, an AMI of template agent";
        assert_eq!(in_way(&promoted, counts).as_deref(), Some(taken));
        let waits = with((tags::LEASE, tags::NO_LEASE));
        assert_eq!(in_way(&waits, counts).as_deref(), Some(taken));
        for (key, value) in [(tags::GENERATION, "abc"), (tags::QUARANTINED, "2026-11-23T12:00:00Z")]
        {
            assert_eq!(in_way(&with((key, value)), counts).as_deref(), Some(taken));
        }
        assert!(in_way(&with((tags::GENERATION, "abc")), recurs).is_some());
        let other = [(tags::NAMESPACE, "c"), (tags::TEMPLATE, "agent")];
        let of_other =
            "the name x-1 is taken: ami-1 has it, an AMI of template agent in namespace c";
        for pattern in [recurs, counts] {
            assert_eq!(in_way(&other, pattern).as_deref(), Some(of_other));
            let nobody = "the name x-1 is taken: ami-1 has it, which amiable did not make";
            assert_eq!(in_way(&[], pattern).as_deref(), Some(nobody));
        }
    }
}
