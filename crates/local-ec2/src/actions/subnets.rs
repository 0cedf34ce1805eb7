//! Subnets: create, describe, modify, delete.

use ipnet::Ipv4Net;

use super::network::check_vpc;
use super::query::{Query, find_mut, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::model::{State, Subnet, Tags, new_id};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};
use crate::{default_vpc, network};

pub(super) struct CreateSubnet {
    vpc_id: String,
    cidr: Ipv4Net,
    tags: Tags,
}

impl Action for CreateSubnet {
    const REFERENCE: Reference = Reference {
        honours: &["VpcId", "CidrBlock", "TagSpecification"],
        ignores: &["AvailabilityZone"],
        notes: "The default subnet has 127.64.0.0/11; 127.96.0.0/11 is free. Instances get public \
                addresses there only when it is asked for.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let vpc_id = params.required("VpcId")?;
        let text = params.required("CidrBlock")?;
        let malformed = || {
            let message = format!(
                "Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
            );
            ApiError::new("InvalidParameterValue", message)
        };
        let cidr: Ipv4Net = text.parse().map_err(|_| malformed())?;
        if !(16..=28).contains(&cidr.prefix_len()) {
            let message = format!("The CIDR '{text}' is invalid.");
            return Err(ApiError::new("InvalidSubnet.Range", message));
        }
        let mut tags = params.tag_specifications(&["subnet"])?;
        let tags = tags.remove("subnet").unwrap_or_default();
        Ok(CreateSubnet { vpc_id, cidr: cidr.trunc(), tags })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        check_vpc([&self.vpc_id])?;
        let cidr = self.cidr;
        if !network::CIDR.contains(&cidr) {
            let message = format!("The CIDR '{cidr}' is invalid.");
            return Err(ApiError::new("InvalidSubnet.Range", message));
        }
        let subnet = Subnet {
            id: new_id("subnet"),
            cidr,
            map_public_ip: false,
            region: call.region.clone(),
            tags: self.tags,
        };
        call.ec2.change(|state| {
            let overlaps = |it: &Subnet| it.cidr.contains(&cidr) || cidr.contains(&it.cidr);
            if state.subnets.of_region(&call.region).any(overlaps) {
                let message = format!("The CIDR '{cidr}' conflicts with another subnet");
                return Err(ApiError::new("InvalidSubnet.Conflict", message));
            }
            state.subnets.insert(subnet.clone());
            xml.node("subnet", |xml| write(xml, state, &call.region, &subnet));
            Ok(())
        })
    }
}

pub(super) struct DeleteSubnet(String);

impl Action for DeleteSubnet {
    const REFERENCE: Reference = Reference { honours: &["SubnetId"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DeleteSubnet(required_id::<Subnet>(params, "SubnetId")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let DeleteSubnet(id) = self;
        call.ec2.change(|state| {
            find_mut(&mut state.subnets, &id)?;
            // What is there from the beginning would come back with the next start.
            if id == network::SUBNET_ID || is_in_use(state, &id) {
                let message = format!("The subnet '{id}' has dependencies and cannot be deleted.");
                return Err(ApiError::new("DependencyViolation", message));
            }
            state.subnets.remove(&id);
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}

fn is_in_use(state: &State, id: &str) -> bool {
    state.instances.iter().any(|it| it.terminated_at.is_none() && it.subnet_id == id)
        || state.connect_endpoints.iter().any(|it| it.subnet_id == id)
}

pub(super) struct DescribeSubnets(Query);

impl Action for DescribeSubnets {
    const REFERENCE: Reference = Reference {
        honours: &["SubnetId", "Filter", "MaxResults", "NextToken"],
        filters: &[
            "availability-zone",
            "availability-zone-id",
            "cidr",
            "cidr-block",
            "default-for-az",
            "defaultForAz",
            "map-public-ip-on-launch",
            "owner-id",
            "state",
            "subnet-id",
            "tag:KEY",
            "tag-key",
            "vpc-id",
        ],
        notes: "All are in the one zone of their region.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeSubnets(Query::decode::<Subnet>(params, "SubnetId", &Self::REFERENCE)?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let region = &call.region;
        call.ec2.view(|state| {
            let (rows, token) = self
                .0
                .select(&state.subnets, region, |subnet, name| values(subnet, region, name))?;
            xml.list("subnetSet", rows, |xml, subnet| write(xml, state, region, subnet));
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn values(subnet: &Subnet, region: &str, filter: &str) -> Option<Vec<String>> {
    Some(vec![match filter {
        "availability-zone" => network::zone(region),
        "availability-zone-id" => network::zone_id(region),
        "cidr" | "cidr-block" => subnet.cidr.to_string(),
        "default-for-az" | "defaultForAz" => is_default(subnet).to_string(),
        "map-public-ip-on-launch" => subnet.map_public_ip.to_string(),
        "owner-id" => ACCOUNT.into(),
        "state" => "available".into(),
        "subnet-id" => subnet.id.clone(),
        "vpc-id" => network::VPC_ID.into(),
        _ => return None,
    }])
}

fn is_default(subnet: &Subnet) -> bool {
    subnet.id == network::SUBNET_ID
}

fn write(xml: &mut Xml, state: &State, region: &str, subnet: &Subnet) {
    let used = default_vpc::addresses_in_use(state).filter(|address| subnet.cidr.contains(address));
    let (first, last) = network::usable(subnet.cidr);
    xml.text("subnetId", &subnet.id);
    xml.text("vpcId", network::VPC_ID);
    xml.text("ownerId", ACCOUNT);
    xml.text("state", "available");
    xml.text("cidrBlock", subnet.cidr);
    xml.text("availableIpAddressCount", (last - first + 1) as usize - used.count());
    xml.text("availabilityZone", network::zone(region));
    xml.text("availabilityZoneId", network::zone_id(region));
    xml.text("subnetArn", network::arn("ec2", region, &format!("subnet/{}", subnet.id)));
    xml.text("assignIpv6AddressOnCreation", false);
    xml.list("ipv6CidrBlockAssociationSet", std::iter::empty::<()>(), |_, ()| {});
    xml.text("ipv6Native", false);
    xml.text("enableDns64", false);
    xml.text("mapCustomerOwnedIpOnLaunch", false);
    xml.text("defaultForAz", is_default(subnet));
    xml.text("mapPublicIpOnLaunch", subnet.map_public_ip);
    xml.tags(&subnet.tags);
}

pub(super) struct ModifySubnetAttribute {
    id: String,
    map_public_ip: Option<bool>,
}

impl Action for ModifySubnetAttribute {
    const REFERENCE: Reference =
        Reference { honours: &["SubnetId", "MapPublicIpOnLaunch.Value"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(ModifySubnetAttribute {
            id: required_id::<Subnet>(params, "SubnetId")?,
            map_public_ip: params.structure("MapPublicIpOnLaunch").parsed("Value")?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            let subnet = find_mut(&mut state.subnets, &self.id)?;
            subnet.map_public_ip = self.map_public_ip.unwrap_or(subnet.map_public_ip);
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}
