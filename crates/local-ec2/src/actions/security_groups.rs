//! Security groups: create, describe, delete.

use super::query::Query;
use super::security_rules::write_permissions;
use crate::actions::action::Action;
use crate::actions::query::find_group;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::model::{Direction, Peer, Rule, SecurityGroup, State, Tags, new_id};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};
use crate::{default_vpc, network};

/// The longest name and the longest description of a group, in characters.
const LONGEST_TEXT: usize = 255;

pub(super) struct CreateSecurityGroup {
    name: String,
    description: String,
    vpc_id: Option<String>,
    tags: Tags,
}

impl Action for CreateSecurityGroup {
    const REFERENCE: Reference = Reference {
        honours: &["GroupName", "GroupDescription", "VpcId", "TagSpecification"],
        notes: "The rules for port 22 and for `--ssh-port` (TCP, IPv4) decide who reaches an \
                instance's sshd; nothing else of an instance can be reached.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let name = params.required("GroupName")?;
        let description = params.required("GroupDescription")?;
        for (parameter, text) in [("groupName", &name), ("groupDescription", &description)] {
            if text.chars().count() > LONGEST_TEXT || !text.chars().all(is_allowed) {
                return Err(ApiError::invalid_value(parameter, text));
            }
        }
        if name.starts_with("sg-") {
            let message = "Group names may not be of the form sg-*";
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        let mut tags = params.tag_specifications(&["security-group"])?;
        Ok(CreateSecurityGroup {
            name,
            description,
            vpc_id: params.string("VpcId"),
            tags: tags.remove("security-group").unwrap_or_default(),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        super::network::check_vpc(&self.vpc_id)?;
        let group = SecurityGroup {
            id: new_id("sg"),
            name: self.name,
            description: self.description,
            rules: vec![default_vpc::allow_all_egress()],
            region: call.region.clone(),
            tags: self.tags,
        };
        xml.text("return", true);
        xml.text("groupId", &group.id);
        xml.tags(&group.tags);
        call.ec2.change(|state| {
            if state.security_groups.of_region(&call.region).any(|it| it.name == group.name) {
                let message = format!(
                    "The security group '{}' already exists for VPC '{}'",
                    group.name,
                    network::VPC_ID
                );
                return Err(ApiError::new("InvalidGroup.Duplicate", message));
            }
            state.security_groups.insert(group);
            Ok(())
        })
    }
}

/// What a VPC allows in names and descriptions
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>).
fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(character)
}

pub(super) struct DeleteSecurityGroup {
    id: Option<String>,
    name: Option<String>,
}

impl Action for DeleteSecurityGroup {
    const REFERENCE: Reference =
        Reference { honours: &["GroupId", "GroupName"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        let (id, name) = (params.string("GroupId"), params.string("GroupName"));
        if let Some(id) = &id {
            super::query::check_id::<SecurityGroup>(id)?;
        }
        Ok(DeleteSecurityGroup { id, name })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = call.ec2.change(|state| {
            let group = find_group(state, &call.region, self.id.as_deref(), self.name.as_deref())?;
            let id = group.id.clone();
            if id == network::DEFAULT_GROUP_ID {
                let message = format!(
                    "the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"
                );
                return Err(ApiError::new("CannotDelete", message));
            }
            if is_in_use(state, &id) {
                let message = format!("resource {id} has a dependent object");
                return Err(ApiError::new("DependencyViolation", message));
            }
            state.security_groups.remove(&id);
            Ok(id)
        })?;
        xml.text("return", true);
        xml.text("groupId", id);
        Ok(())
    }
}

/// Instances that have not ended and rules of other groups hold a group.
fn is_in_use(state: &State, id: &str) -> bool {
    let by_rule = |rule: &Rule| rule.peer == Peer::Group(id.to_owned());
    state
        .instances
        .iter()
        .any(|it| it.terminated_at.is_none() && it.groups.iter().any(|group| group == id))
        || state.connect_endpoints.iter().any(|it| it.groups.iter().any(|group| group == id))
        || state.security_groups.iter().any(|it| it.id != id && it.rules.iter().any(by_rule))
}

pub(super) struct DescribeSecurityGroups {
    query: Query,
    names: Vec<String>,
}

impl Action for DescribeSecurityGroups {
    const REFERENCE: Reference = Reference {
        honours: &["GroupId", "GroupName", "Filter", "MaxResults", "NextToken"],
        filters: &[
            "description",
            "group-id",
            "group-name",
            "owner-id",
            "tag:KEY",
            "tag-key",
            "vpc-id",
        ],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeSecurityGroups {
            query: Query::decode_strictly::<SecurityGroup>(params, "GroupId", &Self::REFERENCE)?,
            names: params.list("GroupName"),
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            for name in &self.names {
                find_group(state, &call.region, None, Some(name))?;
            }
            let named =
                |group: &SecurityGroup| self.names.is_empty() || self.names.contains(&group.name);
            let (rows, token) =
                self.query.select_among(&state.security_groups, &call.region, named, values)?;
            xml.list("securityGroupInfo", rows, write);
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn values(group: &SecurityGroup, filter: &str) -> Option<Vec<String>> {
    Some(vec![match filter {
        "description" => group.description.clone(),
        "group-id" => group.id.clone(),
        "group-name" => group.name.clone(),
        "owner-id" => ACCOUNT.into(),
        "vpc-id" => network::VPC_ID.into(),
        _ => return None,
    }])
}

fn write(xml: &mut Xml, group: &SecurityGroup) {
    xml.text("ownerId", ACCOUNT);
    xml.text("groupId", &group.id);
    xml.text("groupName", &group.name);
    xml.text("groupDescription", &group.description);
    xml.text("vpcId", network::VPC_ID);
    write_permissions(xml, "ipPermissions", group, Direction::Ingress);
    write_permissions(xml, "ipPermissionsEgress", group, Direction::Egress);
    xml.tags(&group.tags);
}
