//! Images that are to be used no more from some day on.

use jiff::{SignedDuration, Timestamp, TimestampRound, Unit};

use super::query::{find_own_image, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::Image;
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// The farthest day
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageDeprecation.html>),
/// with the leap days of ten years.
const FARTHEST: SignedDuration = SignedDuration::from_hours((10 * 365 + 3) * 24);

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageDeprecation.html>
pub(super) struct EnableImageDeprecation {
    id: String,
    at: Timestamp,
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableImageDeprecation.html>
pub(super) struct DisableImageDeprecation(String);

fn deprecate(call: &Call, id: &str, at: Option<Timestamp>, xml: &mut Xml) -> ApiResult<()> {
    call.ec2.change(|state| {
        find_own_image(state, id)?.deprecation = at;
        Ok(())
    })?;
    xml.text("return", true);
    Ok(())
}

impl Action for EnableImageDeprecation {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId", "DeprecateAt"],
        notes: "Seconds are rounded to the minute.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let id = required_id::<Image>(params, "ImageId")?;
        let text = params.required("DeprecateAt")?;
        let invalid = || ApiError::invalid_value("DeprecateAt", &text);
        let at: Timestamp = text.parse().map_err(|_| invalid())?;
        let until = at.duration_since(Timestamp::now());
        if until < SignedDuration::ZERO || until > FARTHEST {
            return Err(invalid());
        }
        let at = at.round(TimestampRound::new().smallest(Unit::Minute)).map_err(|_| invalid())?;
        Ok(EnableImageDeprecation { id, at })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        deprecate(call, &self.id, Some(self.at), xml)
    }
}

impl Action for DisableImageDeprecation {
    const REFERENCE: Reference = Reference { honours: &["ImageId"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DisableImageDeprecation(required_id::<Image>(params, "ImageId")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        deprecate(call, &self.0, None, xml)
    }
}
