//! Who uses an AMI: instances, launch templates, auto scaling groups, and whatever else EC2
//! itself knows of. What cannot be read counts as in use.

mod accounts;

use std::collections::BTreeSet;

use serde::Serialize;

pub(crate) use self::accounts::{OtherAccounts, other_accounts};

use crate::consumer::Holders;
use crate::ec2::client::{Cloud, MOST_VALUES, any_of};
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::ec2::users::{LaunchSource, LaunchTemplateKey, LaunchTemplateVersion};
use crate::model::facts::InstanceFacts;
use crate::model::id::AmiId;

/// The most images that DescribeImageReferences takes
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageReferences.html>).
const MOST_REFERENCES: usize = 10;

/// Something that uses an AMI.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum User {
    /// An instance that has not ended.
    #[error("the instance {id} ({state}) was started from it")]
    Instance {
        /// Its id.
        id: String,
        /// Its state.
        state: String,
    },
    /// The default or latest version of a launch template.
    #[error("the launch template {name} ({id}) uses it in version {version}, its {role}")]
    LaunchTemplate {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// Which version.
        version: i64,
        /// `default`, `latest` or both.
        role: String,
    },
    /// An auto scaling group, by a version of a launch template that it names, or by a
    /// launch configuration.
    #[error("the auto scaling group {name} starts instances from it through {by}")]
    AutoScalingGroup {
        /// Its name.
        name: String,
        /// What tells it the AMI.
        by: String,
    },
    /// A consumer of the configuration.
    #[error("{place} names it")]
    Consumer {
        /// The place, in words.
        place: String,
    },
    /// Resources of another account.
    #[error("{}", of_account(*count, kind, account))]
    Account {
        /// The account.
        account: String,
        /// EC2's resource type.
        kind: String,
        /// How many.
        count: i64,
    },
    /// Anything else that EC2 knows of.
    #[error("{arn} ({kind}) refers to it")]
    Reference {
        /// EC2's resource type.
        kind: String,
        /// Its ARN.
        arn: String,
    },
}

impl User {
    /// Whether it is the same one, whatever its state and number.
    pub(crate) fn is_same(&self, other: &User) -> bool {
        match (self, other) {
            (User::Instance { id, .. }, User::Instance { id: other, .. }) => id == other,
            (
                User::Account { account, kind, .. },
                User::Account { account: of, kind: other, .. },
            ) => account == of && kind == other,
            (User::LaunchTemplate { id, .. }, User::LaunchTemplate { id: other, .. }) => {
                id == other
            }
            (User::AutoScalingGroup { name, .. }, User::AutoScalingGroup { name: other, .. }) => {
                name == other
            }
            _ => self == other,
        }
    }
}

fn of_account(count: i64, kind: &str, account: &str) -> String {
    let what = match (kind, count) {
        ("ec2:Instance", 1) => "instance",
        ("ec2:Instance", _) => "instances",
        ("ec2:LaunchTemplate", 1) => "launch template",
        ("ec2:LaunchTemplate", _) => "launch templates",
        (other, _) => other,
    };
    let verb = if count == 1 { "refers" } else { "refer" };
    format!("{count} {what} of account {account} {verb} to it")
}

/// Who uses which of some AMIs.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// The AMI, and who uses it.
    pub(crate) users: Vec<(AmiId, User)>,
    /// What could not be looked up, and why.
    pub(crate) unknown: Vec<(String, String)>,
    /// Sentences about users that name what is not there. Callers show them; nothing is kept for them.
    pub(crate) dangling: Vec<String>,
}

impl Usage {
    /// Takes one kind of user in. What an endpoint does not serve is not there.
    fn add(&mut self, what: &'static str, found: Result<Vec<(AmiId, User)>, CloudError>) {
        match found {
            Ok(found) => self.users.extend(found),
            Err(error) if error.kind == CloudErrorKind::NoSuchAction => {}
            Err(error) => self.unknown.push((what.to_owned(), error.to_string())),
        }
    }
}

impl Usage {
    /// Takes in what consumers name, except for what EC2 was asked already.
    pub(crate) fn add_holders(&mut self, holders: &Holders, amis: &[AmiId]) {
        let named = holders.namings.iter().filter(|naming| amis.contains(&naming.ami));
        for naming in named.filter(|naming| !naming.in_ec2) {
            let user = User::Consumer { place: naming.place.clone() };
            self.users.push((naming.ami.clone(), user));
        }
        self.unknown.extend(holders.unknown.iter().cloned());
    }
}

