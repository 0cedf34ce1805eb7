//! How a launch template and its versions are named, and what they give a launch.

use super::launch_template_data::overlay;
use super::parameters::select;
use super::query::check_id;
use crate::model::{LaunchTemplate, State};
use crate::protocol::{ApiError, ApiResult, Params};

/// What stands before the name of a parameter that has the AMI.
const BY_PARAMETER: &str = "resolve:ssm:";

/// A launch template by its id or name, never by both.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Id(String),
    Name(String),
}

impl Key {
    /// The key that a request has, if it has one.
    pub(super) fn decode(params: &Params) -> ApiResult<Option<Key>> {
        match (params.string("LaunchTemplateId"), params.string("LaunchTemplateName")) {
            (Some(_), Some(_)) => Err(ApiError::combination(
                "Either a launch template ID or a launch template name may be specified, not both",
            )),
            (Some(id), None) => check_id::<LaunchTemplate>(&id).map(|()| Some(Key::Id(id))),
            (None, name) => Ok(name.map(Key::Name)),
        }
    }

    pub(super) fn required(params: &Params) -> ApiResult<Key> {
        Key::decode(params)?.ok_or_else(|| ApiError::missing("LaunchTemplateId"))
    }

    pub(super) fn find<'s>(&self, state: &'s State, region: &str) -> ApiResult<&'s LaunchTemplate> {
        let mut here = state.launch_templates.of_region(region);
        match self {
            Key::Id(id) => here.find(|it| it.id == *id).ok_or_else(|| {
                ApiError::new(
                    "InvalidLaunchTemplateId.NotFound",
                    format!(
                        "The specified launch template, with template ID {id}, does not exist."
                    ),
                )
            }),
            Key::Name(name) => here.find(|it| it.name == *name).ok_or_else(|| {
                ApiError::new(
                    "InvalidLaunchTemplateName.NotFoundException",
                    format!(
                        "The specified launch template, with template name {name}, does not exist."
                    ),
                )
            }),
        }
    }
}

pub(super) fn version_not_found(template: &LaunchTemplate, version: &str) -> ApiError {
    let id = &template.id;
    let message = format!(
        "Could not find the specified version {version} for the launch template with ID {id}."
    );
    ApiError::new("InvalidLaunchTemplateId.VersionNotFound", message)
}

/// A launch completed with the version of a launch template that it names, and with the AMI that a
/// parameter has.
pub(super) fn complete(state: &State, region: &str, params: &Params) -> ApiResult<Params> {
    let mut pairs = params.to_pairs();
    let named = params.structure("LaunchTemplate");
    if let Some(key) = Key::decode(&named)? {
        let template = key.find(state, region)?;
        let wanted = named.string("Version").unwrap_or_else(|| "$Default".into());
        let version =
            template.version(&wanted).ok_or_else(|| version_not_found(template, &wanted))?;
        pairs = overlay(&version.data, &pairs);
        pairs.remove("LaunchTemplate.LaunchTemplateName");
        pairs.insert("LaunchTemplate.LaunchTemplateId".into(), template.id.clone());
        pairs.insert("LaunchTemplate.Version".into(), version.number.to_string());
    }
    if let Some(image) = pairs.get("ImageId")
        && let Some(resolved) = resolve(state, region, image)?
    {
        pairs.insert("ImageId".into(), resolved);
    }
    Ok(Params::new(pairs))
}

/// The AMI that `resolve:ssm:NAME` stands for; `None` for a plain id.
pub(super) fn resolve(state: &State, region: &str, image: &str) -> ApiResult<Option<String>> {
    let Some(name) = image.strip_prefix(BY_PARAMETER) else { return Ok(None) };
    let found = select(state, region, name).and_then(|(parameter, version)| {
        let held = &parameter.versions[version - 1];
        (held.data_type == "aws:ec2:image").then(|| held.value.clone())
    });
    found.map(Some).ok_or_else(|| {
        let message = format!("The SSM parameter {name} is not a parameter of type aws:ec2:image");
        ApiError::new("InvalidParameterValue", message)
    })
}
