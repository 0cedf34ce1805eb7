//! Builders that are Spot Instances: where EC2 takes one back, the bake begins anew.

use super::{Bake, NewImage, Plan};
use crate::model::launch_spec::Spot;
use crate::operations::error::BakeError;
use crate::operations::interruption::is_interrupted;
use crate::operations::undo::Undone;

/// So often EC2 may take a builder back; the next is On-Demand.
const MOST_INTERRUPTIONS: u32 = 2;

impl Bake<'_> {
    /// Makes the image on a new machine; on another one, where EC2 takes it back meanwhile.
    pub(super) async fn build(&mut self, plan: &Plan) -> Result<NewImage, BakeError> {
        loop {
            let error = match self.build_once(plan).await {
                Ok(image) => return Ok(image),
                Err(error) => error,
            };
            if !self.begins_anew(&error).await {
                return Err(error);
            }
        }
    }

    async fn build_once(&mut self, plan: &Plan) -> Result<NewImage, BakeError> {
        let started = self.launch(plan).await?;
        let provisioned = self.provision(started, plan).await?;
        self.mark(&provisioned).await?;
        self.image_of(provisioned, plan).await
    }

    /// After a failure: whether it was EC2 that has taken the builder back. Then what was begun is undone,
    /// so that it can begin anew. An image that is only slow needs no builder any more.
    pub(super) async fn begins_anew(&mut self, error: &BakeError) -> bool {
        if self.spot().is_none() || self.request.context.cancel.is_cancelled() {
            return false;
        }
        let Some(instance) = self.undo.machine() else { return false };
        let context = &self.request.context;
        if !is_interrupted(context.cloud, context.namespace, &instance).await {
            return false;
        }
        self.find_what_was_cut_off().await;
        if self.undo.has_image() && error.spares_the_image() {
            return false;
        }
        self.interruptions += 1;
        let next = if self.spot().is_some() { "another" } else { "an On-Demand Instance" };
        let text =
            format!("EC2 has taken the Spot Instance {instance} back: beginning anew on {next}");
        self.warn(text);
        self.login = None;
        for undone in self.undo.run_but_access(self.request.context.cloud).await {
            match undone {
                Undone::Done(what) => self.note(what),
                Undone::Left { id, error } => self.warn(format!("{id} was not removed: {error}")),
            }
        }
        true
    }

    /// How the next builder is a Spot Instance, if it is one.
    pub(super) fn spot(&self) -> Option<Spot> {
        let wanted = self.request.template.launch.spot.clone();
        wanted.filter(|_| self.interruptions < MOST_INTERRUPTIONS)
    }
}
