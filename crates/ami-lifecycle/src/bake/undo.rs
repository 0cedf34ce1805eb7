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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Made {
    Instance(String),
    Image(String),
}

/// What is to be undone if the bake fails.
#[derive(Debug, Default)]
pub(super) struct Undo {
    /// Whose tag all that it makes has.
    bake: String,
    /// An instance was asked for, whether or not there was an answer.
    launching: bool,
    made: Vec<Made>,
}

/// How one undo ended.
#[derive(Debug)]
pub(super) enum Undone {
    /// What was done, for people.
    Done(String),
    /// What is left, and why.
    Left { id: String, error: CloudError },
}

impl Undo {
    pub(super) fn set_bake(&mut self, bake: &str) {
        self.bake = bake.to_owned();
    }

    pub(super) fn begin_launch(&mut self) {
        self.launching = true;
    }

    pub(super) fn launch_was_refused(&mut self) {
        self.launching = false;
    }

    pub(super) fn instance(&mut self, id: &str) {
        self.launching = false;
        self.made.push(Made::Instance(id.to_owned()));
    }

    pub(super) fn image(&mut self, id: &str) {
        self.made.push(Made::Image(id.to_owned()));
    }

    /// From the promotion on the image stays, whatever happens.
    pub(super) fn keep_image(&mut self) {
        self.made.retain(|made| !matches!(made, Made::Image(_)));
    }

    /// Leaves the instance out and returns its id.
    pub(super) fn keep_instance(&mut self) -> Option<String> {
        let mut kept = None;
        self.made.retain(|made| match made {
            Made::Instance(id) => {
                kept = Some(id.clone());
                false
            }
            Made::Image(_) => true,
        });
        kept
    }

    pub(super) fn is_empty(&self) -> bool {
        self.made.is_empty() && !self.launching
    }

    /// Undoes everything, the last first; a failure does not keep the others from it.
    pub(super) async fn run(self, cloud: &Cloud) -> Vec<Undone> {
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
        Made::Instance(id) => cloud.terminate(id).await,
        Made::Image(id) => {
            // A pending image may not tell its snapshots yet, so they are known by their tag.
            let image = cloud.image(id).await?;
            cloud.deregister(id).await?;
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
