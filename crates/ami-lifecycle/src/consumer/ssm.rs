//! A parameter of Systems Manager that holds an AMI's id, of the data type that makes SSM
//! look whether there is such an AMI
//! (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>).

use std::time::{Duration, Instant};

use super::error::RollError;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::ec2::client::Cloud;
use crate::ec2::parameters::{Parameter, STRING};

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

/// What the parameter names.
pub(super) async fn read(cloud: &Cloud, name: &str) -> Result<Vec<Naming>, RollError> {
    let held = cloud.held_parameter(name).await?;
    let place = format!("SSM parameter {name}");
    let Some(held) = held else { return Ok(Vec::new()) };
    check_kind(&held)?;
    // One that is set for the first time may hold anything.
    let is_ami = held.value.starts_with("ami-");
    Ok(is_ami.then(|| Naming::of_all(place.clone(), place, held.value)).into_iter().collect())
}

/// What would change.
pub(super) async fn plan(cloud: &Cloud, name: &str, ami: &str) -> Result<Vec<Move>, RollError> {
    let held = cloud.held_parameter(name).await?;
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
