//! A bake without an AMI: whether the scripts work and the machine can be sealed.

use super::{Bake, Plan};
use crate::operations::error::BakeError;

impl Bake<'_> {
    /// Does all that is done inside the guest, and ends the machine.
    pub(super) async fn try_out(&mut self, plan: &Plan) -> Result<(), BakeError> {
        let started = self.launch(plan).await?;
        let provisioned = self.provision(started, plan).await?;
        self.terminate(&provisioned.instance).await;
        Ok(())
    }
}
