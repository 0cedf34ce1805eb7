//! EC2 Instance Connect Endpoints: create, describe, delete. Their tunnels are in
//! [`crate::tunnel`].

use std::collections::HashSet;

use jiff::Timestamp;

use super::query::{Query, find, find_mut, required_id};
use crate::actions::action::Action;
use crate::actions::query::find_group;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::model::{ConnectEndpoint, Resource, SecurityGroup, Subnet, Tags, new_id};
use crate::network;
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// Seconds until a new endpoint carries tunnels. On EC2 it is minutes.
const CREATION: i64 = 1;

/// What clients connect to. They sign it as the host, too.
const DNS_NAME: &str = "localhost";

impl ConnectEndpoint {
    /// Whether it carries tunnels.
    pub(crate) fn is_complete(&self) -> bool {
        Timestamp::now().as_second() - self.created.as_second() > CREATION
    }

    fn state(&self) -> &'static str {
        if self.is_complete() { "create-complete" } else { "create-in-progress" }
    }
}

pub(super) struct CreateInstanceConnectEndpoint {
    subnet_id: String,
    groups: Vec<String>,
    client_token: Option<String>,
    tags: Tags,
}

impl Action for CreateInstanceConnectEndpoint {
    const REFERENCE: Reference = Reference {
        honours: &[
            "SubnetId",
            "SecurityGroupId",
            "PreserveClientIp",
            "ClientToken",
            "TagSpecification",
        ],
        notes: "Its tunnels are at `/openTunnel` of this endpoint, without TLS, for a request that \
                is signed for the host `localhost`. It is there after a second. PreserveClientIp \
                is refused: instances see the endpoint's own address.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        if params.flag("PreserveClientIp")? {
            return Err(ApiError::invalid_value("PreserveClientIp", "true"));
        }
        let mut tags = params.tag_specifications(&[ConnectEndpoint::TYPE])?;
        Ok(CreateInstanceConnectEndpoint {
            subnet_id: required_id::<Subnet>(params, "SubnetId")?,
            groups: super::query::id_list::<SecurityGroup>(params, "SecurityGroupId")?,
            client_token: params.string("ClientToken"),
            tags: tags.remove(ConnectEndpoint::TYPE).unwrap_or_default(),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let endpoint = call.ec2.change(|state| {
            let subnet = find(&state.subnets, &self.subnet_id)?.clone();
            let is_earlier = |it: &&ConnectEndpoint| {
                self.client_token.is_some() && it.client_token == self.client_token
            };
            let earlier = state.connect_endpoints.of_region(&call.region).find(is_earlier);
            if let Some(earlier) = earlier {
                return Ok(earlier.clone());
            }
            let find =
                |id: &String| Ok(find_group(state, &call.region, Some(id), None)?.id.clone());
            let mut groups = self.groups.iter().map(find).collect::<ApiResult<Vec<String>>>()?;
            if groups.is_empty() {
                groups.push(network::DEFAULT_GROUP_ID.into());
            }
            let endpoint = ConnectEndpoint {
                id: new_id(ConnectEndpoint::PREFIX),
                address: call.ec2.free_address(state, &subnet, &HashSet::new())?,
                subnet_id: subnet.id,
                network_interface: new_id("eni"),
                groups,
                created: Timestamp::now(),
                client_token: self.client_token.clone(),
                region: call.region.clone(),
                tags: self.tags.clone(),
            };
            state.connect_endpoints.insert(endpoint.clone());
            Ok(endpoint)
        })?;
        call.ec2.refresh_gates();
        xml.node("instanceConnectEndpoint", |xml| write(xml, &endpoint, endpoint.state()));
        xml.option("clientToken", endpoint.client_token.as_ref());
        Ok(())
    }
}

pub(super) struct DeleteInstanceConnectEndpoint(String);

impl Action for DeleteInstanceConnectEndpoint {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceConnectEndpointId"],
        notes: "It is gone at once; its tunnels stay.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let id = required_id::<ConnectEndpoint>(params, "InstanceConnectEndpointId")?;
        Ok(DeleteInstanceConnectEndpoint(id))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let endpoint = call.ec2.change(|state| {
            let endpoint = find_mut(&mut state.connect_endpoints, &self.0)?.clone();
            state.connect_endpoints.remove(&self.0);
            Ok(endpoint)
        })?;
        call.ec2.refresh_gates();
        xml.node("instanceConnectEndpoint", |xml| write(xml, &endpoint, "delete-in-progress"));
        Ok(())
    }
}

pub(super) struct DescribeInstanceConnectEndpoints(Query);

impl Action for DescribeInstanceConnectEndpoints {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceConnectEndpointId", "Filter", "MaxResults", "NextToken"],
        filters: &[
            "instance-connect-endpoint-id",
            "state",
            "subnet-id",
            "tag:KEY",
            "tag-key",
            "vpc-id",
        ],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let ids = "InstanceConnectEndpointId";
        let query = Query::decode::<ConnectEndpoint>(params, ids, &Self::REFERENCE)?;
        Ok(DescribeInstanceConnectEndpoints(query))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let (rows, token) = self.0.select(&state.connect_endpoints, &call.region, values)?;
            xml.list("instanceConnectEndpointSet", rows, |xml, endpoint| {
                write(xml, endpoint, endpoint.state());
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn values(endpoint: &ConnectEndpoint, filter: &str) -> Option<Vec<String>> {
    Some(vec![match filter {
        "instance-connect-endpoint-id" => endpoint.id.clone(),
        "state" => endpoint.state().into(),
        "subnet-id" => endpoint.subnet_id.clone(),
        "vpc-id" => network::VPC_ID.into(),
        _ => return None,
    }])
}

fn write(xml: &mut Xml, endpoint: &ConnectEndpoint, state: &str) {
    let ConnectEndpoint { id, region, .. } = endpoint;
    xml.text("ownerId", ACCOUNT);
    xml.text("instanceConnectEndpointId", id);
    let arn = network::arn("ec2", region, &format!("instance-connect-endpoint/{id}"));
    xml.text("instanceConnectEndpointArn", arn);
    xml.text("state", state);
    xml.text("stateMessage", "");
    xml.text("dnsName", DNS_NAME);
    xml.list("networkInterfaceIdSet", [&endpoint.network_interface], |xml, id| xml.value(id));
    xml.text("vpcId", network::VPC_ID);
    xml.text("availabilityZone", network::zone(region));
    xml.time("createdAt", endpoint.created);
    xml.text("subnetId", &endpoint.subnet_id);
    xml.text("preserveClientIp", false);
    xml.list("securityGroupIdSet", &endpoint.groups, |xml, id| xml.value(id));
    xml.tags(&endpoint.tags);
}
