//! Names that do not change: where the pattern gives two generations one name, the AMI that
//! has it is copied to `NAME-backup-DATE` and gives the name up, before the next one is
//! made. At each instant it or its copy is available.
//!
//! ```text
//!   NAME (current) --> CopyImage --> NAME-backup-DATE available --> NAME deleted
//!                                    (current from here on)             |
//!                                                          CreateImage NAME
//! ```

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::Bake;
use crate::ec2::action::Action;
use crate::ec2::error::CloudError;
use crate::ec2::recover::found_all_the_same;
use crate::model::ami::{Ami, Status};
use crate::model::event::Stage;
use crate::model::facts::DISABLED;
use crate::model::fleet::{Fleet, Refusal};
use crate::model::id::AmiId;
use crate::model::name_taken::{NameHolder, NameTaken};
use crate::model::naming::{backup_name, check_ami_name};
use crate::model::ownership::{OwnershipTags, new_bake};
use crate::model::tags::{self, Tags};
use crate::operations::bake::name::today;
use crate::operations::bake::request::BakeRequest;
use crate::operations::claim::{Target, adopt};
use crate::operations::context::Context;
use crate::operations::delete::{self, Deletion};
use crate::operations::error::BakeError;
use crate::operations::usage::{self, User};
use crate::operations::verify::hide;

/// What is to be done for a name to become free.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Backup {
    /// Who has the name.
    original: Ami,
    copy: Copy,
}

/// The copy of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Copy {
    /// An earlier bake has begun one.
    Begun(AmiId),
    /// There is none yet; it is to have this name.
    Named(String),
}

/// Decides. `None`: no AMI of the namespace has the name. Pure.
///
/// # Errors
/// When the AMI that has it is another template's, is under way itself, or is protected.
fn decide(
    fleet: &Fleet,
    template: &str,
    name: &str,
    today: Date,
) -> Result<Option<Backup>, BakeError> {
    let Some(original) = fleet.amis().iter().find(|ami| ami.name == name) else { return Ok(None) };
    let under_way =
        original.status == Status::Pending && original.lease.as_deref() != Some(tags::NO_LEASE);
    // What another hand has copied or edited is no AMI that may be copied, and then deleted.
    let is_ours = |ami: &Ami| !matches!(ami.status, Status::Foreign | Status::Unreadable);
    if original.template != template || under_way || !is_ours(original) {
        let holder = NameHolder::Template { template: original.template.clone() };
        let (name, image) = (name.to_owned(), original.ami.clone());
        return Err(BakeError::NameTaken(NameTaken {
            name,
            image: image.into(),
            region: None,
            holder,
        }));
    }
    if original.protected {
        return Err(BakeError::NameProtected {
            name: name.to_owned(),
            image: original.ami.clone().into(),
        });
    }
    let copies = |ami: &&Ami| {
        is_ours(ami)
            && ami.backup_of.as_deref() == Some(original.ami.as_str())
            && matches!(ami.state.as_str(), "pending" | "available")
    };
    let copy = match fleet.amis().iter().find(copies) {
        Some(copy) => Copy::Begun(copy.ami.clone()),
        None => {
            let is_free = |name: &String| fleet.amis().iter().all(|ami| ami.name != *name);
            let mut names = (1..).map(|count| backup_name(name, today, count));
            let free = names.find(is_free).expect("there are more names than AMIs");
            check_ami_name(&free)?;
            Copy::Named(free)
        }
    };
    Ok(Some(Backup { original: original.clone(), copy }))
}

/// The tags of a copy: all that the original has, but for who makes it. While both are there
/// the original goes first, so that the copy becomes current by the end of the original alone.
fn tags_of_copy(original: &Tags, id: &str, name: &str, marks: &OwnershipTags<'_>) -> Tags {
    let mut tags = original.clone();
    // AWS' own cannot be written.
    // What it is given to others on, and what becomes of it, is no copy's.
    let own = [tags::DISTRIBUTION, tags::RETIRED, tags::DELETING];
    tags.retain(|key, _| !tags::is_reserved(key) && !own.contains(&key.as_str()));
    let operator = marks.operator;
    tags.extend(tags::of([
        (tags::NAME, name.to_owned()),
        (tags::BACKUP_OF, id.to_owned()),
        (tags::LEASE, marks.lease.to_string()),
        (tags::OWNER, marks.owner.to_owned()),
        (tags::REASON, format!("copied from {id} by {operator}; the next AMI gets its name")),
    ]));
    let promoted = tags.get(tags::PROMOTED).and_then(|time| time.parse::<Timestamp>().ok());
    let before = promoted.and_then(|time| time.checked_sub(SignedDuration::from_millis(1)).ok());
    if let Some(before) = before {
        tags.insert(tags::PROMOTED.to_owned(), before.to_string());
    }
    tags
}

