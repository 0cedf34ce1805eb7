//! Deleting AMIs: look first ([`plan_delete`]), then act ([`carry_out_delete`]).

mod regions;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

pub use self::regions::{
    DeletePlan, DeleteRequest, NoDeletePlan, RegionDeletions, carry_out_delete, plan_delete,
};
use crate::action::Action;
use crate::ami::{Ami, Status};
use crate::cloud::{BinnedImage, Cloud, ImageFacts};
use crate::consumer::Holders;
use crate::deleting::{self, Actor, Claim, NotDeleted, Standing, Target};
use crate::error::{CloudError, CloudErrorKind};
use crate::event::{Event, Observer};
use crate::fleet::Fleet;
use crate::tags;
use crate::takeover::{self, IsGone};
use crate::tampering::{InDoubt, Tampering};
use crate::usage::{self, OtherAccounts, User};

/// How often, and how far apart, a snapshot is tried that is in use by nothing that shows.
const IN_USE_TRIES: u32 = 5;
const IN_USE_PAUSE: Duration = Duration::from_secs(2);

/// Why an AMI should not be deleted. `--force` overrides all but what [`can_be_overridden`](Self::can_be_overridden) says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Objection {
    /// amiable did not make it, or for another namespace.
    #[error("it is not one of this namespace")]
    OutsideNamespace,
    /// Another hand has copied it, or edited its tags.
    #[error("{0}")]
    Tampered(Tampering),
    /// Which AMI of its template is current could not be told.
    #[error("{0}")]
    InDoubt(InDoubt),
    /// A bake that lives is about to prove it.
    #[error("{0}: that bake makes it")]
    UnderWay(String),
    /// Agents boot from it.
    #[error("it is the current AMI of template {0}")]
    Current(String),
    /// Its copies go with it, and cannot be looked at.
    #[error("its copies in {region} cannot be looked at: {error}")]
    Copies {
        /// The region.
        region: String,
        /// Why not.
        error: String,
    },
    /// EC2 refuses to deregister it; with `--force` that is switched off first.
    #[error("it is protected from deregistration")]
    Protected,
    /// Something starts instances from it, or was started from it.
    #[error("{0}")]
    Used(User),
    /// EC2 still counts who uses it in other accounts.
    #[error(
        "which other accounts use it is not known yet: EC2 makes the usage report {0}, which the same \
         command reads when it is ready"
    )]
    NotReported(String),
    /// Who uses it in other accounts could not be looked up.
    #[error("whether other accounts use it could not be determined: {0}")]
    OtherAccounts(String),
    /// That could not be looked up, so it may be.
    #[error("whether {what} use it could not be determined: {error}")]
    Unknown {
        /// Which kind of resource.
        what: String,
        /// Why not.
        error: String,
    },
}

impl Objection {
    /// Whether `--force` deletes all the same. What could not be read is to be mended first.
    #[must_use]
    pub fn can_be_overridden(&self) -> bool {
        !matches!(self, Objection::Tampered(Tampering::Unreadable(_)))
    }

    /// Whether it is the same, as far as it does not change from one look to the next: what errors say,
    /// states and counts do. Who was told that other accounts are not known was told of them.
    pub(crate) fn is_same(&self, other: &Objection) -> bool {
        use Objection as It;
        match (self, other) {
            (It::Unknown { what, .. }, It::Unknown { what: other, .. }) => what == other,
            (It::Copies { region, .. }, It::Copies { region: other, .. }) => region == other,
            (It::UnderWay(_), It::UnderWay(_)) => true,
            (It::Used(user), It::Used(other)) => user.is_same(other),
            (
                It::NotReported(_) | It::OtherAccounts(_),
                It::NotReported(_) | It::OtherAccounts(_) | It::Used(User::Account { .. }),
            ) => true,
            _ => self == other,
        }
    }
}

/// An AMI that is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deletion {
    /// Its id.
    pub ami: String,
    /// Its name.
    pub name: String,
    /// The snapshots that it stands on.
    pub snapshots: Vec<String>,
    /// It is deregistered already: an earlier deletion was interrupted.
    pub deregistered: bool,
    /// Why it should stay.
    pub objections: Vec<Objection>,
    /// Other accounts may have started from it.
    #[serde(skip)]
    pub(crate) was_shared: bool,
    /// What that was decided on.
    #[serde(skip)]
    pub(crate) standing: Standing,
}

/// What a deletion did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The snapshots that are gone.
    pub snapshots: Vec<String>,
    /// The snapshots that stay, each with the images that use it.
    pub kept: Vec<(String, Vec<String>)>,
    /// The snapshots that could not be deleted, and why.
    pub failed: Vec<(String, CloudError)>,
}

