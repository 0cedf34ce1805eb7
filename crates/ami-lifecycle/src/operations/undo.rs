//! What a bake has made, and how it is taken back: explicitly, in reverse, with a
//! deadline of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::ec2::held_access::Scope;
use crate::ec2::snapshots::drop_snapshot;
use crate::model::id::SnapshotId;
use crate::model::tags;

/// How long one undo may take: the SDK retries within it, and a user who pressed
/// Ctrl-C is waiting.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Made {
    KeyPair(String),
    Instance(String),
    Image(String),
    /// A way in, by rules of a security group.
    Access(Scope),
    /// A copy, and what of.
    Backup {
        id: String,
        of: String,
    },
}

impl Made {
    fn id(&self) -> &str {
        match self {
            Made::KeyPair(id) | Made::Instance(id) | Made::Image(id) | Made::Backup { id, .. } => {
                id
            }
            Made::Access(_) => "the rule for SSH",
        }
    }

    fn ended_by(&self) -> Action {
        match self {
            Made::KeyPair(_) => Action::DeleteKeyPair,
            Made::Access(_) => Action::RevokeSecurityGroupIngress,
            Made::Instance(_) => Action::TerminateInstances,
            Made::Image(_) | Made::Backup { .. } => Action::DeregisterImage,
        }
    }
}

/// What would be left if the process ended now, for whoever has to tell it. Clones show
/// the same.
#[derive(Debug, Clone, Default)]
pub struct Holdings(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Holdings {
    /// Ids, in the order in which they were made; `an instance` or `an image` while its id is
    /// not known.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        let all = self.0.lock().expect("no panic holds this lock");
        all.values().flatten().cloned().collect()
    }

    /// `bake` is whose they are.
    fn show(&self, bake: &str, made: &[Made], awaited: Option<&str>) {
        let ids = made.iter().map(|made| made.id().to_owned());
        let list: Vec<String> = ids.chain(awaited.map(String::from)).collect();
        let mut all = self.0.lock().expect("no panic holds this lock");
        if list.is_empty() {
            drop(all.remove(bake))
        } else {
            drop(all.insert(bake.to_owned(), list))
        }
    }
}

/// What is to be undone if the bake fails.
#[derive(Debug)]
pub(crate) struct Undo {
    /// Whose tag all that it makes has.
    bake: String,
    /// Where that is, if one bake makes something in several places.
    place: String,
    /// An instance was requested, whether or not there was an answer.
    launching: bool,
    /// What else was requested.
    awaited: Option<&'static str>,
    made: Vec<Made>,
    holdings: Holdings,
}

/// How one undo ended.
#[derive(Debug)]
pub(crate) enum Undone {
    /// What was done, for people.
    Done(String),
    /// What is left, and why.
    Left { id: String, error: CloudError },
}

impl Undone {
    /// What is left, and why.
    pub(crate) fn left(self) -> Option<(String, CloudError)> {
        match self {
            Undone::Left { id, error } => Some((id, error)),
            Undone::Done(_) => None,
        }
    }
}

impl Undo {
    pub(crate) fn new(holdings: Holdings) -> Undo {
        let (bake, place) = (String::new(), String::new());
        Undo { bake, place, launching: false, awaited: None, made: Vec::new(), holdings }
    }

    /// Where it is, if one bake makes something in several places.
    pub(crate) fn set_place(&mut self, place: &str) {
        self.place = place.to_owned();
    }

    fn key(&self) -> String {
        format!("{}{}", self.bake, self.place)
    }

    pub(crate) fn set_bake(&mut self, bake: &str) {
        self.holdings.show(&self.key(), &[], None);
        self.bake = bake.to_owned();
        self.show();
    }

    fn add(&mut self, made: Made) {
        self.made.push(made);
        self.show();
    }

