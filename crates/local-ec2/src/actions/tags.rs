//! Tags.

use super::Action;
use crate::ec2::Call;
use crate::model::Tags;
use crate::protocol::{ApiError, ApiResult, Params, Xml};

/// The most tags that a resource may have
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>).
const MOST_TAGS: usize = 50;

fn resources(params: &Params) -> ApiResult<Vec<String>> {
    let ids = params.list("ResourceId");
    if ids.is_empty() {
        return Err(ApiError::new(
            "MissingParameter",
            "The request must contain the parameter resourceIdSet",
        ));
    }
    Ok(ids)
}

fn missing(id: &str) -> ApiError {
    match id.split('-').next() {
        Some("ami") => ApiError::not_found("InvalidAMIID", "image id", id),
        Some("i") => ApiError::not_found("InvalidInstanceID", "instance ID", id),
        Some("snap") => ApiError::not_found("InvalidSnapshot", "snapshot", id),
        Some("vol") => ApiError::not_found("InvalidVolume", "volume", id),
        _ => ApiError::not_found("InvalidID", "ID", id),
    }
}

pub(super) struct CreateTags {
    resources: Vec<String>,
    tags: Tags,
}

impl Action for CreateTags {
    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(CreateTags { resources: resources(params)?, tags: params.tags()? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            for id in &self.resources {
                let tags = state.tags_mut(id).ok_or_else(|| missing(id))?;
                tags.extend(self.tags.clone());
                if tags.len() > MOST_TAGS {
                    let message =
                        format!("The maximum number of tags ({MOST_TAGS}) for {id} is exceeded");
                    return Err(ApiError::new("TagLimitExceeded", message));
                }
            }
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}

pub(super) struct DeleteTags {
    resources: Vec<String>,
    /// A tag without a value is deleted whatever its value; none at all means every tag.
    tags: Vec<(String, Option<String>)>,
}

impl Action for DeleteTags {
    fn decode(params: &Params) -> ApiResult<Self> {
        let tags = params.structures("Tag");
        let tags = tags.iter().map(|tag| Ok((tag.required("Key")?, tag.string("Value"))));
        Ok(DeleteTags { resources: resources(params)?, tags: tags.collect::<ApiResult<_>>()? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            for id in &self.resources {
                let tags = state.tags_mut(id).ok_or_else(|| missing(id))?;
                if self.tags.is_empty() {
                    tags.clear();
                }
                for (key, value) in &self.tags {
                    if value.is_none() || tags.get(key) == value.as_ref() {
                        tags.remove(key);
                    }
                }
            }
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}
