//! Why an AMI should not be deleted.

use serde::Serialize;

use crate::model::tampering::{InDoubt, Tampering};
use crate::operations::usage::User;

/// Why an AMI should not be deleted. `--force` overrides all but what [`can_be_overridden`](Self::can_be_overridden) says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Objection {
    /// amiable did not make it, or for another namespace.
    #[error("it does not belong to this namespace")]
    OutsideNamespace,
    /// Another hand has copied it, or edited its tags.
    #[error("{0}")]
    Tampered(Tampering),
    /// Which AMI of its template is current could not be told.
    #[error("{0}")]
    InDoubt(InDoubt),
    /// A bake that lives is about to prove it.
    #[error("{0}: that bake is making it")]
    UnderWay(String),
    /// Agents boot from it.
    #[error("it is the current AMI of template {0}")]
    Current(String),
    /// Its copies go with it, and cannot be looked at.
    #[error("its copies in {region} cannot be checked: {error}")]
    Copies {
        /// The region.
        region: String,
        /// Why not.
        error: String,
    },
    /// EC2 refuses to deregister it; with `--force` that is switched off first.
    #[error("it is protected from deregistration")]
    Protected,
    /// Something starts instances from it, or was started from it.
    #[error("{0}")]
    Used(User),
    /// EC2 still counts who uses it in other accounts.
    #[error(
        "which other accounts use it is not known yet: EC2 is preparing the usage report {0}; run \
         the same command again later"
    )]
    NotReported(String),
    /// Who uses it in other accounts could not be looked up.
    #[error("whether other accounts use it could not be determined: {0}")]
    OtherAccounts(String),
    /// That could not be looked up, so it may be.
    #[error("whether it is used by {what} could not be determined: {error}")]
    Unknown {
        /// Which kind of resource.
        what: String,
        /// Why not.
        error: String,
    },
}

impl Objection {
    /// Whether `--force` deletes all the same. What could not be read is to be mended first.
    #[must_use]
    pub fn can_be_overridden(&self) -> bool {
        !matches!(self, Objection::Tampered(Tampering::Unreadable(_)))
    }

    /// Whether it is the same, as far as it does not change from one look to the next: what errors say,
    /// states and counts do. Who was told that other accounts are not known was told of them.
    pub(crate) fn is_same(&self, other: &Objection) -> bool {
        use Objection as It;
        match (self, other) {
            (It::Unknown { what, .. }, It::Unknown { what: other, .. }) => what == other,
            (It::Copies { region, .. }, It::Copies { region: other, .. }) => region == other,
            (It::UnderWay(_), It::UnderWay(_)) => true,
            (It::Used(user), It::Used(other)) => user.is_same(other),
            (
                It::NotReported(_) | It::OtherAccounts(_),
                It::NotReported(_) | It::OtherAccounts(_) | It::Used(User::Account { .. }),
            ) => true,
            _ => self == other,
        }
    }
}
