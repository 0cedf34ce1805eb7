//! Which KMS key a disk counts as encrypted with. Nothing is encrypted here: it is told.

use crate::network;
use crate::protocol::{ApiError, ApiResult, Params};

/// The key of an account that names none.
const DEFAULT_KEY: &str = "alias/aws/ebs";

/// What a caller wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Encryption(Option<String>);

impl Encryption {
    /// Reads `Encrypted` and `KmsKeyId`; `None` where nothing is wanted.
    pub(super) fn decode(params: &Params) -> ApiResult<Option<Encryption>> {
        let (wanted, key) = (params.flag("Encrypted")?, params.string("KmsKeyId"));
        if key.is_some() && !wanted {
            let message = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
            return Err(ApiError::new("InvalidParameterDependency", message));
        }
        Ok(wanted.then_some(Encryption(key)))
    }

    /// By the account's own key.
    pub(super) fn by_account() -> Encryption {
        Encryption(None)
    }

    /// The key, as EC2 tells it.
    pub(super) fn key(&self, region: &str) -> String {
        let name = self.0.as_deref().unwrap_or(DEFAULT_KEY);
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        let path = if name.starts_with("alias/") { name.into() } else { format!("key/{name}") };
        network::arn("kms", region, &path)
    }
}
