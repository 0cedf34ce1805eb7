//! A bake without an AMI: whether the scripts work and the machine can be sealed.

use super::{Bake, Plan};
use crate::model::event::Stage;
use crate::model::id::InstanceId;
use crate::operations::error::BakeError;

impl Bake<'_> {
    /// Does all that is done inside the guest, and ends the machine.
    pub(super) async fn try_out(&mut self, plan: &Plan) -> Result<(), BakeError> {
        let instance = loop {
            let error = match self.provision_once(plan).await {
                Ok(instance) => break instance,
                Err(error) => error,
            };
            if !self.begins_anew(&error).await {
                return Err(error);
            }
        };
        // Nothing is left of a trial, so what cannot be ended is its failure.
        self.enter(Stage::Terminate);
        self.request.context.cloud.terminate(&instance).await?;
        self.undo.forget_instance(&instance);
        Ok(())
    }

    async fn provision_once(&mut self, plan: &Plan) -> Result<InstanceId, BakeError> {
        let started = self.launch(plan).await?;
        Ok(self.provision(started, plan).await?.instance)
    }
}
