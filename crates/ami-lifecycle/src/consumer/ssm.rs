//! A parameter of Systems Manager that holds an AMI's id, of the data type that makes SSM
//! look whether there is such an AMI
//! (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>).

use std::time::{Duration, Instant};

use aws_sdk_ssm::error::ProvideErrorMetadata;
use aws_sdk_ssm::types::ParameterType;

use super::error::RollError;
use super::reading::Naming;
use super::roll::{Move, Value};
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

async fn held(cloud: &Cloud, name: &str) -> Result<Option<Held>, CloudError> {
    tracing::debug!("GetParameter {name}");
    let answer = cloud.ssm().get_parameter().name(name).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("ParameterNotFound") => return Ok(None),
        Err(error) => return Err(CloudError::new("GetParameter", error)),
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
    let naming = |held: Held| Naming::new(place.clone(), place.clone(), held.value);
    Ok(held.map(naming).into_iter().collect())
}

/// What would change.
pub(super) async fn plan(cloud: &Cloud, name: &str, ami: &str) -> Result<Vec<Move>, RollError> {
    let held = held(cloud, name).await?;
    if let Some(held) = &held {
        if held.kind != ParameterType::String {
            return Err(RollError::ParameterKind { kind: held.kind.to_string() });
        }
        if held.value == ami && held.data_type == IMAGE {
            return Ok(Vec::new());
        }
    }
    let from = held.map(|held| held.value);
    Ok(vec![Move { place: name.to_owned(), value: Value::Ami, from, to: ami.to_owned() }])
}

/// Sets it, and waits until it is what was set.
pub(super) async fn roll(
    cloud: &Cloud,
    name: &str,
    ami: &str,
    moves: &mut Vec<Move>,
) -> Result<(), RollError> {
    let made = plan(cloud, name, ami).await?;
    if made.is_empty() {
        return Ok(());
    }
    tracing::debug!("PutParameter {name} {ami}");
    let request = cloud.ssm().put_parameter().name(name).value(ami).overwrite(true);
    let request = request.r#type(ParameterType::String).data_type(IMAGE);
    request.send().await.map_err(|error| CloudError::new("PutParameter", error))?;
    let end = Instant::now() + LIMIT;
    while held(cloud, name).await?.is_none_or(|held| held.value != ami) {
        if Instant::now() > end {
            return Err(RollError::ParameterNotTaken { ami: ami.to_owned(), limit: LIMIT });
        }
        tokio::time::sleep(PAUSE).await;
    }
    *moves = made;
    Ok(())
}
