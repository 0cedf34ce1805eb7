//! Whose account it is, and whether that is one that is meant.

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The account's id.
    pub(crate) account: String,
    /// The user or role.
    pub(crate) arn: String,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "account {}, {}", self.account, self.arn)
    }
}

/// The account is not one that is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongAccount {
    /// It is another.
    #[error(
        "the credentials belong to account {account} ({arn}), but the configuration says {meant}"
    )]
    Another {
        /// Whose they are.
        account: String,
        /// The user or role.
        arn: String,
        /// What the configuration names.
        meant: String,
    },
    /// Whose they are could not be looked up.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

impl Cloud {
    /// Who the credentials belong to.
    pub(crate) async fn identity(&self) -> Result<Identity, CloudError> {
        let request = self.sts.get_caller_identity();
        let answer = self.call(Action::GetCallerIdentity, "", request.send()).await?;
        Ok(Identity {
            account: answer.account().unwrap_or("unknown").to_owned(),
            arn: answer.arn().unwrap_or("unknown").to_owned(),
        })
    }

    /// Whether this is one of the accounts that are meant; any is, where none is named.
    ///
    /// # Errors
    /// When it is another, or the call fails.
    pub async fn check_account(&self, meant: &[String]) -> Result<(), WrongAccount> {
        if meant.is_empty() {
            return Ok(());
        }
        let Identity { account, arn } = self.identity().await?;
        if meant.contains(&account) {
            Ok(())
        } else {
            Err(WrongAccount::Another { account, arn, meant: meant.join(" or ") })
        }
    }
}
