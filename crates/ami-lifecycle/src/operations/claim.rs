//! A deletion under way, as a tag on what goes.
//!
//! Whoever deletes writes the tag and looks again. Whoever makes an AMI current, or goes on with what a
//! dead bake has left, writes that and looks again. So of two at once at least one sees the other and
//! steps back; when both do, nothing has happened, and either can be repeated.

use std::time::Duration;

use jiff::Timestamp;

use crate::ec2::action::Action;
use crate::ec2::client::{Cloud, filter};
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::model::ami::Ami;
use crate::model::facts::ImageFacts;
use crate::model::fleet::Fleet;
use crate::model::lease::IsGone;
use crate::model::standing::{Standing, deleter};
use crate::model::tags::{self, Tags};
use crate::model::template::Namespace;
use crate::operations::objection::Objection;

/// How long a deletion may take once it is claimed. One whose process was killed on another machine
/// keeps others away for as long.
const CLAIM: Duration = Duration::from_secs(15 * 60);

/// How often, and how far apart, a tag is looked for that was just written: EC2 may be late with it
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Who changes what there is.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    /// Who asks, as `user@host`.
    pub operator: &'a str,
    /// The process that asks, as others can tell whether it still lives.
    pub owner: &'a str,
    /// Tells whether the process of an owner has ended for certain.
    pub is_gone: IsGone<'a>,
}

/// Why something was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum NotDeleted {
    /// Somebody else deletes it.
    #[error("{operator} is deleting it")]
    Claimed {
        /// Who, as `user@host`.
        operator: String,
    },
    /// It was made current, verified, or gone on with.
    #[error("it has come into use since it was checked")]
    InUse,
    /// Something speaks against it, or has come to since it was looked at.
    #[error("{0}")]
    Objected(Objection),
    /// It is the only way to find its copies.
    #[error("not all of its copies are deleted")]
    CopiesLeft,
    /// What was current before it is gone.
    #[error("it has become the current AMI of template {0} since it was checked")]
    Current(String),
    /// A call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

/// Why an AMI was not made current, or what a dead bake has left was not gone on with.
#[derive(Debug, thiserror::Error)]
pub enum NotPromoted {
    /// Somebody deletes it.
    #[error("{operator} is deleting {id}")]
    BeingDeleted {
        /// The AMI or instance.
        id: String,
        /// Who, as `user@host`.
        operator: String,
    },
    /// It is not there any more.
    #[error("{0} no longer exists")]
    Gone(String),
    /// A call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

/// What is claimed before it goes; all else is nobody's to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Image(&'a str),
    Instance(&'a str),
}

impl<'a> Target<'a> {
    fn id(self) -> &'a str {
        match self {
            Target::Image(id) | Target::Instance(id) => id,
        }
    }

    fn being_deleted(self, operator: String) -> NotPromoted {
        NotPromoted::BeingDeleted { id: self.id().to_owned(), operator }
    }

    /// The tags that it has now; `None` when it is gone.
    async fn tags(self, cloud: &Cloud) -> Result<Option<Tags>, CloudError> {
        Ok(match self {
            Target::Image(id) => cloud.image(id).await?.map(|image| image.tags),
            Target::Instance(id) => {
                let found = cloud.live_instances(vec![filter("instance-id", id)]).await?;
                found.into_iter().next().map(|it| it.tags)
            }
        })
    }

