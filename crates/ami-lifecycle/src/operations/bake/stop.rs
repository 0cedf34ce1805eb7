//! The stop of the builder: its end of the SSH connection says when a look is worth it.

use tokio::sync::watch;

use super::{Bake, Plan};
use crate::ec2::poll::Rhythm;
use crate::ec2::wait;
use crate::guest::error::GuestError;
use crate::model::event::Stage;
use crate::model::facts::InstanceFacts;
use crate::operations::bake::request::BakeRequest;
use crate::operations::context::Context;
use crate::operations::error::BakeError;

impl Bake<'_> {
    pub(super) async fn stop(
        &mut self,
        instance: &str,
        mut hung_up: Option<watch::Receiver<bool>>,
        plan: &Plan,
    ) -> Result<(), BakeError> {
        self.enter(Stage::Stop);
        let Context { cloud, cancel, namespace, .. } = &self.request.context;
        let BakeRequest { template, .. } = self.request;
        cloud.stop(instance).await?;
        let expected = plan.fleet.experience(&template.name, "stop");
        let rhythm = Rhythm::within(expected, template.timeouts.stop);
        let mut waiting = cloud.machines_awaited().wait_for(instance, rhythm);
        let ask = async |ids| cloud.machines_with(namespace, ids).await;
        let judge = |found: &[InstanceFacts]| {
            let Some(facts) = found.iter().find(|it| it.id == instance) else { return Ok(None) };
            match facts.state.as_str() {
                "stopped" => Ok(Some(())),
                "terminated" => Err(BakeError::Guest(GuestError::InstanceEnded {
                    instance: instance.to_owned(),
                    reason: facts.reason.clone(),
                })),
                _ => Ok(None),
            }
        };
        let (limit, sign) = (template.timeouts.stop, hung_up.as_mut());
        let waited = wait::together(limit, cancel, &mut waiting, sign, ask, judge).await;
        waited.map_err(|error| BakeError::waiting("the stop of the instance", error))?;
        self.took.insert("stop", waiting.took());
        Ok(())
    }
}
