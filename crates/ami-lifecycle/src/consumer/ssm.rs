//! A parameter of Systems Manager that holds an AMI's id, of the data type that makes SSM
//! look whether there is such an AMI
//! (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>).

use std::time::{Duration, Instant};

use aws_sdk_ssm::error::ProvideErrorMetadata;
use aws_sdk_ssm::types::ParameterType;

use super::error::RollError;
use super::reading::Naming;
use super::roll::{Move, RollRequest, Value};
use crate::action::Action;
use crate::cloud::Cloud;
use crate::error::CloudError;

const IMAGE: &str = "aws:ec2:image";
/// PutParameter of that data type answers before it has looked at the AMI.
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// What a parameter holds.
struct Held {
    value: String,
    kind: ParameterType,
    data_type: String,
}

impl Held {
    fn check_kind(&self) -> Result<(), RollError> {
        match &self.kind {
            ParameterType::String => Ok(()),
            kind => Err(RollError::ParameterKind { kind: kind.to_string() }),
        }
    }

    fn is(&self, ami: &str) -> bool {
        self.value == ami && self.data_type == IMAGE
    }
}

async fn held(cloud: &Cloud, name: &str) -> Result<Option<Held>, CloudError> {
    tracing::debug!("GetParameter {name}");
    let answer = cloud.ssm().get_parameter().name(name).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("ParameterNotFound") => return Ok(None),
        Err(error) => return Err(CloudError::new(Action::GetParameter, error)),
    };
    Ok(answer.parameter.map(|parameter| Held {
        value: parameter.value.unwrap_or_default(),
        kind: parameter.r#type.unwrap_or(ParameterType::String),
        data_type: parameter.data_type.unwrap_or_default(),
    }))
}

/// What the parameter names.
pub(super) async fn read(cloud: &Cloud, name: &str) -> Result<Vec<Naming>, RollError> {
    let held = held(cloud, name).await?;
    let place = format!("SSM parameter {name}");
    let Some(held) = held else { return Ok(Vec::new()) };
    held.check_kind()?;
    // One that is set for the first time may hold anything.
    let is_ami = held.value.starts_with("ami-");
    Ok(is_ami.then(|| Naming::of_all(place.clone(), place, held.value)).into_iter().collect())
}

/// What would change.
pub(super) async fn plan(cloud: &Cloud, name: &str, ami: &str) -> Result<Vec<Move>, RollError> {
    let held = held(cloud, name).await?;
    if let Some(held) = &held {
        held.check_kind()?;
        if held.is(ami) {
            return Ok(Vec::new());
        }
    }
    let from = held.map(|held| held.value);
    Ok(vec![Move {
        place: name.to_owned(),
        is_all: true,
        value: Value::Ami,
        from,
        to: ami.to_owned(),
    }])
}

/// Sets it, and waits until it is what was set.
pub(super) async fn roll(
    request: &RollRequest<'_>,
    name: &str,
    moves: &mut Vec<Move>,
) -> Result<(), RollError> {
    let (cloud, ami) = (request.cloud, request.target.ami.as_str());
    let made = plan(cloud, name, ami).await?;
    if made.is_empty() {
        return Ok(());
    }
    tracing::debug!("PutParameter {name} {ami}");
    let put = cloud.ssm().put_parameter().name(name).value(ami).overwrite(true);
    let put = put.r#type(ParameterType::String).data_type(IMAGE);
    put.send().await.map_err(|error| CloudError::new(Action::PutParameter, error))?;
    let end = Instant::now() + LIMIT;
    while held(cloud, name).await?.is_none_or(|held| !held.is(ami)) {
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
