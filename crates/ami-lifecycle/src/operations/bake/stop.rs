//! The stop of the builder.

use super::Bake;
use crate::ec2::wait;
use crate::guest::error::GuestError;
use crate::model::event::Stage;
use crate::model::facts::InstanceFacts;
use crate::operations::bake::request::BakeRequest;
use crate::operations::context::Context;
use crate::operations::error::BakeError;

/// What EC2 says of a Spot Instance that is to be stopped, where its request is for one time
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-interruptions.html>).
const NOT_STOPPED: &str = "UnsupportedOperation";

impl Bake<'_> {
    pub(super) async fn stop(&mut self, instance: &str) -> Result<(), BakeError> {
        self.enter(Stage::Stop);
        let Context { cloud, cancel, namespace, .. } = &self.request.context;
        let BakeRequest { template, .. } = self.request;
        match cloud.stop(instance).await {
            Err(error) if error.code.as_deref() == Some(NOT_STOPPED) => {
                // CreateImage shuts it down, as it does with any instance that runs.
                let text = "a Spot Instance cannot be stopped: EC2 shuts it down for the image";
                self.note(text.to_owned());
                return Ok(());
            }
            other => other?,
        }
        let mut waiting = cloud.machines_awaited().wait_for(instance);
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
        let limit = template.timeouts.stop;
        let waited = wait::together(limit, cancel, &mut waiting, ask, judge).await;
        waited.map_err(|error| BakeError::waiting("the stop of the instance", error))
    }
}
