//! One check of an account.

use serde::Serialize;

use crate::ec2::action::Action;
use crate::ec2::error::{CloudError, CloudErrorKind};

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What the user can do.
    pub hint: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &str, detail: impl Into<String>) -> Check {
        Check { name: name.into(), verdict: Verdict::Ok, detail: detail.into(), hint: None }
    }

    pub(super) fn failed(name: &str, error: &CloudError) -> Check {
        Check {
            name: name.into(),
            verdict: Verdict::Failed,
            detail: error.to_string(),
            hint: error.hint(),
        }
    }

    pub(super) fn of<T>(
        name: &str,
        outcome: Result<T, CloudError>,
        detail: impl FnOnce(T) -> String,
    ) -> Check {
        match outcome {
            Ok(found) => Check::ok(name, detail(found)),
            Err(error) => Check::failed(name, &error),
        }
    }
}

impl Check {
    /// What an answer says of the right to an action.
    pub(super) fn right(action: Action, answer: Result<(), CloudError>) -> Check {
        let name = format!("permission: {action}");
        let Err(error) = answer else {
            return Check::ok(&name, "allowed");
        };
        match (error.code.as_deref(), error.kind) {
            (Some("DryRunOperation"), _) => Check::ok(&name, "allowed"),
            (_, CloudErrorKind::NoSuchAction) => Check::ok(&name, "not needed with this endpoint"),
            (Some(code), kind) if kind != CloudErrorKind::NotAuthorized => Check {
                name,
                verdict: Verdict::Unknown,
                detail: format!("{code} came before the answer"),
                hint: None,
            },
            _ => Check::failed(&name, &error),
        }
    }
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Something is to be done about it.
    Failed,
    /// EC2's answer does not tell.
    Unknown,
}
