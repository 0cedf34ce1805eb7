//! What an account has that a first configuration needs.

use std::collections::BTreeMap;

use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;
use crate::ec2::network::FoundSubnet;
use crate::model::facts::ImageFacts;
use crate::model::template::{Architecture, ImageFilter};
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
    let filter = ImageFilter { owner: owner.into(), name: name.into(), tags: BTreeMap::new() };
    let base = newest(cloud, &filter, Architecture::X86_64).await?;
    let network = choose(&cloud.subnets().await?);
    Ok(FirstLook { account, base, network })
}

/// The default VPC, if it has a subnet; else the first subnet by its id, if possible one that gives public
/// addresses. Pure.
fn choose(subnets: &[FoundSubnet]) -> FoundNetwork {
    if subnets.iter().any(|it| it.is_default) {
        return FoundNetwork::DefaultVpc;
    }
    match subnets.iter().find(|it| it.is_public).or(subnets.first()) {
        Some(FoundSubnet { id, is_public, .. }) => {
            FoundNetwork::Subnet { id: id.clone(), is_public: *is_public }
        }
        None => FoundNetwork::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_named_where_there_is_no_default_one() {
        let subnet = |id: &str, is_public, is_default| FoundSubnet {
            id: id.to_owned(),
            is_public,
            is_default,
        };
        let of = |id: &str, is_public| FoundNetwork::Subnet { id: id.to_owned(), is_public };
        for (subnets, expected) in [
            (vec![], FoundNetwork::None),
            (vec![subnet("a", false, false), subnet("b", false, false)], of("a", false)),
            (vec![subnet("a", false, false), subnet("b", true, false)], of("b", true)),
            (vec![subnet("a", false, false), subnet("b", true, true)], FoundNetwork::DefaultVpc),
        ] {
            assert_eq!(choose(&subnets), expected, "{subnets:?}");
        }
    }
}
