//! A parameter of Systems Manager that holds an AMI's id, of the data type that makes SSM
//! look whether there is such an AMI
//! (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>).

use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::error::RollError;
use super::files::Files;
use super::kind::{Kind, Reading};
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::ec2::action::Action;
use crate::ec2::parameters::{Parameter, STRING};
use crate::model::consumer::SsmParameter;
use crate::model::id::AmiId;

const IMAGE: &str = "aws:ec2:image";
/// PutParameter of that data type answers before it has looked at the AMI.
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

fn check_kind(held: &Parameter) -> Result<(), RollError> {
    if held.kind == STRING {
        return Ok(());
    }
    Err(RollError::ParameterKind { kind: held.kind.clone() })
}

fn is(held: &Parameter, ami: &str) -> bool {
    held.value == ami && held.data_type == IMAGE
}

#[async_trait(?Send)]
impl Kind for SsmParameter {
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        let held = reading.cloud.held_parameter(&self.name).await?;
        let Some(held) = held else { return Ok(Some(Vec::new())) };
        check_kind(&held)?;
        // One that is set for the first time may hold anything.
        let is_ami = held.value.starts_with(AmiId::PREFIX);
        let naming = || Naming::of_all(self.label(), self.label(), AmiId::answered(held.value));
        Ok(Some(is_ami.then(naming).into_iter().collect()))
    }

    async fn plan(&self, request: &RollRequest<'_>, _: &mut Files) -> Result<Vec<Move>, RollError> {
        plan(request, &self.name).await
    }

    /// Sets it, and waits until it is what was set.
    async fn roll(
        &self,
        request: &RollRequest<'_>,
        _: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        let (cloud, name, ami) = (request.cloud, &self.name, request.target.ami.as_str());
        let made = plan(request, name).await?;
        if made.is_empty() {
            return Ok(());
        }
        cloud.put_parameter(name, ami, IMAGE).await?;
        let end = Instant::now() + LIMIT;
        while cloud.held_parameter(name).await?.is_none_or(|held| !is(&held, ami)) {
            if Instant::now() > end {
                return Err(RollError::ParameterNotTaken { ami: ami.to_owned(), limit: LIMIT });
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = request.cancel.cancelled() => return Err(RollError::Cancelled),
            }
        }
        *moves = made;
        Ok(())
    }

    fn places(&self, _: &str, region: Option<&str>) -> Vec<WrittenPlace> {
        vec![WrittenPlace::of(self.label(), region)]
    }

    fn actions(&self, rolls: bool) -> &'static [Action] {
        if rolls { &[Action::GetParameter, Action::PutParameter] } else { &[Action::GetParameter] }
    }
}

/// What would change.
async fn plan(request: &RollRequest<'_>, name: &str) -> Result<Vec<Move>, RollError> {
    let ami = &request.target.ami;
    let held = request.cloud.held_parameter(name).await?;
    if let Some(held) = &held {
        check_kind(held)?;
        if is(held, ami) {
            return Ok(Vec::new());
        }
    }
    let from = held.map(|held| held.value);
    Ok(vec![Move {
        place: name.to_owned(),
        is_all: true,
        value: Value::Ami,
        from,
        to: ami.clone().into(),
    }])
}