    /// Takes off the list what `is_meant`.
    fn take(&mut self, is_meant: impl Fn(&Made) -> bool) -> Vec<Made> {
        let taken = self.made.extract_if(.., |made| is_meant(made)).collect();
        self.show();
        taken
    }

    /// A key pair that is about to be imported: its name is known before it exists.
    pub(crate) fn key_pair(&mut self, name: &str) {
        self.add(Made::KeyPair(name.to_owned()));
    }

    pub(crate) fn forget_key_pair(&mut self, name: &str) {
        self.take(|made| *made == Made::KeyPair(name.to_owned()));
    }

    /// An instance that was ended by itself is nothing to undo.
    pub(crate) fn forget_instance(&mut self, id: &str) {
        self.take(|made| *made == Made::Instance(id.to_owned()));
    }

    pub(crate) fn begin_launch(&mut self) {
        self.launching = true;
        self.show();
    }

    /// Something else was requested, and the answer is not there yet. Whoever asks looks
    /// for it themselves, also when they were cut off.
    pub(crate) fn awaits(&mut self, what: Option<&'static str>) {
        self.awaited = what;
        self.show();
    }

    pub(crate) fn is_awaiting(&self) -> bool {
        self.awaited.is_some()
    }

    fn show(&self) {
        let awaited = if self.launching { Some("an instance") } else { self.awaited };
        self.holdings.show(&self.key(), &self.made, awaited);
    }

    pub(crate) fn launch_was_refused(&mut self) {
        self.launching = false;
        self.show();
    }

    pub(crate) fn instance(&mut self, id: &str) {
        self.launching = false;
        self.add(Made::Instance(id.to_owned()));
    }

    pub(crate) fn image(&mut self, id: &str) {
        self.add(Made::Image(id.to_owned()));
    }

    /// A way in that is about to be asked for. Asked for again, it is one still.
    pub(crate) fn access(&mut self, scope: &Scope) {
        let access = Made::Access(scope.clone());
        if !self.made.contains(&access) {
            self.add(access);
        }
    }

    /// The ways in stay. Returns the ids of their rules.
    pub(crate) async fn keep_access(&mut self, cloud: &Cloud) -> Vec<String> {
        let mut rules = Vec::new();
        for made in self.take(|made| matches!(made, Made::Access(_))) {
            if let Made::Access(scope) = made {
                rules.extend(cloud.accesses().rules(&scope).await);
            }
        }
        rules
    }

    pub(crate) fn backup(&mut self, id: &str, of: &str) {
        self.add(Made::Backup { id: id.to_owned(), of: of.to_owned() });
    }

    /// A backup whose original is going stays, whatever happens.
    pub(crate) fn keep_backup(&mut self) {
        self.take(|made| matches!(made, Made::Backup { .. }));
    }

    /// The image stays, whatever happens. Returns its id.
    pub(crate) fn keep_image(&mut self) -> Option<String> {
        self.take(|made| matches!(made, Made::Image(_))).first().map(|made| made.id().to_owned())
    }

    /// Leaves the instance out and returns its id.
    pub(crate) fn keep_instance(&mut self) -> Option<String> {
        self.take(|made| matches!(made, Made::Instance(_))).last().map(|made| made.id().to_owned())
    }

    /// The machine that was started last and is not ended yet.
    pub(crate) fn machine(&self) -> Option<String> {
        let made = self.made.iter().rev().find(|made| matches!(made, Made::Instance(_)));
        made.map(|made| made.id().to_owned())
    }

