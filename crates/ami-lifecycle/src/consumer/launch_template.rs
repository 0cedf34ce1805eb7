//! A launch template: its default version gets the AMI, by a new version that is otherwise
//! the same.

use async_trait::async_trait;

use super::error::RollError;
use super::files::Files;
use super::kind::{Kind, Reading};
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::launch_templates::{NewVersion, Version};
use crate::model::consumer::LaunchTemplate;
use crate::model::digest::digest;
use crate::model::id::AmiId;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Nothing,
    /// A version that is as it should be waits for it: an earlier roll broke off, or came
    /// this way before.
    MakeDefault(i64),
    /// A new one, made from this one.
    CreateFrom(i64),
}

/// The default version and the latest one.
async fn versions(cloud: &Cloud, template: &str) -> Result<Vec<Version>, RollError> {
    cloud.versions_to_roll(template, &[]).await?.ok_or(RollError::NoLaunchTemplate)
}

/// Decides. Pure.
fn step(versions: &[Version], ami: &str) -> Result<(Step, String), RollError> {
    let default = versions.iter().find(|version| version.is_default);
    let default = default.ok_or(RollError::NoLaunchTemplate)?;
    let from = default.image.clone();
    if from.starts_with("resolve:") {
        return Err(RollError::Resolved(from));
    }
    let latest = versions.iter().max_by_key(|version| version.number).unwrap_or(default);
    let step = if default.image == ami {
        Step::Nothing
    } else if latest.image == ami && latest.rest == default.rest {
        Step::MakeDefault(latest.number)
    } else {
        Step::CreateFrom(default.number)
    };
    Ok((step, from))
}

#[async_trait(?Send)]
impl Kind for LaunchTemplate {
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        let versions = versions(reading.cloud, &self.key).await?;
        // Which AMI an alias stands for is not told.
        let (_, _) = step(&versions, "")?;
        let default = versions.into_iter().find(|version| version.is_default);
        let naming = |version: Version| Naming {
            place: format!("{}, version {}, its default,", self.label(), version.number),
            short: self.label(),
            ami: AmiId::answered(version.image),
            is_all: true,
            in_ec2: true,
            is_neighbour: false,
        };
        Ok(Some(default.map(naming).into_iter().collect()))
    }

    async fn plan(&self, request: &RollRequest<'_>, _: &mut Files) -> Result<Vec<Move>, RollError> {
        let ami = &request.target.ami;
        let (step, from) = step(&versions(request.cloud, &self.key).await?, ami)?;
        Ok(match step {
            Step::Nothing => Vec::new(),
            _ => vec![moved(&self.key, from, ami)],
        })
    }

    /// Makes a version, where there is none that will do, and makes it the default one.
    async fn roll(
        &self,
        request: &RollRequest<'_>,
        _: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        let (cloud, ami) = (request.cloud, &request.target.ami);
        let versions = versions(cloud, &self.key).await?;
        let (step, from) = step(&versions, ami)?;
        let number = match step {
            Step::Nothing => return Ok(()),
            Step::MakeDefault(number) => number,
            Step::CreateFrom(number) => {
                // A name may be another template's by the time of a repeat; an id may not.
                let id = versions.first().map_or(&*self.key, |version| version.template.as_str());
                create_version(id, number, request).await?
            }
        };
        cloud.make_default(&self.key, number).await?;
        moves.push(moved(&self.key, from, ami));
        Ok(())
    }

    fn places(&self, _: &str, region: Option<&str>) -> Vec<WrittenPlace> {
        vec![WrittenPlace::of(self.label(), region)]
    }

    fn actions(&self, rolls: bool) -> &'static [Action] {
        if rolls {
            &[
                Action::CreateLaunchTemplateVersion,
                Action::DescribeLaunchTemplateVersions,
                Action::ModifyLaunchTemplate,
            ]
        } else {
            &[Action::DescribeLaunchTemplateVersions]
        }
    }
}

fn moved(template: &str, from: String, ami: &str) -> Move {
    let from = Some(from).filter(|from| !from.is_empty());
    Move { place: template.to_owned(), is_all: true, value: Value::Ami, from, to: ami.to_owned() }
}

/// Makes a version that is like another one but for the AMI, and returns its number.
pub(super) async fn create_version(
    template: &str,
    source: i64,
    request: &RollRequest<'_>,
) -> Result<i64, RollError> {
    let (cloud, target) = (request.cloud, &request.target);
    let description = format!("amiable: {} {}", request.template.name, target.title());
    let description: String = description.chars().take(255).collect();
    // The same version whoever asks twice; the default moves on with each that is made.
    let token = digest(&format!("{template} {source} {} {description}", target.ami));
    let version = NewVersion { template, source, ami: &target.ami, description, token };
    Ok(cloud.create_version(version).await?)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::ResponseLaunchTemplateData;

    use super::*;

    fn version(number: i64, image: &str, is_default: bool, rest: &str) -> Version {
        // The SDK does not show user data, so its text would not tell two versions apart.
        let rest = Some(ResponseLaunchTemplateData::builder().user_data(rest).build());
        Version { number, image: image.into(), is_default, rest, template: "lt-1".into() }
    }

    #[test]
    fn a_version_is_made_only_where_none_will_do() {
        let decide = |versions: &[Version]| step(versions, "ami-2").map(|(step, _)| step).ok();
        let old = version(1, "ami-1", true, "x");
        assert_eq!(decide(std::slice::from_ref(&old)), Some(Step::CreateFrom(1)));
        assert_eq!(decide(&[version(1, "ami-2", true, "x")]), Some(Step::Nothing));
        let waits = version(2, "ami-2", false, "x");
        assert_eq!(decide(&[old.clone(), waits]), Some(Step::MakeDefault(2)));
        let other = version(2, "ami-2", false, "y");
        assert_eq!(decide(&[old, other]), Some(Step::CreateFrom(1)));
        assert_eq!(decide(&[]), None);
        assert!(matches!(
            step(&[version(1, "resolve:ssm:/x", true, "")], "ami-2"),
            Err(RollError::Resolved(_))
        ));
    }
}