/// Looks for everyone who uses one of some AMIs.
pub(crate) async fn of(cloud: &Cloud, amis: &[AmiId]) -> Usage {
    of_fleet(cloud, amis, amis).await
}

/// The same, but for references of other kinds of resources, which are looked for with `closely` only:
/// EC2 tells those of ten AMIs in a call.
pub(crate) async fn of_fleet(cloud: &Cloud, amis: &[AmiId], closely: &[AmiId]) -> Usage {
    let mut usage = Usage::default();
    usage.add("instances", instances(cloud, amis).await);
    let templates = launch_templates(cloud, amis, &mut usage.unknown).await;
    usage.add("launch templates", templates);
    let groups = auto_scaling(cloud, amis, &mut usage.dangling).await;
    usage.add("auto scaling groups", groups);
    let references = references(cloud, closely).await;
    let known: BTreeSet<String> = usage.users.iter().filter_map(|(_, user)| id_of(user)).collect();
    // Instances were looked for above, and those that are ending do not count.
    let is_new = |(_, user): &(AmiId, User)| match user {
        User::Reference { kind, arn } => {
            kind != "ec2:Instance"
                && !arn.rsplit_once('/').is_some_and(|(_, id)| known.contains(id))
        }
        _ => true,
    };
    let references = references.map(|found| found.into_iter().filter(is_new).collect());
    usage.add("other resources", references);
    usage
}

fn id_of(user: &User) -> Option<String> {
    match user {
        User::Instance { id, .. } | User::LaunchTemplate { id, .. } => Some(id.clone()),
        User::Account { .. }
        | User::AutoScalingGroup { .. }
        | User::Consumer { .. }
        | User::Reference { .. } => None,
    }
}

type Found = Result<Vec<(AmiId, User)>, CloudError>;

async fn instances(cloud: &Cloud, amis: &[AmiId]) -> Found {
    let mut found = Vec::new();
    for amis in amis.chunks(MOST_VALUES) {
        let images = any_of("image-id", amis);
        let instances = cloud.live_instances(vec![images]).await?;
        let user =
            |it: InstanceFacts| (it.image, User::Instance { id: it.id.into(), state: it.state });
        found.extend(instances.into_iter().map(user));
    }
    Ok(found)
}

/// The default and the latest version of every launch template. One whose parameter cannot be
/// resolved is added to `unknown`.
async fn launch_templates(
    cloud: &Cloud,
    amis: &[AmiId],
    unknown: &mut Vec<(String, String)>,
) -> Found {
    let mut found: Vec<(AmiId, User)> = Vec::new();
    for (number, role) in [("$Default", "default"), ("$Latest", "latest")] {
        for version in cloud.launch_template_versions(None, Some(number)).await? {
            match version.ami_id(cloud).await {
                Ok(Some(ami)) if amis.contains(&ami) => {
                    add_template(&mut found, ami, &version, role);
                }
                Ok(_) => {}
                Err(error) => {
                    let what = format!("the launch template {} ({})", version.name, version.id);
                    unknown.push((what, error.to_string()));
                }
            }
        }
    }
    unknown.dedup();
    Ok(found)
}

/// One version may be both.
fn add_template(
    found: &mut Vec<(AmiId, User)>,
    ami: AmiId,
    version: &LaunchTemplateVersion,
    role: &'static str,
) {
    let of = |role: String| User::LaunchTemplate {
        id: version.id.clone(),
        name: version.name.clone(),
        version: version.number,
        role,
    };
    let as_default = (ami.clone(), of("default".into()));
    match found.iter_mut().find(|it| **it == as_default) {
        Some(it) => it.1 = of(format!("default and {role}")),
        None => found.push((ami, of(role.into()))),
    }
}

