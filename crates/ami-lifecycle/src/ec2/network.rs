//! VPCs, subnets and the ways in to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ec2::types::{Filter, Subnet, Vpc};
use ipnet::IpNet;

use crate::ec2::action::Action;
use crate::ec2::client::{Cloud, any_of, filter};
use crate::ec2::error::{CloudError, CloudErrorKind};

/// The states of an endpoint that carries tunnels.
const COMPLETE: [&str; 4] =
    ["create-complete", "update-in-progress", "update-failed", "update-complete"];

/// A subnet of the account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FoundSubnet {
    pub(crate) id: String,
    /// It gives instances a public address.
    pub(crate) is_public: bool,
    /// It is its zone's one of the default VPC, where instances start that name none.
    pub(crate) is_default: bool,
}

/// A subnet that was found by its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaggedSubnet {
    pub(crate) id: String,
    pub(crate) vpc: String,
    /// How many addresses it has left.
    pub(crate) free: i32,
}

impl Cloud {
    /// The region's default VPC, by id.
    pub(crate) async fn default_vpc(&self) -> Result<Option<String>, CloudError> {
        let vpcs = self.vpcs(filter("is-default", "true")).await?;
        Ok(vpcs.into_iter().find_map(|vpc| vpc.vpc_id))
    }

    /// The addresses of the VPC that a subnet is in; of the default VPC without one. Who asks the
    /// same at the same time shares the answer.
    pub(crate) async fn networks(
        &self,
        subnet: Option<&str>,
    ) -> Result<Arc<Vec<IpNet>>, CloudError> {
        let read = async || {
            let which = match subnet {
                Some(subnet) => filter("vpc-id", &self.vpc_of(subnet).await?),
                None => filter("is-default", "true"),
            };
            Ok(Arc::new(self.vpcs(which).await?.iter().flat_map(networks).collect()))
        };
        self.reads.networks.get(subnet.unwrap_or_default(), read).await
    }

    async fn vpcs(&self, filter: Filter) -> Result<Vec<Vpc>, CloudError> {
        let request = self.ec2.describe_vpcs().filters(filter.clone());
        let answer = self.call(Action::DescribeVpcs, filter, request.send()).await?;
        Ok(answer.vpcs.unwrap_or_default())
    }

    /// The EC2 Instance Connect Endpoints that carry tunnels to a VPC, by id.
    pub(crate) async fn connect_endpoints(&self, vpc: &str) -> Result<Vec<String>, CloudError> {
        let states = COMPLETE.map(String::from).to_vec();
        let states = any_of("state", states);
        let request = self.ec2.describe_instance_connect_endpoints();
        let request = request.filters(filter("vpc-id", vpc)).filters(states);
        let action = Action::DescribeInstanceConnectEndpoints;
        let answer = self.call(action, vpc, request.send()).await?;
        let found = answer.instance_connect_endpoints.unwrap_or_default().into_iter();
        Ok(found.filter_map(|it| it.instance_connect_endpoint_id).collect())
    }

    /// Whose images the account allows itself besides its own, and whether that counts:
    /// `disabled`, `audit-mode` or `enabled`.
    pub(crate) async fn allowed_images(&self) -> Result<(String, Vec<String>), CloudError> {
        let answer = self
            .call(
                Action::GetAllowedImagesSettings,
                "",
                self.ec2.get_allowed_images_settings().send(),
            )
            .await?;
        let criteria = answer.image_criteria.unwrap_or_default().into_iter();
        let providers = criteria.flat_map(|it| it.image_providers.unwrap_or_default()).collect();
        Ok((answer.state.unwrap_or_default(), providers))
    }

    /// The subnets in which instances can start, by their ids.
    pub(crate) async fn subnets(&self) -> Result<Vec<FoundSubnet>, CloudError> {
        let request = self.ec2.describe_subnets().filters(filter("state", "available"));
        let answer = self.call(Action::DescribeSubnets, "", request.send()).await?;
        let of = |it: Subnet| {
            Some(FoundSubnet {
                id: it.subnet_id?,
                is_public: it.map_public_ip_on_launch.unwrap_or(false),
                is_default: it.default_for_az.unwrap_or(false),
            })
        };
        let mut found: Vec<FoundSubnet> =
            answer.subnets.unwrap_or_default().into_iter().filter_map(of).collect();
        found.sort();
        Ok(found)
    }

    /// The subnets that have these tags.
    pub(crate) async fn subnets_tagged(
        &self,
        tags: &BTreeMap<String, String>,
    ) -> Result<Vec<TaggedSubnet>, CloudError> {
        let filters = tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), value));
        let filters: Vec<Filter> = filters.chain([filter("state", "available")]).collect();
        let request = self.ec2.describe_subnets().set_filters(Some(filters.clone()));
        let answer = self.call(Action::DescribeSubnets, filters, request.send()).await?;
        let of = |it: Subnet| TaggedSubnet {
            id: it.subnet_id.unwrap_or_default(),
            vpc: it.vpc_id.unwrap_or_default(),
            free: it.available_ip_address_count.unwrap_or(0),
        };
        Ok(answer.subnets.unwrap_or_default().into_iter().map(of).collect())
    }

    /// The VPC that a subnet is in.
    pub(crate) async fn vpc_of(&self, subnet: &str) -> Result<String, CloudError> {
        let answer = self
            .call(
                Action::DescribeSubnets,
                subnet,
                self.ec2.describe_subnets().subnet_ids(subnet).send(),
            )
            .await?;
        let found = answer.subnets.unwrap_or_default().into_iter().find_map(|it| it.vpc_id);
        found.ok_or_else(|| CloudError {
            kind: CloudErrorKind::NotFound,
            ..CloudError::answer(Action::DescribeSubnets, format!("there is no subnet {subnet}"))
        })
    }
}

fn networks(vpc: &Vpc) -> impl Iterator<Item = IpNet> {
    let more = vpc.cidr_block_association_set().iter().filter_map(|it| it.cidr_block());
    let ipv6 = vpc.ipv6_cidr_block_association_set().iter().filter_map(|it| it.ipv6_cidr_block());
    let more = more.chain(ipv6);
    let mut all: Vec<IpNet> =
        vpc.cidr_block().into_iter().chain(more).filter_map(|cidr| cidr.parse().ok()).collect();
    all.sort();
    all.dedup();
    all.into_iter()
}
