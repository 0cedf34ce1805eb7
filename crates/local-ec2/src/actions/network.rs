//! VPCs and subnets: one of each, the default, and fixed.

use super::Action;
use super::query::Page;
use crate::ec2::{ACCOUNT, Call};
use crate::network;
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, Xml, matches};

pub(super) struct DescribeVpcs {
    ids: Vec<String>,
    filters: Vec<Filter>,
}

impl Action for DescribeVpcs {
    const REFERENCE: Reference = Reference {
        honours: &["VpcId", "Filter", "MaxResults", "NextToken"],
        filters: &["cidr", "is-default", "isDefault", "owner-id", "state", "vpc-id"],
        notes: "There is one VPC, the default.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Page::decode(params)?;
        let filters = params.filters(Self::REFERENCE.filters)?;
        Ok(DescribeVpcs { ids: params.list("VpcId"), filters })
    }

    fn run(self, _: &Call, xml: &mut Xml) -> ApiResult<()> {
        check_known("InvalidVpcID", "vpc", &self.ids, network::VPC_ID)?;
        let passes = matches(&self.filters, &Default::default(), |name| {
            Some(vec![match name {
                "cidr" => network::CIDR.into(),
                "is-default" | "isDefault" => "true".into(),
                "owner-id" => ACCOUNT.into(),
                "state" => "available".into(),
                "vpc-id" => network::VPC_ID.into(),
                _ => return None,
            }])
        })?;
        xml.list("vpcSet", passes.then_some(()), |xml, ()| {
            xml.text("vpcId", network::VPC_ID);
            xml.text("ownerId", ACCOUNT);
            xml.text("state", "available");
            xml.text("cidrBlock", network::CIDR);
            xml.text("instanceTenancy", "default");
            xml.text("isDefault", true);
        });
        Ok(())
    }
}

pub(super) struct DescribeSubnets {
    ids: Vec<String>,
    filters: Vec<Filter>,
}

impl Action for DescribeSubnets {
    const REFERENCE: Reference = Reference {
        honours: &["SubnetId", "Filter", "MaxResults", "NextToken"],
        filters: &[
            "availability-zone",
            "cidr",
            "default-for-az",
            "defaultForAz",
            "map-public-ip-on-launch",
            "owner-id",
            "state",
            "subnet-id",
            "vpc-id",
        ],
        notes: "There is one subnet, in the one zone.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Page::decode(params)?;
        let filters = params.filters(Self::REFERENCE.filters)?;
        Ok(DescribeSubnets { ids: params.list("SubnetId"), filters })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        check_known("InvalidSubnetID", "subnet", &self.ids, network::SUBNET_ID)?;
        let zone = network::zone(&call.region);
        let passes = matches(&self.filters, &Default::default(), |name| {
            Some(vec![match name {
                "availability-zone" => zone.clone(),
                "cidr" => network::CIDR.into(),
                "default-for-az" | "defaultForAz" | "map-public-ip-on-launch" => "true".into(),
                "owner-id" => ACCOUNT.into(),
                "state" => "available".into(),
                "subnet-id" => network::SUBNET_ID.into(),
                "vpc-id" => network::VPC_ID.into(),
                _ => return None,
            }])
        })?;
        xml.list("subnetSet", passes.then_some(()), |xml, ()| {
            xml.text("subnetId", network::SUBNET_ID);
            xml.text("vpcId", network::VPC_ID);
            xml.text("ownerId", ACCOUNT);
            xml.text("state", "available");
            xml.text("cidrBlock", network::CIDR);
            xml.text("availableIpAddressCount", network::ADDRESSES);
            xml.text("availabilityZone", &zone);
            xml.text("defaultForAz", true);
            xml.text("mapPublicIpOnLaunch", true);
        });
        Ok(())
    }
}

fn check_known(code: &str, noun: &str, ids: &[String], known: &str) -> ApiResult<()> {
    match ids.iter().find(|id| *id != known) {
        None => Ok(()),
        Some(id) => {
            let message = format!("The {noun} ID '{id}' does not exist");
            Err(ApiError::new(format!("{code}.NotFound"), message))
        }
    }
}
