//! Systems Manager looks at an AMI before a parameter of the data type `aws:ec2:image` has it
//! (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::ec2::Ec2;
use crate::model::{ImageState, ParameterVersion, State};

/// How long the look takes.
const LOOK: Duration = Duration::from_millis(300);

/// Gives a parameter the value that it is to have, if there is such an AMI.
pub(crate) fn look_at_parameter(ec2: &Arc<Ec2>, key: String) {
    let ec2 = ec2.clone();
    tokio::spawn(async move {
        tokio::time::sleep(LOOK).await;
        ec2.insist(&format!("the parameter {key} is looked at"), |state| settle(state, &key)).await;
    });
}

fn settle(state: &mut State, key: &str) {
    let Some(parameter) = state.parameters.get(key) else { return };
    let Some(value) = parameter.pending.clone() else { return };
    let region = parameter.region.clone();
    let is_usable = state.images.get(&value).is_some_and(|image| {
        let is_here = image.region.is_empty() || image.region == region;
        is_here && image.is_visible() && image.state == ImageState::Available
    });
    let Some(parameter) = state.parameters.get_mut(key) else { return };
    parameter.pending = None;
    if is_usable {
        let (data_type, modified) = ("aws:ec2:image".to_owned(), Timestamp::now());
        parameter.versions.push(ParameterVersion { value, data_type, modified });
    } else if parameter.versions.is_empty() {
        state.parameters.remove(key);
    }
}

/// Takes up what an earlier server left.
pub(super) fn resume(ec2: &Arc<Ec2>) {
    let waiting: Vec<String> = ec2.read(|state| {
        let waiting = state.parameters.iter().filter(|it| it.pending.is_some());
        waiting.map(|it| it.key.clone()).collect()
    });
    waiting.into_iter().for_each(|key| look_at_parameter(ec2, key));
}