impl Bake<'_> {
    /// Whether the AMI that has the name may give it up: better now than after the script.
    pub(super) async fn check_the_name(&self, fleet: &Fleet, name: &str) -> Result<(), BakeError> {
        let Context { cloud, .. } = &self.request.context;
        let BakeRequest { template, .. } = self.request;
        let is_left = |ami: &Ami| ami.name == name && ami.template == template.name;
        if fleet.amis().iter().any(|ami| is_left(ami) && ami.status == Status::Pending) {
            // Nobody else bakes the template, so it is gone on with, or removed.
            return Ok(());
        }
        let Some(backup) = decide(fleet, &template.name, name, today())? else {
            return Ok(());
        };
        let image = backup.original.ami;
        let usage = self.site().or_cancel(usage::of(cloud, std::slice::from_ref(&image))).await?;
        // What was started from it needs it no more.
        let users = usage.users.iter().filter(|(_, user)| !matches!(user, User::Instance { .. }));
        let users = users.map(|(_, user)| user.to_string());
        let unknown = usage.unknown.iter();
        let unknown = unknown.map(|(what, error)| format!("{what} cannot be looked up: {error}"));
        let users: Vec<String> = users.chain(unknown).collect();
        if users.is_empty() {
            return Ok(());
        }
        Err(BakeError::NameInUse { name: name.to_owned(), image: image.into(), users })
    }

    /// Lets the AMI that has the name give it up to a copy of it.
    pub(super) async fn free_the_name(&mut self, name: &str) -> Result<(), BakeError> {
        let Context { cloud, namespace, observer, .. } = &self.request.context;
        let BakeRequest { template, .. } = self.request;
        let fleet = self.site().or_cancel(cloud.fleet(namespace)).await??;
        if let Some(doubt) = fleet.in_doubt(&template.name) {
            return Err(BakeError::Refused(Refusal::InDoubt(doubt)));
        }
        let Some(backup) = decide(&fleet, &template.name, name, today())? else {
            return Ok(());
        };
        self.enter(Stage::Backup);
        let original = &backup.original;
        let copy = match &backup.copy {
            Copy::Begun(copy) => {
                let claim = self.marks.claim();
                adopt(cloud, Target::Image(copy), &claim, self.request.context.actor.is_gone)
                    .await?;
                copy.clone()
            }
            Copy::Named(name) => self.copy_as(original, name).await?,
        };
        self.note(format!("copy of {}: {copy}", original.ami));
        self.wait_until_available(&copy).await?;
        if self.request.context.cancel.is_cancelled() {
            return Err(BakeError::Cancelled);
        }
        let kept = tags::of([(tags::LEASE, tags::NO_LEASE.to_owned())]);
        adopt(cloud, Target::Image(&copy), &kept, self.request.context.actor.is_gone).await?;
        self.undo.keep_backup();
        let deletion = Deletion::of_namespace(original);
        let deleted =
            delete::delete(cloud, &deletion, self.request.context.actor, observer.as_ref()).await?;
        if original.status == Status::Quarantined {
            hide(self.site(), &copy).await;
        }
        if self.current.as_ref() == Some(&original.ami) {
            self.current = Some(copy);
        }
        for (snapshot, error) in deleted.failed {
            self.warn(format!("{snapshot} was not removed: {error}; `amiable sweep` removes it"));
        }
        Ok(())
    }

    /// Copies an AMI under another name, to be undone until the bake has gone on.
    async fn copy_as(&mut self, original: &Ami, name: &str) -> Result<AmiId, BakeError> {
        let Context { cloud, .. } = self.request.context;
        let facts = self.site().or_cancel(cloud.image(&original.ami)).await??;
        let gone = || {
            let text = format!("{} no longer exists", original.ami);
            CloudError::answer(Action::DescribeImages, text)
        };
        let facts = facts.ok_or_else(gone)?;
        // A quarantined one is disabled, and EC2 copies no such.
        if facts.state == DISABLED {
            cloud.enable(&facts.id).await?;
        }
        let tags = tags_of_copy(&facts.tags, &original.ami, name, &self.marks);
        let token = format!("amiable-{}", new_bake());
        let key = self.request.template.distribution.encrypt.as_ref();
        let key = key.and_then(|encryption| encryption.key_in(cloud.region()));
        let copy = match cloud.copy_image(&facts, name, &token, key, &tags).await {
            Ok(copy) => copy,
            Err(error) => {
                let look = async || cloud.own_images(name, tags::BACKUP_OF, &original.ami).await;
                found_all_the_same(error, look).await?
            }
        };
        // One that an earlier bake has begun may be all that is left of the original.
        self.undo.backup(&copy, &original.ami);
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::ImageFacts;
    use crate::model::template::Namespace;
    use jiff::civil::date;

    const DAY: Date = date(2026, 11, 24);

    fn ami(id: &str, name: &str, state: &str, pairs: &[(&str, &str)]) -> Ami {
        let mut image_tags: Tags =
            pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        image_tags.entry(tags::TEMPLATE.to_owned()).or_insert("agent".into());
        image_tags.entry(tags::GENERATION.to_owned()).or_insert("1".into());
        let facts = ImageFacts {
            id: id.into(),
            name: name.into(),
            state: state.into(),
            tags: image_tags,
            ..ImageFacts::default()
        };
        Ami::read(facts, "us-east-1")
    }

    const PROMOTED: (&str, &str) = (tags::PROMOTED, "2026-11-23T12:00:00Z");

    fn copy_of(amis: Vec<Ami>) -> Option<Copy> {
        let backup = decide(&Fleet::new(amis), "agent", "ab-natty", DAY).unwrap();
        backup.map(|backup| backup.copy)
    }

    #[test]
    fn whoever_has_the_name_is_copied_to_one_that_is_free() {
        assert_eq!(copy_of(vec![ami("ami-1", "other", "available", &[PROMOTED])]), None);
        let mut amis = vec![ami("ami-1", "ab-natty", "available", &[PROMOTED])];
        let named = |name: &str| Some(Copy::Named(name.to_owned()));
        assert_eq!(copy_of(amis.clone()), named("ab-natty-backup-20261124"));
        amis.push(ami("ami-2", "ab-natty-backup-20261124", "available", &[PROMOTED]));
        assert_eq!(copy_of(amis.clone()), named("ab-natty-backup-20261124-2"));
        let of = [(tags::BACKUP_OF, "ami-1")];
        amis.push(ami("ami-3", "ab-natty-backup-20261124-2", "failed", &of));
        assert_eq!(copy_of(amis.clone()), named("ab-natty-backup-20261124-3"));
        amis.push(ami("ami-4", "ab-natty-backup-20261124-3", "pending", &of));
        assert_eq!(copy_of(amis), Some(Copy::Begun("ami-4".into())));
    }

    #[test]
    fn a_name_of_another_template_or_of_a_bake_under_way_is_not_taken() {
        let lease = (tags::LEASE, "2026-11-24T16:00:00Z");
        let other = (tags::TEMPLATE, "other");
        for pairs in [&[other, PROMOTED][..], &[lease]] {
            let fleet = Fleet::new(vec![ami("ami-1", "ab-natty", "available", pairs)]);
            let refused = decide(&fleet, "agent", "ab-natty", DAY);
            assert!(matches!(refused, Err(BakeError::NameTaken(_))), "{refused:?}");
        }
        for pairs in
            [&[PROMOTED, (tags::GENERATION, "abc")][..], &[PROMOTED, (tags::VERIFIED, "yes")]]
        {
            let fleet = Fleet::new(vec![ami("ami-1", "ab-natty", "available", pairs)]);
            assert!(decide(&fleet, "agent", "ab-natty", DAY).is_err(), "{pairs:?}");
        }
        let copied = Ami {
            copied_by_hand: Some("ami-0".into()),
            ..ami("ami-1", "ab-natty", "available", &[PROMOTED])
        };
        assert!(decide(&Fleet::new(vec![copied]), "agent", "ab-natty", DAY).is_err());
        let waits = ami("ami-1", "ab-natty", "available", &[(tags::LEASE, tags::NO_LEASE)]);
        assert!(copy_of(vec![waits]).is_some());
    }

    #[test]
    fn the_copy_is_current_when_the_original_is_gone_and_not_before() {
        let original = ami("ami-2", "ab-natty", "available", &[PROMOTED]);
        let own = Tags::from([(PROMOTED.0.to_owned(), PROMOTED.1.to_owned())]);
        let namespace = Namespace("ci".into());
        let marks = OwnershipTags {
            namespace: &namespace,
            template: "agent",
            bake: "0a".into(),
            lease: Timestamp::UNIX_EPOCH,
            owner: "",
            operator: "me",
            version: "0",
        };
        let copied = tags_of_copy(&own, "ami-2", "ab-natty-backup-20261124", &marks);
        let pairs: Vec<(&str, &str)> =
            copied.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let copy = ami("ami-1", "ab-natty-backup-20261124", "available", &pairs);
        let current = |amis: Vec<Ami>| Fleet::new(amis).current("agent").map(|it| it.ami.clone());
        assert_eq!(current(vec![copy.clone(), original]), Some("ami-2".into()));
        assert_eq!(current(vec![copy]), Some("ami-1".into()));
    }
}
