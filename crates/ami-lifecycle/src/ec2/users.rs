//! What may use an image: launch templates, auto scaling groups, and what EC2 itself knows of.

use aws_sdk_autoscaling::types::{AutoScalingGroup as Group, LaunchTemplateSpecification};

use crate::ec2::action::Action;
use crate::ec2::client::{Cloud, texts};
use crate::ec2::error::CloudError;
use crate::model::id::AmiId;

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

/// What tells an auto scaling group the AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LaunchSource {
    /// A launch configuration, by name.
    Configuration(String),
    /// The AMI itself, in an override.
    Image(AmiId),
    /// A launch template, by id or name, and a version of it.
    Template { id: Option<String>, name: Option<String>, version: String },
}

/// An auto scaling group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AutoScalingGroup {
    pub(crate) name: String,
    pub(crate) sources: Vec<LaunchSource>,
}

/// A resource that refers to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageReference {
    pub(crate) image: AmiId,
    /// EC2's resource type.
    pub(crate) kind: String,
    pub(crate) arn: String,
}

/// Where a group's instances come from. `$Default` and `$Latest` are the launch template's
/// own matter.
fn sources(group: &Group) -> Vec<LaunchSource> {
    let configuration = group.launch_configuration_name();
    let configuration = configuration.map(|name| LaunchSource::Configuration(name.to_owned()));
    let mixed = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
    let overrides = mixed.map(|it| it.overrides()).unwrap_or_default();
    let specifications = group
        .launch_template()
        .into_iter()
        .chain(mixed.and_then(|it| it.launch_template_specification()))
        .chain(overrides.iter().filter_map(|it| it.launch_template_specification()));
    let images = overrides.iter().filter_map(|it| it.image_id());
    let images = images.map(|id| LaunchSource::Image(AmiId::answered(id)));
    configuration.into_iter().chain(specifications.filter_map(pinned)).chain(images).collect()
}

fn pinned(specification: &LaunchTemplateSpecification) -> Option<LaunchSource> {
    let version = specification.version().filter(|version| !version.starts_with('$'))?;
    Some(LaunchSource::Template {
        id: specification.launch_template_id().map(String::from),
        name: specification.launch_template_name().map(String::from),
        version: version.to_owned(),
    })
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
    pub(crate) async fn ami_id(&self, cloud: &Cloud) -> Result<Option<AmiId>, CloudError> {
        match &self.image {
            Some(image) if image.starts_with(BY_PARAMETER) => {
                cloud.resolved_image(&self.id, self.number).await
            }
            image => Ok(image.clone().map(AmiId::answered)),
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
        let request = self.ec2.describe_launch_template_versions();
        let request = request.set_versions(version.map(|version| vec![version.to_owned()]));
        let request = match template {
            Some(LaunchTemplateKey::Id(id)) => request.launch_template_id(id),
            Some(LaunchTemplateKey::Name(name)) => request.launch_template_name(name),
            None => request,
        };
        let pages = request.into_paginator().items().send();
        let action = Action::DescribeLaunchTemplateVersions;
        let found = self.pages(action, (template, version), pages).await?;
        Ok(found.into_iter().map(LaunchTemplateVersion::read).collect())
    }

    /// The AMI that the parameter leads to which a version names.
    async fn resolved_image(&self, id: &str, number: i64) -> Result<Option<AmiId>, CloudError> {
        let request = self.ec2.describe_launch_template_versions().launch_template_id(id);
        let request = request.versions(number.to_string()).resolve_alias(true);
        let answer = self
            .call(Action::DescribeLaunchTemplateVersions, (&id, number, "resolved"), request.send())
            .await?;
        let versions = answer.launch_template_versions.unwrap_or_default().into_iter();
        let image = versions.map(LaunchTemplateVersion::read).find_map(|version| version.image);
        match image {
            Some(image) if image.starts_with(BY_PARAMETER) => Err(CloudError::answer(
                Action::DescribeLaunchTemplateVersions,
                format!("EC2 does not resolve {image}"),
            )),
            image => Ok(image.map(AmiId::answered)),
        }
    }

    /// All auto scaling groups.
    pub(crate) async fn auto_scaling_groups(&self) -> Result<Vec<AutoScalingGroup>, CloudError> {
        let request = self.autoscaling.describe_auto_scaling_groups();
        let pages = request.into_paginator().items().send();
        let found = self.pages(Action::DescribeAutoScalingGroups, "all", pages).await?;
        let group = |it: &Group| AutoScalingGroup {
            name: it.auto_scaling_group_name().unwrap_or_default().to_owned(),
            sources: sources(it),
        };
        Ok(found.iter().map(group).collect())
    }

    /// The AMI of a launch configuration.
    pub(crate) async fn ami_of_launch_configuration(
        &self,
        name: &str,
    ) -> Result<Option<AmiId>, CloudError> {
        let request = self.autoscaling.describe_launch_configurations();
        let answer = self
            .call(
                Action::DescribeLaunchConfigurations,
                name,
                request.launch_configuration_names(name).send(),
            )
            .await?;
        let found = answer.launch_configurations.unwrap_or_default().into_iter().next();
        Ok(found.and_then(|it| it.image_id).map(AmiId::answered))
    }

    /// What EC2 itself knows to refer to some images.
    pub(crate) async fn image_references(
        &self,
        amis: &[AmiId],
    ) -> Result<Vec<ImageReference>, CloudError> {
        let request = self.ec2.describe_image_references().set_image_ids(Some(texts(amis)));
        let request = request.include_all_resource_types(true);
        let pages = request.into_paginator().items().send();
        let found = self.pages(Action::DescribeImageReferences, amis, pages).await?;
        let reference = |it: aws_sdk_ec2::types::ImageReference| ImageReference {
            image: AmiId::answered(it.image_id().unwrap_or_default()),
            kind: it.resource_type().map_or("", |kind| kind.as_str()).to_owned(),
            arn: it.arn().unwrap_or_default().to_owned(),
        };
        Ok(found.into_iter().map(reference).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_autoscaling::types::{
        LaunchTemplate, LaunchTemplateOverrides, MixedInstancesPolicy,
    };

    fn specification(name: &str, version: &str) -> LaunchTemplateSpecification {
        LaunchTemplateSpecification::builder().launch_template_name(name).version(version).build()
    }

    #[test]
    fn what_a_group_pins_is_found_wherever_it_says_so() {
        let overriding = LaunchTemplateOverrides::builder()
            .launch_template_specification(specification("override", "7"))
            .image_id("ami-1")
            .build();
        let mixed = LaunchTemplate::builder()
            .launch_template_specification(specification("mixed", "$Latest"))
            .overrides(overriding)
            .build();
        let group = Group::builder()
            .launch_configuration_name("old")
            .launch_template(specification("plain", "3"))
            .mixed_instances_policy(MixedInstancesPolicy::builder().launch_template(mixed).build())
            .build();
        let template = |name: &str, version: &str| LaunchSource::Template {
            id: None,
            name: Some(name.into()),
            version: version.into(),
        };
        assert_eq!(
            sources(&group),
            [
                LaunchSource::Configuration("old".into()),
                template("plain", "3"),
                template("override", "7"),
                LaunchSource::Image("ami-1".into()),
            ]
        );
    }
}