/// Looks at an AMI that is to be deleted. One that is gone, but whose deletion was
/// interrupted, has its snapshots still; `None` when there is nothing.
///
/// # Errors
/// When a call fails.
pub(crate) async fn examine(
    cloud: &Cloud,
    fleet: &Fleet,
    id: &str,
    is_gone: IsGone<'_>,
) -> Result<Option<Deletion>, CloudError> {
    if let Some(ami) = fleet.get(id) {
        let mut deletion = Deletion::of_namespace(ami);
        let alone = Fleet::new(vec![ami.clone()]);
        let busy = takeover::busy(&alone, &[], &ami.template, is_gone, Timestamp::now());
        deletion.objections.extend(busy.map(|busy| Objection::UnderWay(busy.to_string())));
        let doubt = fleet.in_doubt(&ami.template).filter(|doubt| doubt.ami != ami.ami);
        deletion.objections.extend(doubt.map(Objection::InDoubt));
        return Ok(Some(deletion));
    }
    if let Some(image) = cloud.image(id).await? {
        return Ok(Some(of_others(image)));
    }
    let snapshots = cloud.snapshots(tags::IMAGE, id).await?;
    Ok((!snapshots.is_empty()).then(|| Deletion {
        ami: id.to_owned(),
        name: "deregistered already".into(),
        snapshots,
        deregistered: true,
        objections: Vec::new(),
        was_shared: false,
        standing: Standing::default(),
    }))
}

impl Deletion {
    /// What keeps it from being deleted, with `--force` or without.
    pub fn refusals(&self, force: bool) -> impl Iterator<Item = &Objection> {
        self.objections.iter().filter(move |it| !force || !it.can_be_overridden())
    }

    pub(crate) fn of_namespace(ami: &Ami) -> Deletion {
        let current =
            (ami.status == Status::Current).then(|| Objection::Current(ami.template.clone()));
        let protected = ami.protected.then_some(Objection::Protected);
        let tampered = ami.tampering().map(Objection::Tampered);
        Deletion {
            ami: ami.ami.clone(),
            name: ami.name.clone(),
            snapshots: ami.snapshots.clone(),
            deregistered: false,
            objections: [current, protected, tampered].into_iter().flatten().collect(),
            was_shared: ami.was_shared(),
            standing: ami.standing.clone(),
        }
    }
}

fn of_others(image: ImageFacts) -> Deletion {
    let protected = image.protected.then_some(Objection::Protected);
    Deletion {
        was_shared: false,
        standing: Standing::of(&image.tags),
        snapshots: image.block_devices.into_iter().map(|device| device.snapshot).collect(),
        ami: image.id,
        name: image.name,
        deregistered: false,
        objections: [Objection::OutsideNamespace].into_iter().chain(protected).collect(),
    }
}

/// Adds to each deletion who uses the AMI: what EC2 knows of, and consumers. Returns what is to be
/// told of users that name what is not there.
pub(crate) async fn add_users(
    cloud: &Cloud,
    holders: &Holders,
    deletions: &mut [Deletion],
) -> Vec<String> {
    let dangling = add_own_users(cloud, holders, deletions).await;
    for deletion in deletions.iter_mut().filter(|deletion| !deletion.deregistered) {
        let ami = (deletion.ami.as_str(), deletion.was_shared);
        let found = of_other_accounts(cloud, ami).await;
        deletion.objections.extend(found);
    }
    dangling
}

/// The same of this account alone.
pub(crate) async fn add_own_users(
    cloud: &Cloud,
    holders: &Holders,
    deletions: &mut [Deletion],
) -> Vec<String> {
    let looked_at = deletions.iter().filter(|deletion| !deletion.deregistered);
    let amis: Vec<String> = looked_at.map(|deletion| deletion.ami.clone()).collect();
    if amis.is_empty() {
        return Vec::new();
    }
    let mut usage = usage::of(cloud, &amis).await;
    usage.add_holders(holders, &amis);
    for deletion in deletions.iter_mut().filter(|deletion| !deletion.deregistered) {
        let users = usage.users.iter().filter(|(ami, _)| *ami == deletion.ami);
        deletion.objections.extend(users.map(|(_, user)| Objection::Used(user.clone())));
        let unknown = usage.unknown.iter();
        let unknown = unknown
            .map(|(what, error)| Objection::Unknown { what: what.clone(), error: error.clone() });
        deletion.objections.extend(unknown);
    }
    usage.dangling
}