    /// Whether there is an image, which the next bake can go on with.
    pub(crate) fn has_image(&self) -> bool {
        self.made.iter().any(|made| matches!(made, Made::Image(_)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty() && !self.launching
    }

    /// Ends what runs, and leaves images on the list.
    pub(crate) async fn run_machines(&mut self, cloud: &Cloud) -> Vec<Undone> {
        self.run(cloud, |made| matches!(made, Made::Instance(_) | Made::KeyPair(_))).await
    }

    /// Ends what runs and removes what was made of it; the ways in stay.
    pub(crate) async fn run_but_access(&mut self, cloud: &Cloud) -> Vec<Undone> {
        self.run(cloud, |made| !matches!(made, Made::Access(_))).await
    }

    /// Closes the ways in.
    pub(crate) async fn close_access(&mut self, cloud: &Cloud) -> Vec<Undone> {
        self.run(cloud, |made| matches!(made, Made::Access(_))).await
    }

    /// Undoes everything.
    pub(crate) async fn run_all(&mut self, cloud: &Cloud) -> Vec<Undone> {
        self.run(cloud, |_| true).await
    }

    /// Undoes what `is_meant`, the last first; a failure does not keep the others from it.
    async fn run(&mut self, cloud: &Cloud, is_meant: impl Fn(&Made) -> bool) -> Vec<Undone> {
        let mut undone = Vec::new();
        if self.launching {
            // The id never came: whatever was started has the bake's tag.
            match cloud.instances_of_bake(&self.bake).await {
                Ok(ids) => {
                    self.launching = false;
                    ids.iter().for_each(|id| self.instance(id));
                }
                Err(error) => {
                    undone.push(Undone::Left { id: format!("bake {}", self.bake), error });
                }
            }
        }
        let meant = self.made.iter().filter(|made| is_meant(made));
        for made in meant.cloned().collect::<Vec<Made>>().into_iter().rev() {
            let id = made.id().to_owned();
            let text = match &made {
                Made::KeyPair(_) => format!("deleted the key pair {id}"),
                Made::Instance(_) => format!("terminated {id}"),
                Made::Image(_) | Made::Backup { .. } => {
                    format!("deregistered {id} and its snapshots")
                }
                Made::Access(_) => "removed the rule for SSH".into(),
            };
            let outcome = tokio::time::timeout(LIMIT, take_back(cloud, &made, &self.bake)).await;
            let outcome = outcome.unwrap_or_else(|_| {
                Err(CloudError::answer(
                    made.ended_by(),
                    format!("no answer within {} s", LIMIT.as_secs()),
                ))
            });
            self.take(|other| *other == made);
            undone.push(match outcome {
                Ok(()) => Undone::Done(text),
                Err(error) => Undone::Left { id, error },
            });
        }
        undone
    }
}

async fn take_back(cloud: &Cloud, made: &Made, bake: &str) -> Result<(), CloudError> {
    match made {
        Made::KeyPair(name) => cloud.delete_key_pair(name).await,
        Made::Access(scope) => cloud.accesses().leave(cloud, scope, bake).await.map(drop),
        Made::Instance(id) => cloud.terminate(id).await.map(drop),
        Made::Image(id) => {
            // A pending image may not tell its snapshots yet, so they are known by their tag.
            let image = cloud.image(id).await.ok().flatten();
            // Someone who took this bake for dead has gone on with it, and finished it.
            if image.as_ref().is_some_and(|image| image.tags.contains_key(tags::PROMOTED)) {
                return Ok(());
            }
            cloud.deregister(id).await?;
            let devices = image.map(|image| image.block_devices).unwrap_or_default();
            let mut snapshots = cloud.snapshots(tags::BAKE, bake).await?;
            snapshots.extend(devices.into_iter().map(|device| device.snapshot));
            drop_snapshots(cloud, snapshots).await
        }
        Made::Backup { id, of } => {
            cloud.deregister(id).await?;
            drop_snapshots(cloud, cloud.snapshots(tags::BACKUP_OF, of).await?).await
        }
    }
}

/// One that another image uses stays.
async fn drop_snapshots(cloud: &Cloud, mut snapshots: Vec<SnapshotId>) -> Result<(), CloudError> {
    snapshots.sort();
    snapshots.dedup();
    for snapshot in snapshots {
        drop_snapshot(cloud, &snapshot).await?;
    }
    Ok(())
}
