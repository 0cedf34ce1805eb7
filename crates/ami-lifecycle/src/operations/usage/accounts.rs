//! Other accounts that use a shared AMI: EC2 tells them by reports, which it makes when it is asked to
//! and which take it a while. One that is there is read; where none is, one is asked for, and a
//! later look reads it.

use jiff::{SignedDuration, Timestamp};

use super::User;
use crate::ec2::client::Cloud;
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::ec2::usage_reports::UsageReport;

/// How old a report may be: who prunes every week finds the one that was requested the week before. EC2
/// itself leaves out what began in the last day, and what launch templates say since some days.
const OLDEST: SignedDuration = SignedDuration::from_hours(8 * 24);

/// What is known of other accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OtherAccounts {
    /// The AMI is shared with nobody, or the endpoint knows no reports.
    NotAsked,
    /// A report names these.
    Users(Vec<User>),
    /// There is no report yet: the id of the one that EC2 makes, where it was asked to.
    NotYet(Option<String>),
}

/// What is to be done with the reports that there are.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Read(&'a str),
    Await(&'a str),
    Ask,
}

/// Pure.
fn decide(reports: &[UsageReport], now: Timestamp) -> Step<'_> {
    let of = |state: &'static str| {
        let young =
            |it: &&UsageReport| it.state == state && now.duration_since(it.created) < OLDEST;
        reports.iter().filter(young).max_by_key(|it| it.created)
    };
    match (of("available"), of("pending")) {
        (Some(report), _) => Step::Read(&report.id),
        (None, Some(report)) => Step::Await(&report.id),
        (None, None) => Step::Ask,
    }
}

/// Looks which other accounts use an AMI that is shared, or was: EC2 takes all launch permissions from what is
/// disabled. Without a report one is asked for, if `asks`.
///
/// # Errors
/// When a call fails.
pub(crate) async fn other_accounts(
    cloud: &Cloud,
    (ami, was_shared): (&str, bool),
    asks: bool,
) -> Result<OtherAccounts, CloudError> {
    match look(cloud, (ami, was_shared), asks).await {
        Err(error) if error.kind == CloudErrorKind::NoSuchAction => Ok(OtherAccounts::NotAsked),
        other => other,
    }
}

async fn look(
    cloud: &Cloud,
    (ami, was_shared): (&str, bool),
    asks: bool,
) -> Result<OtherAccounts, CloudError> {
    if !was_shared && cloud.shared_with(ami).await?.is_empty() {
        return Ok(OtherAccounts::NotAsked);
    }
    let reports = cloud.usage_reports(ami).await?;
    match decide(&reports, Timestamp::now()) {
        Step::Read(report) => {
            let entries = cloud.usage_report_entries(report).await?.into_iter();
            let users = entries.map(|entry| User::Account {
                account: entry.account_id.unwrap_or_default(),
                kind: entry.resource_type.unwrap_or_default(),
                count: entry.usage_count.unwrap_or_default(),
            });
            Ok(OtherAccounts::Users(users.collect()))
        }
        Step::Await(report) => Ok(OtherAccounts::NotYet(Some(report.to_owned()))),
        Step::Ask if asks => Ok(OtherAccounts::NotYet(Some(cloud.create_usage_report(ami).await?))),
        Step::Ask => Ok(OtherAccounts::NotYet(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_report_of_eight_days_is_read_and_one_under_way_is_awaited() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let report = |id: &str, state: &str, days: i64| UsageReport {
            id: id.into(),
            state: state.into(),
            created: now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap(),
        };
        let decided = |reports: &[UsageReport]| format!("{:?}", decide(reports, now));
        assert_eq!(decided(&[]), "Ask");
        assert_eq!(decided(&[report("old", "available", 9), report("bad", "error", 0)]), "Ask");
        let two = [report("first", "available", 7), report("second", "available", 1)];
        assert_eq!(decided(&two), "Read(\"second\")");
        let both = [report("ready", "available", 7), report("begun", "pending", 0)];
        assert_eq!(decided(&both), "Read(\"ready\")");
        assert_eq!(decided(&[report("begun", "pending", 0)]), "Await(\"begun\")");
    }
}