    /// The same of what may have been made a moment ago: EC2 may not know it everywhere yet.
    async fn known_tags(self, cloud: &Cloud) -> Result<Option<Tags>, CloudError> {
        for _ in 0..LOOKS / 2 {
            if let Some(tags) = self.tags(cloud).await? {
                return Ok(Some(tags));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(None)
    }

    async fn write(self, cloud: &Cloud, tags: &Tags) -> Result<bool, CloudError> {
        match cloud.tag(&[self.id().to_owned()], tags).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The tags, once one of them is seen that was just written, or another in its place; `None` when
    /// it is gone.
    async fn once_seen(
        self,
        cloud: &Cloud,
        before: &Tags,
        (key, value): (&str, &str),
    ) -> Result<Option<Tags>, CloudError> {
        for _ in 0..LOOKS {
            let Some(tags) = self.known_tags(cloud).await? else { return Ok(None) };
            let now = tags.get(key).map(String::as_str);
            if now == Some(value) || now != before.get(key).map(String::as_str) {
                return Ok(Some(tags));
            }
            tokio::time::sleep(PAUSE).await;
        }
        let text = format!("the tag {key} written on {} does not show up", self.id());
        Err(CloudError::answer(Action::CreateTags, text))
    }
}

/// A claim that stands.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    target: Target<'a>,
    value: String,
    /// What it has besides.
    tags: Tags,
}

/// Claims something and does `act`; the claim is taken back where that fails. `None`: it was gone already.
async fn with_claim<'t>(
    cloud: &Cloud,
    target: Target<'t>,
    decided: &Standing,
    actor: Actor<'_>,
    act: impl AsyncFnOnce(&Claim<'t>) -> Result<(), NotDeleted>,
) -> Result<Option<Claim<'t>>, NotDeleted> {
    let Some(claim) = claim(cloud, target, decided, actor).await? else { return Ok(None) };
    match act(&claim).await {
        Ok(()) => Ok(Some(claim)),
        Err(error) => {
            withdraw(cloud, claim.target, &claim.value).await;
            Err(error)
        }
    }
}

/// Claims something and ends it by `end`. `false`: it was gone already.
pub(crate) async fn delete_claimed<'t>(
    cloud: &Cloud,
    target: Target<'t>,
    decided: &Standing,
    actor: Actor<'_>,
    end: impl AsyncFnOnce(&Claim<'t>) -> Result<(), NotDeleted>,
) -> Result<bool, NotDeleted> {
    Ok(with_claim(cloud, target, decided, actor, end).await?.is_some())
}

/// Claims something and changes it by `change`, so that it stays. What is gone already is left.
pub(crate) async fn change_claimed<'t>(
    cloud: &Cloud,
    target: Target<'t>,
    decided: &Standing,
    actor: Actor<'_>,
    change: impl AsyncFnOnce(&Claim<'t>) -> Result<(), NotDeleted>,
) -> Result<(), NotDeleted> {
    match with_claim(cloud, target, decided, actor, change).await? {
        Some(claim) => Ok(take_back(cloud, claim.target, &claim.value).await?),
        None => Ok(()),
    }
}

/// Takes a claim back, where it is not another's by now.
async fn take_back(cloud: &Cloud, target: Target<'_>, value: &str) -> Result<(), CloudError> {
    let none = tags::of([(tags::DELETING, String::new())]);
    let tags = target.tags(cloud).await?;
    if tags.is_some_and(|tags| tags.get(tags::DELETING).is_some_and(|it| it == value)) {
        target.write(cloud, &none).await?;
    }
    Ok(())
}

/// It is not deleted after all, and why is told: when its claim cannot be taken back, that ends by itself.
async fn withdraw(cloud: &Cloud, target: Target<'_>, value: &str) {
    if let Err(error) = take_back(cloud, target, value).await {
        tracing::warn!("{} stays claimed for deletion: {error}", target.id());
    }
}

/// An image that was restored does not count as being deleted any more. `false`: it did not.
pub(crate) async fn forget_claim(cloud: &Cloud, image: &ImageFacts) -> Result<bool, CloudError> {
    if image.tags.get(tags::DELETING).is_none_or(String::is_empty) {
        return Ok(false);
    }
    let none = tags::of([(tags::DELETING, String::new())]);
    Target::Image(&image.id).write(cloud, &none).await
}

/// Claims something for deletion, if all is as it was when that was decided; `None` when it is gone
/// already.
async fn claim<'t>(
    cloud: &Cloud,
    target: Target<'t>,
    decided: &Standing,
    actor: Actor<'_>,
) -> Result<Option<Claim<'t>>, NotDeleted> {
    let Some(before) = target.tags(cloud).await? else { return Ok(None) };
    let now = Timestamp::now();
    check(&before, decided)?;
    if let Some(operator) = deleter(&before, actor.is_gone, now) {
        return Err(NotDeleted::Claimed { operator });
    }
    let until = now.checked_add(CLAIM).unwrap_or(Timestamp::MAX);
    let value = tags::fit(&format!("{until} {} {}", actor.owner, actor.operator));
    let own = tags::of([(tags::DELETING, value.clone())]);
    if !target.write(cloud, &own).await? {
        return Ok(None);
    }
    let seen = match target.once_seen(cloud, &before, (tags::DELETING, &value)).await {
        Ok(seen) => seen,
        Err(error) => {
            withdraw(cloud, target, &value).await;
            return Err(error.into());
        }
    };
    let Some(tags) = seen else { return Ok(None) };
    // Another has written over it, and goes on.
    if tags.get(tags::DELETING) != Some(&value) {
        let operator = deleter(&tags, actor.is_gone, now);
        return Err(operator.map_or(NotDeleted::InUse, |operator| NotDeleted::Claimed { operator }));
    }
    match check(&tags, decided) {
        Ok(()) => Ok(Some(Claim { target, value, tags })),
        Err(error) => {
            withdraw(cloud, target, &value).await;
            Err(error)
        }
    }
}

