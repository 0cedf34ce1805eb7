//! A CloudFormation stack that has the AMI as a parameter: an update with that value, and all else as it
//! was. CloudFormation itself takes back what fails.

use std::time::Duration;

use async_trait::async_trait;

use super::error::RollError;
use super::files::Files;
use super::kind::{Kind, Reading};
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::stacks::Stack;
use crate::model::consumer::StackParameter;
use crate::model::digest::digest;
use crate::model::event::Event;
use crate::model::id::AmiId;

/// How often a stack is looked at, at first and in the end.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

impl StackParameter {
    /// The stack, and the AMI that its parameter has.
    async fn look(&self, cloud: &Cloud) -> Result<(Stack, String), RollError> {
        let stack = cloud.stack(&self.stack).await?.ok_or(RollError::NoStack)?;
        let Some((value, resolved)) = stack.parameter(&self.parameter) else {
            let known = stack.parameter_names().join(", ");
            return Err(RollError::NoStackParameter { parameter: self.parameter.clone(), known });
        };
        if resolved.is_some() {
            return Err(RollError::Resolved(format!("the SSM parameter {value}")));
        }
        let value = value.to_owned();
        Ok((stack, value))
    }

    fn moves(&self, value: &str, ami: &AmiId) -> Vec<Move> {
        if value == ami.as_str() {
            return Vec::new();
        }
        let from = Some(value.to_owned()).filter(|it| !it.is_empty());
        let (place, to) = (self.parameter.clone(), ami.clone().into());
        vec![Move { place, is_all: false, value: Value::Ami, from, to }]
    }

    /// Waits until CloudFormation is done with a stack.
    async fn settled(&self, id: &str, request: &RollRequest<'_>) -> Result<Stack, RollError> {
        let (mut pause, longest) = PAUSES;
        let mut told = String::new();
        loop {
            let stack = request.cloud.stack(id).await?.ok_or(RollError::NoStack)?;
            if !stack.is_in_progress() {
                return Ok(stack);
            }
            if told != stack.status {
                told.clone_from(&stack.status);
                let text = format!("{}: {}", self.label(), stack.status);
                request.observer.event(Event::Note(text));
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = request.cancel.cancelled() => return Err(RollError::Cancelled),
            }
            pause = (pause * 2).min(longest);
        }
    }
}

#[async_trait(?Send)]
impl Kind for StackParameter {
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        let (_, value) = self.look(reading.cloud).await?;
        let place = format!("parameter {} of {}", self.parameter, self.label());
        let is_ami = value.starts_with(AmiId::PREFIX);
        let naming = || Naming::new(place, self.parameter.clone(), AmiId::answered(value));
        Ok(Some(is_ami.then(naming).into_iter().collect()))
    }

    async fn plan(&self, request: &RollRequest<'_>, _: &mut Files) -> Result<Vec<Move>, RollError> {
        let (_, value) = self.look(request.cloud).await?;
        Ok(self.moves(&value, &request.target.ami))
    }

    /// Updates it, after whatever is under way, and waits for the end.
    async fn roll(
        &self,
        request: &RollRequest<'_>,
        _: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        let (cloud, ami) = (request.cloud, &request.target.ami);
        let (stack, _) = self.look(cloud).await?;
        // What is under way may end in another value.
        self.settled(&stack.id, request).await?;
        let (stack, value) = self.look(cloud).await?;
        let made = self.moves(&value, ami);
        if made.is_empty() {
            return Ok(());
        }
        let token = digest(&format!("{} {} {value} {ami} {}", stack.id, self.parameter, now()));
        let update = (self.parameter.as_str(), ami.as_str());
        if cloud.update_stack(&stack, update, &token).await? {
            let after = self.settled(&stack.id, request).await?;
            if !after.is_updated() {
                let mut failures = cloud.stack_failures(&stack.id, &token).await?;
                failures.extend(after.reason.filter(|_| failures.is_empty()));
                let status = after.status;
                return Err(RollError::StackUpdate { status, failures, before: value });
            }
        }
        *moves = made;
        Ok(())
    }

    fn places(&self, _: &str, region: Option<&str>) -> Vec<WrittenPlace> {
        let text = format!("parameter {} of {}", self.parameter, self.label());
        vec![WrittenPlace::of(text, region)]
    }

    fn actions(&self, rolls: bool) -> &'static [Action] {
        if rolls {
            &[Action::DescribeStackEvents, Action::DescribeStacks, Action::UpdateStack]
        } else {
            &[Action::DescribeStacks]
        }
    }
}

/// An update that failed may be tried again, which is another one.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}
