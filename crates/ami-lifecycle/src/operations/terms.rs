//! The terms that an AMI is given to others on: who may launch it, when it counts as
//! deprecated, and whether it is protected. Only what has changed is done, and the AMI's tag
//! says what was done last.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::ami::Ami;
use crate::model::distribution::{Distribution, Principal, SNAPSHOT_USERS};
use crate::model::tags::{self, Tags};

/// EC2 refuses a deprecation in the past: one that is overdue is asked for as soon as may be.
const SOON: SignedDuration = SignedDuration::from_mins(5);

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The terms that have been changed.
    pub(crate) changed: Vec<String>,
    /// What is still to be written on the AMI, so that it says so.
    pub(crate) record: Tags,
}

/// Gives an AMI to others on the terms that are wanted. A repeat does the same again.
pub(crate) async fn settle(
    cloud: &Cloud,
    ami: &Ami,
    wanted: &Distribution,
) -> Result<Settled, CloudError> {
    let changed = wanted.changed_terms(&ami.distribution);
    for key in &changed {
        match key.as_str() {
            "share_with" => share(cloud, &ami.ami, &wanted.share_with).await?,
            SNAPSHOT_USERS => {
                for snapshot in &ami.snapshots {
                    let now = cloud.snapshot_users(snapshot).await?;
                    let add: Vec<&String> = wanted.snapshot_users.difference(&now).collect();
                    let remove: Vec<&String> = now.difference(&wanted.snapshot_users).collect();
                    cloud.change_snapshot_users(snapshot, &add, &remove).await?;
                }
            }
            "deprecate_after" => match deprecation(ami, wanted, Timestamp::now()) {
                Some(at) => cloud.deprecate(&ami.ami, at).await?,
                None => cloud.undeprecate(&ami.ami).await?,
            },
            _ if wanted.protect => cloud.protect(&ami.ami).await?,
            _ => cloud.unprotect(&ami.ami).await?,
        }
    }
    let record = if changed.is_empty() {
        Tags::new()
    } else {
        tags::of([(tags::DISTRIBUTION, wanted.terms_record())])
    };
    Ok(Settled { changed, record })
}

/// Lets just these launch an AMI.
async fn share(cloud: &Cloud, ami: &str, wanted: &BTreeSet<Principal>) -> Result<(), CloudError> {
    let now = cloud.new_image_is_shared_with(ami).await?;
    let add: Vec<&Principal> = wanted.difference(&now).collect();
    let remove: Vec<&Principal> = now.difference(wanted).collect();
    cloud.change_sharing(ami, &add, &remove).await
}

/// As soon as EC2 lets an AMI begin to count as deprecated.
pub(crate) fn soon(now: Timestamp) -> Timestamp {
    now.checked_add(SOON).unwrap_or(now)
}

/// When an AMI begins to count as deprecated.
fn deprecation(ami: &Ami, wanted: &Distribution, now: Timestamp) -> Option<Timestamp> {
    let age = SignedDuration::try_from(wanted.deprecate_after?).ok()?;
    let created: Timestamp = ami.created.parse().unwrap_or(now);
    Some(created.checked_add(age).ok()?.max(soon(now)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::facts::ImageFacts;

    #[test]
    fn deprecation_counts_from_the_creation_and_is_never_in_the_past() {
        let facts = ImageFacts { created: "2026-11-20T12:00:00.000Z".into(), ..Default::default() };
        let ami = Ami::read(facts, "us-east-1");
        let at = |hours: u64| {
            let deprecate_after = Some(Duration::from_secs(hours * 3600));
            let wanted = Distribution { deprecate_after, ..Distribution::default() };
            let now = "2026-11-25T12:00:00Z".parse().unwrap();
            deprecation(&ami, &wanted, now).unwrap().to_string()
        };
        assert_eq!(at(24 * 10), "2026-11-30T12:00:00Z");
        assert_eq!(at(24), "2026-11-25T12:05:00Z");
    }
}