fn check(tags: &Tags, decided: &Standing) -> Result<(), NotDeleted> {
    if Standing::of(tags) == *decided { Ok(()) } else { Err(NotDeleted::InUse) }
}

/// Whether a claimed AMI has become its template's current one, as others are gone.
pub(crate) async fn has_become_current(
    cloud: &Cloud,
    claim: &Claim<'_>,
) -> Result<Option<String>, CloudError> {
    let tag = |key: &str| claim.tags.get(key).cloned().unwrap_or_default();
    let (namespace, template) = (Namespace(tag(tags::NAMESPACE)), tag(tags::TEMPLATE));
    let amis = cloud.amis_of(&namespace, &template).await?;
    let fleet = Fleet::new(amis);
    let is_current = fleet.current(&template).is_some_and(|it| it.ami == claim.target.id());
    Ok(is_current.then_some(template))
}

/// Makes an AMI current, or what else is written on it, unless somebody deletes it. The promotion is
/// taken back where a deletion shows right after.
pub(crate) async fn promote(
    cloud: &Cloud,
    ami: &Ami,
    written: &Tags,
    is_gone: IsGone<'_>,
) -> Result<(), NotPromoted> {
    let target = Target::Image(&ami.ami);
    let Some(late) = write_and_look(cloud, target, written, tags::PROMOTED, is_gone).await? else {
        return Ok(());
    };
    // What else was written is true all the same.
    let old = |key: &str| (key.to_owned(), late.before.get(key).cloned().unwrap_or_default());
    target.write(cloud, &Tags::from([tags::PROMOTED, tags::REASON].map(old))).await?;
    Err(target.being_deleted(late.operator))
}

/// Makes what a dead bake has left this one's own, by `mine`, unless somebody deletes it.
pub(crate) async fn adopt(
    cloud: &Cloud,
    target: Target<'_>,
    mine: &Tags,
    is_gone: IsGone<'_>,
) -> Result<(), NotPromoted> {
    match write_and_look(cloud, target, mine, tags::LEASE, is_gone).await? {
        None => Ok(()),
        Some(late) => Err(target.being_deleted(late.operator)),
    }
}

/// A deletion that shows only after a write.
struct Late {
    operator: String,
    /// The tags before the write.
    before: Tags,
}

/// Writes tags on what nobody deletes, and looks whether that is so when one of them shows.
async fn write_and_look(
    cloud: &Cloud,
    target: Target<'_>,
    written: &Tags,
    key: &str,
    is_gone: IsGone<'_>,
) -> Result<Option<Late>, NotPromoted> {
    let gone = || NotPromoted::Gone(target.id().to_owned());
    let before = target.known_tags(cloud).await?.ok_or_else(gone)?;
    if let Some(operator) = deleter(&before, is_gone, Timestamp::now()) {
        return Err(target.being_deleted(operator));
    }
    if !target.write(cloud, written).await? {
        return Err(gone());
    }
    let Some(value) = written.get(key) else { return Ok(None) };
    let after = target.once_seen(cloud, &before, (key, value)).await?.ok_or_else(gone)?;
    let operator = deleter(&after, is_gone, Timestamp::now());
    Ok(operator.map(|operator| Late { operator, before }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(until: &str, owner: &str) -> Tags {
        tags::of([(tags::DELETING, format!("{until} {owner} someone@somewhere"))])
    }

    #[test]
    fn a_deletion_is_under_way_while_its_process_lives_and_its_time_is_not_up() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let (later, earlier) = ("2026-11-23T12:00:01Z", "2026-11-23T11:59:59Z");
        let gone = |owner: &str| owner == "dead";
        let by = |tags: &Tags| deleter(tags, &gone, now);
        assert_eq!(by(&claimed(later, "alive")).as_deref(), Some("someone@somewhere"));
        for tags in [
            claimed(later, "dead"),
            claimed(earlier, "alive"),
            claimed("soon", "alive"),
            tags::of([(tags::DELETING, String::new())]),
            Tags::new(),
        ] {
            assert_eq!(by(&tags), None, "{tags:?}");
        }
    }

    #[test]
    fn what_was_adopted_renewed_or_made_current_stands_otherwise() {
        let before = tags::of([(tags::LEASE, "a".into()), (tags::OWNER, "b".into())]);
        for key in [tags::PROMOTED, tags::LEASE, tags::OWNER, tags::STAGE] {
            let mut after = before.clone();
            after.insert(key.to_owned(), "other".into());
            assert!(check(&after, &Standing::of(&before)).is_err(), "{key}");
        }
        let mut after = before.clone();
        after.insert("color".into(), "red".into());
        after.insert(tags::PROMOTED.into(), String::new());
        assert!(check(&after, &Standing::of(&before)).is_ok(), "that decides nothing");
    }
}
