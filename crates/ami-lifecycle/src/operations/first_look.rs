//! What an account has that a first configuration needs.

use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::model::facts::ImageFacts;
use crate::model::template::Architecture;
use crate::operations::base::newest;

/// What an account has that a first configuration needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstLook {
    /// The account's id.
    pub account: String,
    /// The newest base AMI of the owner and name that were asked for, if there is one.
    pub base: Option<ImageFacts>,
    /// Where instances can start.
    pub network: FoundNetwork,
}

/// Where instances can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundNetwork {
    /// In the default VPC: nothing is to be configured.
    DefaultVpc,
    /// In this subnet.
    Subnet {
        /// Its id.
        id: String,
        /// Whether it gives instances a public address.
        is_public: bool,
    },
    /// Nowhere.
    None,
}

/// Looks at an account, for a base of x86_64 by its owner and its name with wildcards.
///
/// # Errors
/// When a call fails.
pub async fn first_look(cloud: &Cloud, owner: &str, name: &str) -> Result<FirstLook, CloudError> {
    let account = cloud.identity().await?.account;
    let base = newest(cloud, owner, name, Architecture::X86_64).await?;
    let network = if cloud.default_vpc().await?.is_some() {
        FoundNetwork::DefaultVpc
    } else {
        match cloud.subnets().await?.into_iter().max_by_key(|(_, is_public)| *is_public) {
            Some((id, is_public)) => FoundNetwork::Subnet { id, is_public },
            None => FoundNetwork::None,
        }
    };
    Ok(FirstLook { account, base, network })
}
