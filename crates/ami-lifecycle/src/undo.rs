//! What a bake has made, and how it is taken back: explicitly, in reverse, with a
//! deadline of its own.

use std::time::Duration;

use crate::cloud::Cloud;
use crate::error::CloudError;
use crate::tags;

/// How long one undo may take: the SDK retries within it, and a user who pressed
/// Ctrl-C is waiting.
const LIMIT: Duration = Duration::from_secs(30);

/// How often, and how far apart, a snapshot is tried that is in use.
const IN_USE_TRIES: u32 = 5;
const IN_USE_PAUSE: Duration = Duration::from_secs(2);

/// How often, and how far apart, something is tried to be ended that EC2 does not know.
const UNSEEN_TRIES: u32 = 6;
const UNSEEN_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Made {
    KeyPair(String),
    Instance(String),
    Image(String),
}

/// What is to be undone if the bake fails.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    /// Whose tag all that it makes has.
    bake: String,
    /// An instance was asked for, whether or not there was an answer.
    launching: bool,
    made: Vec<Made>,
}

/// How one undo ended.
#[derive(Debug)]
pub(crate) enum Undone {
    /// What was done, for people.
    Done(String),
    /// What is left, and why.
    Left { id: String, error: CloudError },
}

impl Undo {
    pub(crate) fn set_bake(&mut self, bake: &str) {
        self.bake = bake.to_owned();
    }

    /// A key pair that is about to be imported: its name is known before it exists.
    pub(crate) fn key_pair(&mut self, name: &str) {
        self.made.push(Made::KeyPair(name.to_owned()));
    }

    pub(crate) fn forget_key_pair(&mut self, name: &str) {
        self.made.retain(|made| *made != Made::KeyPair(name.to_owned()));
    }

    /// An instance that was ended by itself is nothing to undo.
    pub(crate) fn forget_instance(&mut self, id: &str) {
        self.made.retain(|made| *made != Made::Instance(id.to_owned()));
    }

    pub(crate) fn begin_launch(&mut self) {
        self.launching = true;
    }

    pub(crate) fn launch_was_refused(&mut self) {
        self.launching = false;
    }

    pub(crate) fn instance(&mut self, id: &str) {
        self.launching = false;
        self.made.push(Made::Instance(id.to_owned()));
    }

    pub(crate) fn image(&mut self, id: &str) {
        self.made.push(Made::Image(id.to_owned()));
    }

    /// The image stays, whatever happens. Returns its id.
    pub(crate) fn keep_image(&mut self) -> Option<String> {
        let is_image = |made: &mut Made| matches!(made, Made::Image(_));
        self.made.extract_if(.., is_image).next().map(|made| match made {
            Made::Image(id) | Made::Instance(id) | Made::KeyPair(id) => id,
        })
    }

    /// Leaves the instance out and returns its id.
    pub(crate) fn keep_instance(&mut self) -> Option<String> {
        let mut kept = None;
        self.made.retain(|made| match made {
            Made::Instance(id) => {
                kept = Some(id.clone());
                false
            }
            Made::Image(_) | Made::KeyPair(_) => true,
        });
        kept
    }

    /// Whether there is an image, which the next bake can go on with.
    pub(crate) fn has_image(&self) -> bool {
        self.made.iter().any(|made| matches!(made, Made::Image(_)))
    }

    /// Ends what runs, and leaves images on the list.
    pub(crate) async fn run_machines(&mut self, cloud: &Cloud) -> Vec<Undone> {
        let (images, machines) = std::mem::take(&mut self.made)
            .into_iter()
            .partition(|made| matches!(made, Made::Image(_)));
        let launching = std::mem::take(&mut self.launching);
        self.made = images;
        Undo { bake: self.bake.clone(), launching, made: machines }.run(cloud).await
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty() && !self.launching
    }

    /// Undoes everything, the last first; a failure does not keep the others from it.
    pub(crate) async fn run(self, cloud: &Cloud) -> Vec<Undone> {
        let mut undone = Vec::new();
        let mut made = self.made;
        if self.launching {
            // The id never came: whatever was started has the bake's tag.
            match cloud.instances_of_bake(&self.bake).await {
                Ok(ids) => made.extend(ids.into_iter().map(Made::Instance)),
                Err(error) => {
                    undone.push(Undone::Left { id: format!("bake {}", self.bake), error });
                }
            }
        }
        for made in made.into_iter().rev() {
            let (id, text) = match &made {
                Made::KeyPair(name) => (name.clone(), format!("deleted the key pair {name}")),
                Made::Instance(id) => (id.clone(), format!("terminated {id}")),
                Made::Image(id) => (id.clone(), format!("deregistered {id} and its snapshots")),
            };
            let outcome = tokio::time::timeout(LIMIT, take_back(cloud, &made, &self.bake)).await;
            let outcome = outcome.unwrap_or_else(|_| {
                Err(CloudError::answer("undo", format!("no answer within {} s", LIMIT.as_secs())))
            });
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
        Made::Instance(id) => end_instance(cloud, id).await,
        Made::Image(id) => {
            // A pending image may not tell its snapshots yet, so they are known by their tag.
            let image = cloud.image(id).await.ok().flatten();
            deregister(cloud, id).await?;
            let devices = image.map(|image| image.block_devices).unwrap_or_default();
            let mut snapshots = cloud.snapshots(tags::BAKE, bake).await?;
            snapshots.extend(devices.into_iter().map(|device| device.snapshot));
            snapshots.sort();
            snapshots.dedup();
            for snapshot in snapshots {
                delete_snapshot(cloud, &snapshot).await?;
            }
            Ok(())
        }
    }
}

/// EC2 may not know yet what was made a moment ago: not to be found is not to be gone.
async fn end_instance(cloud: &Cloud, id: &str) -> Result<(), CloudError> {
    for _ in 1..UNSEEN_TRIES {
        if cloud.terminate(id).await? {
            return Ok(());
        }
        tokio::time::sleep(UNSEEN_PAUSE).await;
    }
    cloud.terminate(id).await.map(drop)
}

/// Likewise.
async fn deregister(cloud: &Cloud, id: &str) -> Result<(), CloudError> {
    for _ in 1..UNSEEN_TRIES {
        if cloud.deregister(id).await? {
            return Ok(());
        }
        tokio::time::sleep(UNSEEN_PAUSE).await;
    }
    cloud.deregister(id).await.map(drop)
}

/// A snapshot counts as in use for a moment after its image is deregistered.
async fn delete_snapshot(cloud: &Cloud, id: &str) -> Result<(), CloudError> {
    for _ in 0..IN_USE_TRIES {
        if cloud.delete_snapshot(id).await? {
            return Ok(());
        }
        tokio::time::sleep(IN_USE_PAUSE).await;
    }
    Err(CloudError::answer("DeleteSnapshot", format!("{id} stays in use")))
}
