//! Which images of others an account allows itself.

use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{AllowedImages, AllowedState, State};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetAllowedImagesSettings.html>
pub(super) struct GetAllowedImagesSettings;

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableAllowedImagesSettings.html>
pub(super) struct EnableAllowedImagesSettings(AllowedState);

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableAllowedImagesSettings.html>
pub(super) struct DisableAllowedImagesSettings;

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceImageCriteriaInAllowedImagesSettings.html>
pub(super) struct ReplaceImageCriteriaInAllowedImagesSettings(Vec<Vec<String>>);

/// The settings of a region.
pub(super) fn settings(state: &State, region: &str) -> AllowedImages {
    let found = state.allowed_images.get(region).cloned();
    found.unwrap_or_else(|| AllowedImages::none(region))
}

fn change(call: &Call, change: impl FnOnce(&mut AllowedImages)) -> ApiResult<()> {
    call.ec2.change(|state| {
        let mut settings = settings(state, &call.region);
        change(&mut settings);
        state.allowed_images.insert(settings);
        Ok(())
    })
}

impl Action for GetAllowedImagesSettings {
    const REFERENCE: Reference = Reference::NONE;

    fn decode(_: &Params) -> ApiResult<Self> {
        Ok(GetAllowedImagesSettings)
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let settings = call.ec2.view(|state| settings(state, &call.region));
        xml.text("state", settings.state.name());
        xml.list("imageCriterionSet", settings.providers, |xml, providers| {
            xml.list("imageProviderSet", providers, |xml, provider| xml.value(provider));
        });
        xml.text("managedBy", "account");
        Ok(())
    }
}

impl Action for EnableAllowedImagesSettings {
    const REFERENCE: Reference =
        Reference { honours: &["AllowedImagesSettingsState"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        let text = params.required("AllowedImagesSettingsState")?;
        match text.as_str() {
            "enabled" => Ok(EnableAllowedImagesSettings(AllowedState::Enabled)),
            "audit-mode" => Ok(EnableAllowedImagesSettings(AllowedState::AuditMode)),
            other => Err(ApiError::invalid_value("allowedImagesSettingsState", other)),
        }
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        change(call, |settings| settings.state = self.0)?;
        xml.text("allowedImagesSettingsState", self.0.name());
        Ok(())
    }
}

impl Action for DisableAllowedImagesSettings {
    const REFERENCE: Reference = Reference::NONE;

    fn decode(_: &Params) -> ApiResult<Self> {
        Ok(DisableAllowedImagesSettings)
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        change(call, |settings| settings.state = AllowedState::Disabled)?;
        xml.text("allowedImagesSettingsState", "disabled");
        Ok(())
    }
}

impl Action for ReplaceImageCriteriaInAllowedImagesSettings {
    const REFERENCE: Reference = Reference {
        honours: &["ImageCriterion.ImageProvider"],
        notes: "Criteria are owners only.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let criteria = params.structures("ImageCriterion");
        let providers = criteria.iter().map(|criterion| criterion.list("ImageProvider"));
        Ok(ReplaceImageCriteriaInAllowedImagesSettings(providers.collect()))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        change(call, |settings| settings.providers = self.0)?;
        xml.text("return", true);
        Ok(())
    }
}
