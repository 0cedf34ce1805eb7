//! Launch templates that are made to name another AMI.

use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{
    LaunchTemplateVersion, RequestLaunchTemplateData, ResponseLaunchTemplateData,
};

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;

/// What matters of a version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    pub(crate) number: i64,
    pub(crate) image: String,
    pub(crate) is_default: bool,
    /// All that it says besides the image, to be compared.
    pub(crate) rest: Option<ResponseLaunchTemplateData>,
    /// The launch template's id.
    pub(crate) template: String,
}

impl Version {
    fn read(version: &LaunchTemplateVersion) -> Version {
        let data = version.launch_template_data();
        let image = data.and_then(|data| data.image_id()).unwrap_or_default().to_owned();
        let mut rest = data.cloned();
        if let Some(rest) = &mut rest {
            rest.image_id = None;
        }
        Version {
            number: version.version_number().unwrap_or_default(),
            image,
            is_default: version.default_version().unwrap_or_default(),
            template: version.launch_template_id().unwrap_or_default().to_owned(),
            rest,
        }
    }
}

/// A version to be made.
pub(crate) struct NewVersion<'a> {
    /// The launch template's id.
    pub(crate) template: &'a str,
    /// The version that it is like, but for the AMI.
    pub(crate) source: i64,
    pub(crate) ami: &'a str,
    pub(crate) description: String,
    /// The same for who asks twice.
    pub(crate) token: String,
}

fn is_id(template: &str) -> bool {
    template.strip_prefix("lt-").is_some_and(|rest| rest.bytes().all(|it| it.is_ascii_hexdigit()))
}

impl Cloud {
    /// The default version of a launch template, by its id or name, and the latest one; `None` where
    /// there is no such template.
    pub(crate) async fn versions_to_roll(
        &self,
        template: &str,
    ) -> Result<Option<Vec<Version>>, CloudError> {
        tracing::debug!("DescribeLaunchTemplateVersions of {template}");
        let request = self.ec2.describe_launch_template_versions();
        let request = request.versions("$Default").versions("$Latest");
        let request = match is_id(template) {
            true => request.launch_template_id(template),
            false => request.launch_template_name(template),
        };
        match request.send().await {
            Ok(answer) => {
                Ok(Some(answer.launch_template_versions().iter().map(Version::read).collect()))
            }
            Err(error) if error.code().is_some_and(|code| code.contains("NotFound")) => Ok(None),
            Err(error) => Err(CloudError::new(Action::DescribeLaunchTemplateVersions, error)),
        }
    }

    /// Makes a version, and returns its number.
    pub(crate) async fn create_version(&self, version: NewVersion<'_>) -> Result<i64, CloudError> {
        let NewVersion { template, source, ami, description, token } = version;
        tracing::debug!("CreateLaunchTemplateVersion {template} from {source}");
        let create = self
            .ec2
            .create_launch_template_version()
            .source_version(source.to_string())
            .version_description(description)
            .client_token(token)
            .launch_template_data(RequestLaunchTemplateData::builder().image_id(ami).build());
        let answer = create.launch_template_id(template).send().await;
        let answer =
            answer.map_err(|error| CloudError::new(Action::CreateLaunchTemplateVersion, error))?;
        let number = answer.launch_template_version().and_then(|version| version.version_number());
        let missing =
            || CloudError::answer(Action::CreateLaunchTemplateVersion, "no version in the answer");
        number.ok_or_else(missing)
    }

    /// Makes a version the default one of its launch template.
    pub(crate) async fn make_default(&self, template: &str, number: i64) -> Result<(), CloudError> {
        tracing::debug!("ModifyLaunchTemplate {template} {number}");
        let modify = self.ec2.modify_launch_template().default_version(number.to_string());
        let modify = match is_id(template) {
            true => modify.launch_template_id(template),
            false => modify.launch_template_name(template),
        };
        let answer = modify.send().await;
        answer.map(drop).map_err(|error| CloudError::new(Action::ModifyLaunchTemplate, error))
    }
}