async fn auto_scaling(cloud: &Cloud, amis: &[AmiId], dangling: &mut Vec<String>) -> Found {
    let mut found = Vec::new();
    for group in cloud.auto_scaling_groups().await? {
        let name = &group.name;
        for source in &group.sources {
            let named = amis_of_source(cloud, source).await?;
            let by = text_of(source);
            if named.is_gone {
                dangling.push(format!(
                    "the auto scaling group {name} names {by}, which no longer exists"
                ));
            }
            for ami in named.amis.into_iter().filter(|ami| amis.contains(ami)) {
                let by = if named.is_gone {
                    format!("{by}, of which others are left")
                } else {
                    by.clone()
                };
                found.push((ami, User::AutoScalingGroup { name: name.clone(), by }));
            }
        }
    }
    Ok(found)
}

fn text_of(source: &LaunchSource) -> String {
    match source {
        LaunchSource::Configuration(name) => format!("the launch configuration {name}"),
        LaunchSource::Image(_) => "an override of its mixed instances policy".to_owned(),
        LaunchSource::Template { id, name, version } => {
            let template = name.as_ref().or(id.as_ref());
            format!("version {version} of the launch template {}", template.map_or("", |it| it))
        }
    }
}

/// What a source of a group leads to.
#[derive(Debug, Default)]
struct Named {
    amis: BTreeSet<AmiId>,
    /// It names what is not there: the group starts nothing until it names something else.
    is_gone: bool,
}

/// The AMIs that a group may start by a source. By a version that is gone these are those of
/// the versions that are left: one of them takes its place.
async fn amis_of_source(cloud: &Cloud, source: &LaunchSource) -> Result<Named, CloudError> {
    let (id, name, version) = match source {
        LaunchSource::Image(id) => return Ok(Named { amis: [id.clone()].into(), is_gone: false }),
        LaunchSource::Configuration(name) => {
            let ami = cloud.ami_of_launch_configuration(name).await?;
            return Ok(Named { amis: ami.into_iter().collect(), is_gone: false });
        }
        LaunchSource::Template { id, name, version } => (id, name, version),
    };
    let template = match (id, name) {
        (Some(id), _) => LaunchTemplateKey::Id(id),
        (None, Some(name)) => LaunchTemplateKey::Name(name),
        (None, None) => return Ok(Named { is_gone: true, ..Named::default() }),
    };
    let is_missing = |error: &CloudError| error.kind == CloudErrorKind::NotFound;
    let (versions, is_gone) =
        match cloud.launch_template_versions(Some(template), Some(version)).await {
            Ok(versions) if !versions.is_empty() => (versions, false),
            Err(error) if !is_missing(&error) => return Err(error),
            _ => match cloud.launch_template_versions(Some(template), None).await {
                Err(error) if is_missing(&error) => (Vec::new(), true),
                others => (others?, true),
            },
        };
    let mut amis = BTreeSet::new();
    for version in versions {
        amis.extend(version.ami_id(cloud).await?);
    }
    Ok(Named { amis, is_gone })
}

/// What EC2 itself knows of.
async fn references(cloud: &Cloud, amis: &[AmiId]) -> Found {
    let mut found = Vec::new();
    for amis in amis.chunks(MOST_REFERENCES) {
        for it in cloud.image_references(amis).await? {
            found.push((it.image, User::Reference { kind: it.kind, arn: it.arn }));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::action::Action;

    #[test]
    fn what_tells_a_group_its_ami_is_named() {
        let template = |id: Option<&str>, name: Option<&str>| LaunchSource::Template {
            id: id.map(String::from),
            name: name.map(String::from),
            version: "3".into(),
        };
        let sources = [
            LaunchSource::Configuration("old".into()),
            template(Some("lt-1"), Some("plain")),
            template(Some("lt-1"), None),
            LaunchSource::Image("ami-1".into()),
        ];
        assert_eq!(
            sources.each_ref().map(text_of),
            [
                "the launch configuration old",
                "version 3 of the launch template plain",
                "version 3 of the launch template lt-1",
                "an override of its mixed instances policy",
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_counts_as_in_use_unless_there_is_no_such_service() {
        let mut usage = Usage::default();
        let error =
            |kind| CloudError { kind, ..CloudError::answer(Action::DescribeInstances, "no") };
        usage.add("groups", Err(error(CloudErrorKind::NoSuchAction)));
        usage.add("instances", Err(error(CloudErrorKind::NotAuthorized)));
        let unknown: Vec<&str> = usage.unknown.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(unknown, ["instances"]);
    }
}
