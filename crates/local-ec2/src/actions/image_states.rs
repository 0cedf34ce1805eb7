//! Images that nobody may launch for a while.

use super::query::{find_own_image, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{Image, ImageState};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableImage.html>
pub(super) struct DisableImage(String);

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImage.html>
pub(super) struct EnableImage(String);

/// Takes an image from one state to another. One that is there already stays as it is.
fn change(
    call: &Call,
    id: &str,
    (from, to): (ImageState, ImageState),
    xml: &mut Xml,
) -> ApiResult<()> {
    call.ec2.change(|state| {
        let image = find_own_image(state, id)?;
        if image.state != from && image.state != to {
            let message = format!("The image {id} is {}", image.state.name());
            return Err(ApiError::new("InvalidAMIID.Unavailable", message));
        }
        image.state = to;
        // "You can't share a disabled AMI": who could launch it cannot any more, for good.
        if to == ImageState::Disabled {
            image.permissions.clear();
        }
        Ok(())
    })?;
    xml.text("return", true);
    Ok(())
}

impl Action for DisableImage {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId"],
        notes: "Its launch permissions go for good.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DisableImage(required_id::<Image>(params, "ImageId")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        change(call, &self.0, (ImageState::Available, ImageState::Disabled), xml)
    }
}

impl Action for EnableImage {
    const REFERENCE: Reference = Reference { honours: &["ImageId"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(EnableImage(required_id::<Image>(params, "ImageId")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        change(call, &self.0, (ImageState::Disabled, ImageState::Available), xml)
    }
}
