//! What a dead bake has left: gone on with, or removed.

use jiff::Timestamp;

use super::{Bake, NewImage, Plan};
use crate::consumer::Holders;
use crate::model::ami::Ami;
use crate::model::event::Stage;
use crate::model::facts::InstanceFacts;
use crate::model::fleet::Fleet;
use crate::model::leftover::LeftKind;
use crate::model::resume::{self, Takeover};
use crate::operations::bake::request::BakeRequest;
use crate::operations::claim::Actor;
use crate::operations::claim::{Target, adopt};
use crate::operations::context::Context;
use crate::operations::error::BakeError;
use crate::operations::sweep::remove_leftover;

impl Bake<'_> {
    pub(super) fn take_over(
        &self,
        fleet: &Fleet,
        machines: &[InstanceFacts],
        recipe: &str,
    ) -> Takeover {
        let Actor { is_gone, .. } = self.request.context.actor;
        let BakeRequest { template, .. } = *self.request;
        resume::decide(fleet, machines, &template.name, recipe, is_gone, Timestamp::now())
    }

    /// What dead bakes have left and nobody can use. A failure is only told: `sweep` is
    /// there for what stays.
    pub(super) async fn remove_the_dead(&mut self, plan: &Plan) {
        let Context { cloud, .. } = self.request.context;
        let BakeRequest { consumers, .. } = *self.request;
        let removed = &plan.takeover.removed;
        let holders = if removed.iter().any(|it| it.kind == LeftKind::Image) {
            consumers.holders(cloud, &plan.fleet).await
        } else {
            Holders::default()
        };
        for leftover in removed {
            if let Some(why) = leftover.named_by(&holders) {
                self.warn(format!("{} is kept: {why}", leftover.id));
                continue;
            }
            match remove_leftover(cloud, leftover, self.request.context.actor).await {
                Ok(_) => self.note(format!(
                    "removed {}, which a dead bake of {} had left behind",
                    leftover.id, leftover.operator
                )),
                Err(error) => self.warn(format!("{} was not removed: {error}", leftover.id)),
            }
        }
    }

    pub(super) async fn adopt_image(&mut self, ami: &Ami) -> Result<NewImage, BakeError> {
        self.enter(Stage::Image);
        self.continue_as(&ami.bake);
        let Context { cloud, .. } = self.request.context;
        let Actor { is_gone, .. } = self.request.context.actor;
        adopt(cloud, Target::Image(&ami.ami), &self.marks.claim(), is_gone).await?;
        self.undo.image(&ami.ami);
        self.note(format!(
            "resuming with {} ({}), which {} started",
            ami.ami, ami.name, ami.operator
        ));
        let facts = self.wait_until_available(&ami.ami).await?;
        Ok(NewImage { facts, generation: ami.generation })
    }

    pub(super) async fn adopt_machine(&mut self, id: &str, bake: &str) -> Result<(), BakeError> {
        self.enter(Stage::Stop);
        self.continue_as(bake);
        let Context { cloud, .. } = self.request.context;
        let Actor { is_gone, .. } = self.request.context.actor;
        adopt(cloud, Target::Instance(id), &self.marks.claim(), is_gone).await?;
        self.undo.instance(id);
        self.note(format!("resuming with {id}, which is already provisioned"));
        Ok(())
    }

    /// What is gone on with carries the dead bake's id, and so does all that follows.
    fn continue_as(&mut self, bake: &str) {
        self.marks.bake = bake.to_owned();
        self.undo.set_bake(bake);
    }
}
