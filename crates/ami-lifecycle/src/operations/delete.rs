//! Deleting AMIs: look first ([`plan_delete`]), then act ([`carry_out_delete`]).

mod regions;

use jiff::Timestamp;
use serde::Serialize;

pub use self::regions::{
    DeletePlan, DeleteRequest, NoDeletePlan, RegionDeletions, carry_out_delete, plan_delete,
};

use crate::consumer::Holders;
use crate::ec2::client::Cloud;
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::ec2::recycle_bin::BinnedImage;
use crate::ec2::snapshots::{deregister, drop_snapshot};
use crate::model::ami::{Ami, Status};
use crate::model::event::{Event, Observer};
use crate::model::facts::ImageFacts;
use crate::model::fleet::Fleet;
use crate::model::id::{AmiId, SnapshotId};
use crate::model::lease::IsGone;
use crate::model::standing::Standing;
use crate::model::{resume, tags};
use crate::operations::claim::{self, Actor, Claim, NotDeleted, Target};
use crate::operations::objection::Objection;
use crate::operations::usage::{self, OtherAccounts};

/// An AMI that is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deletion {
    /// Its id.
    pub ami: AmiId,
    /// Its name.
    pub name: String,
    /// The snapshots that it stands on.
    pub snapshots: Vec<SnapshotId>,
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
    pub snapshots: Vec<SnapshotId>,
    /// The snapshots that stay, each with the images that use it.
    pub kept: Vec<(SnapshotId, Vec<AmiId>)>,
    /// The snapshots that could not be deleted, and why.
    pub failed: Vec<(SnapshotId, CloudError)>,
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
        let busy = resume::busy(&alone, &[], &ami.template, is_gone, Timestamp::now());
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
        ami: AmiId::answered(id),
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
    let amis: Vec<AmiId> = looked_at.map(|deletion| deletion.ami.clone()).collect();
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
        if claim::delete_claimed(cloud, target, &deletion.standing, actor, end).await? {
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
        && let Some(template) = claim::has_become_current(cloud, claim).await?
    {
        return Err(NotDeleted::Current(template));
    }
    Ok(deregister(cloud, ami, snapshots, objections.contains(&Objection::Protected)).await?)
}
