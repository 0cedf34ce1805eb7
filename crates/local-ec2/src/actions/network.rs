//! The one VPC, the default.

use super::query::Page;
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::network;
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, Xml, matches};

/// What else belongs to the VPC.
const ASSOCIATION_ID: &str = "vpc-cidr-assoc-00000000000000001";
const DHCP_OPTIONS_ID: &str = "dopt-00000000000000001";

pub(super) struct DescribeVpcs {
    ids: Vec<String>,
    filters: Vec<Filter>,
}

impl Action for DescribeVpcs {
    const REFERENCE: Reference = Reference {
        honours: &["VpcId", "Filter", "MaxResults", "NextToken"],
        filters: &[
            "cidr",
            "cidr-block-association.association-id",
            "cidr-block-association.cidr-block",
            "cidr-block-association.state",
            "dhcp-options-id",
            "is-default",
            "isDefault",
            "owner-id",
            "state",
            "tag:KEY",
            "tag-key",
            "vpc-id",
        ],
        notes: "There is one VPC, the default.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Page::decode(params)?;
        let filters = params.filters(Self::REFERENCE.filters)?;
        Ok(DescribeVpcs { ids: params.list("VpcId"), filters })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        check_vpc(&self.ids)?;
        let tags = call.ec2.view(|state| state.vpcs.get(network::VPC_ID).map(|it| it.tags.clone()));
        let tags = tags.unwrap_or_default();
        let passes = matches(&self.filters, &tags, |name| {
            Some(vec![match name {
                "cidr" | "cidr-block-association.cidr-block" => network::CIDR.to_string(),
                "cidr-block-association.association-id" => ASSOCIATION_ID.into(),
                "cidr-block-association.state" => "associated".into(),
                "dhcp-options-id" => DHCP_OPTIONS_ID.into(),
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
            xml.list("cidrBlockAssociationSet", [()], |xml, ()| {
                xml.text("associationId", ASSOCIATION_ID);
                xml.text("cidrBlock", network::CIDR);
                xml.node("cidrBlockState", |xml| xml.text("state", "associated"));
            });
            xml.text("dhcpOptionsId", DHCP_OPTIONS_ID);
            xml.text("instanceTenancy", "default");
            xml.text("isDefault", true);
            xml.tags(&tags);
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
