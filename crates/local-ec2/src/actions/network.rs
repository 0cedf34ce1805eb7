//! The one VPC, the default.

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
        check_vpc(&self.ids)?;
        let passes = matches(&self.filters, &Default::default(), |name| {
            Some(vec![match name {
                "cidr" => network::CIDR.to_string(),
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

/// Refuses what is not the id of the one VPC.
pub(super) fn check_vpc<'a>(ids: impl IntoIterator<Item = &'a String>) -> ApiResult<()> {
    match ids.into_iter().find(|id| *id != network::VPC_ID) {
        None => Ok(()),
        Some(id) => {
            let message = format!("The vpc ID '{id}' does not exist");
            Err(ApiError::new("InvalidVpcID.NotFound", message))
        }
    }
}
