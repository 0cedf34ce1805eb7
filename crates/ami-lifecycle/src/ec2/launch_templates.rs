//! Launch templates that are made to name another AMI.

use aws_sdk_ec2::types::{
    LaunchTemplateVersion, RequestLaunchTemplateData, ResponseLaunchTemplateData,
};

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::{CloudError, CloudErrorKind};

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
    /// The default version of a launch template, by its id or name, the latest one, and others by their
    /// numbers; `None` where there is no such template or version.
    pub(crate) async fn versions_to_roll(
        &self,
        template: &str,
        others: &[&str],
    ) -> Result<Option<Vec<Version>>, CloudError> {
        let request = self.ec2.describe_launch_template_versions();
        let request = request.versions("$Default").versions("$Latest");
        let others = others.iter().filter(|it| !it.starts_with('$'));
        let request = others.fold(request, |request, it| request.versions(*it));
        let request = if is_id(template) {
            request.launch_template_id(template)
        } else {
            request.launch_template_name(template)
        };
        let action = Action::DescribeLaunchTemplateVersions;
        match self.call(action, template, request.send()).await {
            Ok(answer) => {
                Ok(Some(answer.launch_template_versions().iter().map(Version::read).collect()))
            }
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a version, and returns its number.
    pub(crate) async fn create_version(&self, version: NewVersion<'_>) -> Result<i64, CloudError> {
        let NewVersion { template, source, ami, description, token } = version;
        let create = self
            .ec2
            .create_launch_template_version()
            .source_version(source.to_string())
            .version_description(description)
            .client_token(token)
            .launch_template_data(RequestLaunchTemplateData::builder().image_id(ami).build());
        let action = Action::CreateLaunchTemplateVersion;
        let create = create.launch_template_id(template);
        let answer = self.call(action, (template, source), create.send()).await?;
        let number = answer.launch_template_version().and_then(|version| version.version_number());
        number.ok_or_else(|| CloudError::answer(action, "no version in the answer"))
    }

    /// Makes a version the default one of its launch template.
    pub(crate) async fn make_default(&self, template: &str, number: i64) -> Result<(), CloudError> {
        let modify = self.ec2.modify_launch_template().default_version(number.to_string());
        let modify = if is_id(template) {
            modify.launch_template_id(template)
        } else {
            modify.launch_template_name(template)
        };
        let answer = self.call(Action::ModifyLaunchTemplate, (template, number), modify.send());
        answer.await.map(drop)
    }
}