/// What speaks against it by what other accounts have.
async fn of_other_accounts(cloud: &Cloud, ami: (&str, bool)) -> Vec<Objection> {
    match usage::other_accounts(cloud, ami, true).await {
        Ok(OtherAccounts::NotAsked) => Vec::new(),
        Ok(OtherAccounts::Users(users)) => users.into_iter().map(Objection::Used).collect(),
        Ok(OtherAccounts::NotYet(report)) => {
            vec![Objection::NotReported(report.unwrap_or_default())]
        }
        Err(error) => vec![Objection::OtherAccounts(error.to_string())],
    }
}

/// Deregisters the AMI, then deletes its snapshots. It is claimed and looked at again first: what was
/// made current or verified since the decision stays. Which snapshots it has is noted on them, so that a
/// deletion that is interrupted is finished by the same command. A snapshot that another
/// image uses stays; one that cannot be deleted does not keep the others.
///
/// # Errors
/// When the AMI is not deregistered: it stays then, with its snapshots.
pub(crate) async fn delete(
    cloud: &Cloud,
    deletion: &Deletion,
    actor: Actor<'_>,
    observer: &dyn Observer,
) -> Result<Deleted, NotDeleted> {
    let mut kept = None;
    if !deletion.deregistered {
        let target = Target::Image(&deletion.ami);
        let end = async |claim: &Claim<'_>| end(cloud, deletion, claim).await;
        if deleting::delete_claimed(cloud, target, &deletion.standing, actor, end).await? {
            let text = format!("deregistered {} ({})", deletion.ami, deletion.name);
            observer.event(Event::Note(text));
            kept = Some(cloud.binned_image(&deletion.ami).await);
        }
    }
    let mut deleted = Deleted::default();
    for snapshot in &deletion.snapshots {
        match drop_snapshot(cloud, snapshot).await {
            Ok(users) if users.is_empty() => {
                observer.event(Event::Note(format!("deleted {snapshot}")));
                deleted.snapshots.push(snapshot.clone());
            }
            Ok(users) => deleted.kept.push((snapshot.clone(), users)),
            Err(error) => deleted.failed.push((snapshot.clone(), error)),
        }
    }
    if let Some(event) = kept.and_then(|kept| recycling(&deletion.ami, kept)) {
        observer.event(event);
    }
    Ok(deleted)
}

/// Whether EC2 keeps a deleted AMI is worth a word, and no failure.
fn recycling(ami: &str, kept: Result<Option<BinnedImage>, CloudError>) -> Option<Event> {
    match kept {
        Ok(kept) => kept.map(|kept| {
            let until = kept.until.map(|it| it.strftime(" until %Y-%m-%d %H:%M UTC").to_string());
            let until = until.unwrap_or_default();
            Event::Note(format!(
                "EC2 keeps {ami} in the Recycle Bin{until}: `amiable restore {ami}` brings it back"
            ))
        }),
        Err(error) if error.kind == CloudErrorKind::NoSuchAction => None,
        Err(error) => Some(Event::Warning(format!(
            "whether EC2 keeps {ami} in the Recycle Bin could not be determined: {error}"
        ))),
    }
}

async fn end(cloud: &Cloud, deletion: &Deletion, claim: &Claim<'_>) -> Result<(), NotDeleted> {
    let Deletion { ami, snapshots, objections, .. } = deletion;
    let is_known =
        |it: &Objection| matches!(it, Objection::Current(_) | Objection::OutsideNamespace);
    if !objections.iter().any(is_known)
        && let Some(template) = deleting::has_become_current(cloud, claim).await?
    {
        return Err(NotDeleted::Current(template));
    }
    Ok(deregister(cloud, ami, snapshots, objections.contains(&Objection::Protected)).await?)
}

/// Deregisters an image whose snapshots are to go after it: which these are is noted on them first.
pub(crate) async fn deregister(
    cloud: &Cloud,
    image: &str,
    snapshots: &[String],
    is_protected: bool,
) -> Result<(), CloudError> {
    cloud.note_image(snapshots, image).await?;
    if is_protected {
        cloud.unprotect(image).await?;
    }
    cloud.deregister(image).await.map(drop)
}

/// Deletes a snapshot, unless images use it: these are returned. It counts as in use for a
/// moment after its image is deregistered.
pub(crate) async fn drop_snapshot(cloud: &Cloud, id: &str) -> Result<Vec<String>, CloudError> {
    for _ in 0..IN_USE_TRIES {
        if cloud.delete_snapshot(id).await? {
            return Ok(Vec::new());
        }
        let users = cloud.images_of_snapshot(id).await?;
        if !users.is_empty() {
            return Ok(users.into_iter().map(|image| image.id).collect());
        }
        tokio::time::sleep(IN_USE_PAUSE).await;
    }
    Err(CloudError::answer(Action::DeleteSnapshot, format!("{id} stays in use")))
}
