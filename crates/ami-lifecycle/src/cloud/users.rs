//! What may use an image: launch templates, auto scaling groups, and what EC2 itself knows of.

use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_ec2::types::ImageReference;

use super::{Cloud, CloudError};
use crate::action::Action;

/// What a launch template has in place of an AMI's id when it names an SSM parameter
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/using-systems-manager-parameters.html>).
const BY_PARAMETER: &str = "resolve:ssm:";

/// How a launch template is named: EC2 takes one of the two.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LaunchTemplateKey<'a> {
    Id(&'a str),
    Name(&'a str),
}

/// A version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaunchTemplateVersion {
    /// The template's id.
    pub(crate) id: String,
    /// The template's name.
    pub(crate) name: String,
    /// Its number.
    pub(crate) number: i64,
    /// An AMI's id, or `resolve:ssm:` and a parameter's name.
    pub(crate) image: Option<String>,
}

impl LaunchTemplateVersion {
    fn read(version: aws_sdk_ec2::types::LaunchTemplateVersion) -> LaunchTemplateVersion {
        LaunchTemplateVersion {
            id: version.launch_template_id.unwrap_or_default(),
            name: version.launch_template_name.unwrap_or_default(),
            number: version.version_number.unwrap_or_default(),
            image: version.launch_template_data.and_then(|data| data.image_id),
        }
    }

    /// The AMI that instances are started from now. Where a parameter tells it, EC2 is asked for
    /// its value: that takes the right to read the parameter.
    pub(crate) async fn ami_id(&self, cloud: &Cloud) -> Result<Option<String>, CloudError> {
        match &self.image {
            Some(image) if image.starts_with(BY_PARAMETER) => {
                cloud.resolved_image(&self.id, self.number).await
            }
            image => Ok(image.clone()),
        }
    }
}

impl Cloud {
    /// Versions of one launch template, or of all: all of them, or one by number, `$Default` or
    /// `$Latest`.
    pub(crate) async fn launch_template_versions(
        &self,
        template: Option<LaunchTemplateKey<'_>>,
        version: Option<&str>,
    ) -> Result<Vec<LaunchTemplateVersion>, CloudError> {
        self.turn(Action::DescribeLaunchTemplateVersions, (&template, version)).await;
        let request = self.ec2.describe_launch_template_versions();
        let request = request.set_versions(version.map(|version| vec![version.to_owned()]));
        let request = match template {
            Some(LaunchTemplateKey::Id(id)) => request.launch_template_id(id),
            Some(LaunchTemplateKey::Name(name)) => request.launch_template_name(name),
            None => request,
        };
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(version) = pages.next().await {
            let version = version
                .map_err(|error| CloudError::new(Action::DescribeLaunchTemplateVersions, error))?;
            found.push(LaunchTemplateVersion::read(version));
        }
        Ok(found)
    }

    /// The AMI that the parameter leads to which a version names.
    async fn resolved_image(&self, id: &str, number: i64) -> Result<Option<String>, CloudError> {
        self.turn(Action::DescribeLaunchTemplateVersions, (&id, number, "resolved")).await;
        let request = self.ec2.describe_launch_template_versions().launch_template_id(id);
        let request = request.versions(number.to_string()).resolve_alias(true);
        let answer = request.send().await;
        let answer = answer
            .map_err(|error| CloudError::new(Action::DescribeLaunchTemplateVersions, error))?;
        let versions = answer.launch_template_versions.unwrap_or_default().into_iter();
        let image = versions.map(LaunchTemplateVersion::read).find_map(|version| version.image);
        match image {
            Some(image) if image.starts_with(BY_PARAMETER) => Err(CloudError::answer(
                Action::DescribeLaunchTemplateVersions,
                format!("EC2 does not resolve {image}"),
            )),
            image => Ok(image),
        }
    }

    /// All auto scaling groups.
    pub(crate) async fn auto_scaling_groups(&self) -> Result<Vec<AutoScalingGroup>, CloudError> {
        self.turn(Action::DescribeAutoScalingGroups, "all").await;
        let request = self.autoscaling.describe_auto_scaling_groups();
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(group) = pages.next().await {
            found.push(
                group.map_err(|error| CloudError::new(Action::DescribeAutoScalingGroups, error))?,
            );
        }
        Ok(found)
    }

    /// The AMI of a launch configuration.
    pub(crate) async fn ami_of_launch_configuration(
        &self,
        name: &str,
    ) -> Result<Option<String>, CloudError> {
        self.turn(Action::DescribeLaunchConfigurations, name).await;
        let request = self.autoscaling.describe_launch_configurations();
        let answer = request.launch_configuration_names(name).send().await;
        let answer =
            answer.map_err(|error| CloudError::new(Action::DescribeLaunchConfigurations, error))?;
        let found = answer.launch_configurations.unwrap_or_default().into_iter().next();
        Ok(found.and_then(|it| it.image_id))
    }

    /// What EC2 itself knows to refer to some images.
    pub(crate) async fn image_references(
        &self,
        amis: &[String],
    ) -> Result<Vec<ImageReference>, CloudError> {
        self.turn(Action::DescribeImageReferences, amis).await;
        let request = self.ec2.describe_image_references().set_image_ids(Some(amis.to_vec()));
        let request = request.include_all_resource_types(true);
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(reference) = pages.next().await {
            found.push(
                reference
                    .map_err(|error| CloudError::new(Action::DescribeImageReferences, error))?,
            );
        }
        Ok(found)
    }
}
