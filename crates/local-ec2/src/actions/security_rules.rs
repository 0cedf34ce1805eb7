//! The rules of security groups: authorize, revoke, describe.

use super::query::{Page, check_id, find_mut};
use crate::actions::action::Action;
use crate::actions::query::find_group;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::model::{Direction, Peer, Rule, SecurityGroup, State, Tags, new_id};
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, Xml, matches};

/// What authorizing and revoking have in common: the group and the rules.
struct RuleRequest {
    group_id: Option<String>,
    group_name: Option<String>,
    rule_ids: Vec<String>,
    rules: Vec<RequestedRule>,
    /// Of the rules that are made.
    tags: Tags,
}

/// A rule as it is asked for; a peer group may be given by name.
#[derive(Debug, Clone)]
struct RequestedRule {
    rule: Rule,
    peer_name: Option<String>,
}

/// What all four honour, and what else one of them does.
macro_rules! rules {
    ($($more:literal)?) => {
        &[
            "GroupId",
            "GroupName",
            "IpPermissions.IpProtocol",
            "IpPermissions.FromPort",
            "IpPermissions.ToPort",
            "IpPermissions.IpRanges",
            "IpPermissions.Ipv6Ranges",
            "IpPermissions.Groups",
            "IpPermissions.PrefixListIds",
            "SecurityGroupRuleId",
            "IpProtocol",
            "FromPort",
            "ToPort",
            "CidrIp",
            "SourceSecurityGroupName",
            $($more,)?
        ]
    };
}

impl RuleRequest {
    fn decode(params: &Params, direction: Direction) -> ApiResult<RuleRequest> {
        let group_id = params.string("GroupId");
        if let Some(id) = &group_id {
            check_id::<SecurityGroup>(id)?;
        }
        let mut rules = Vec::new();
        for permission in params.structures("IpPermissions") {
            decode_permission(&permission, direction, &mut rules)?;
        }
        if let Some(rule) = decode_flat(params, direction)? {
            rules.push(rule);
        }
        let rule_ids = params.list("SecurityGroupRuleId");
        if rules.is_empty() && rule_ids.is_empty() {
            return Err(ApiError::missing("ipPermissions"));
        }
        let group_name = params.string("GroupName");
        Ok(RuleRequest { group_id, group_name, rule_ids, rules, tags: Tags::new() })
    }

    /// What authorizing takes besides.
    fn with_tags(mut self, params: &Params) -> ApiResult<RuleRequest> {
        let mut tags = params.tag_specifications(&["security-group-rule"])?;
        self.tags = tags.remove("security-group-rule").unwrap_or_default();
        Ok(self)
    }

    fn group_id(&self, state: &State, region: &str) -> ApiResult<String> {
        let group =
            find_group(state, region, self.group_id.as_deref(), self.group_name.as_deref())?;
        Ok(group.id.clone())
    }

    /// The rules with their peers found.
    fn resolved(&self, state: &State, region: &str) -> ApiResult<Vec<Rule>> {
        let resolve = |asked: &RequestedRule| {
            let mut rule = Rule { tags: self.tags.clone(), ..asked.rule.clone() };
            if let Some(name) = &asked.peer_name {
                rule.peer = Peer::Group(find_group(state, region, None, Some(name))?.id.clone());
            } else if let Peer::Group(id) = &rule.peer {
                find_group(state, region, Some(id), None)?;
            }
            Ok(rule)
        };
        self.rules.iter().map(resolve).collect()
    }
}

/// The rule of the parameters that stand at the top, as older clients send it.
fn decode_flat(params: &Params, direction: Direction) -> ApiResult<Option<RequestedRule>> {
    let (protocol, ports) = decode_protocol(params)?;
    let cidr = params.string("CidrIp");
    let peer_name = params.string("SourceSecurityGroupName");
    let peer = match (cidr, &peer_name) {
        (Some(cidr), _) => Peer::Cidr(check_cidr(cidr)?),
        (None, Some(_)) => Peer::Group(String::new()),
        (None, None) => return Ok(None),
    };
    let protocol = protocol.unwrap_or_else(|| "-1".into());
    let rule = Rule {
        id: new_id("sgr"),
        direction,
        protocol,
        ports,
        peer,
        description: None,
        tags: Tags::new(),
    };
    Ok(Some(RequestedRule { rule, peer_name }))
}

/// From and to, where the protocol has ports.
type Ports = Option<(i32, i32)>;

/// A protocol by its name or number, and its ports.
fn decode_protocol(params: &Params) -> ApiResult<(Option<String>, Ports)> {
    let protocol = params.string("IpProtocol").map(|text| match text.as_str() {
        "all" => "-1".to_owned(),
        "1" => "icmp".to_owned(),
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        _ => text,
    });
    let ports: Ports = params.parsed("FromPort")?.zip(params.parsed("ToPort")?);
    if let Some(protocol) = &protocol {
        let known = ["-1", "tcp", "udp", "icmp", "icmpv6"].contains(&protocol.as_str());
        if !known && protocol.parse::<u8>().is_err() {
            let message = format!("Invalid value '{protocol}' for IP protocol. Unknown protocol.");
            return Err(ApiError::new("InvalidPermission.Malformed", message));
        }
        let with_ports = ["tcp", "udp"].contains(&protocol.as_str());
        if with_ports && ports.is_none() {
            return Err(ApiError::missing("fromPort and toPort"));
        }
        let valid = |port: i32| (0..=65535).contains(&port);
        if let Some((from, to)) = ports.filter(|_| with_ports)
            && !(valid(from) && valid(to) && from <= to)
        {
            let message = format!("Invalid port range: {from} to {to}");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
    }
    let all = protocol.as_deref() == Some("-1");
    Ok((protocol, ports.filter(|_| !all)))
}

fn decode_permission(
    permission: &Params,
    direction: Direction,
    rules: &mut Vec<RequestedRule>,
) -> ApiResult<()> {
    permission.required("IpProtocol")?;
    let (protocol, ports) = decode_protocol(permission)?;
    let mut add = |peer, description, peer_name| {
        let protocol = protocol.clone().unwrap_or_default();
        let (id, tags) = (new_id("sgr"), Tags::new());
        let rule = Rule { id, direction, protocol, ports, peer, description, tags };
        rules.push(RequestedRule { rule, peer_name });
    };
    for range in permission.structures("IpRanges") {
        let cidr = check_cidr(range.required("CidrIp")?)?;
        add(Peer::Cidr(cidr), range.string("Description"), None);
    }
    for range in permission.structures("Ipv6Ranges") {
        let cidr = check_cidr(range.required("CidrIpv6")?)?;
        add(Peer::Cidr6(cidr), range.string("Description"), None);
    }
    // There are none here: EC2 says so of one that it does not know.
    if let Some(list) = permission.structures("PrefixListIds").first() {
        let id = list.required("PrefixListId")?;
        let message = format!("The prefix list ID '{id}' does not exist");
        return Err(ApiError::new("InvalidPrefixListID.NotFound", message));
    }
    for group in permission.structures("Groups") {
        let (id, name) = (group.string("GroupId"), group.string("GroupName"));
        // Of one account and one VPC there is only one.
        group.string("UserId");
        group.string("VpcId");
        let description = group.string("Description");
        match (id, name) {
            (Some(id), _) => add(Peer::Group(id), description, None),
            (None, Some(name)) => add(Peer::Group(String::new()), description, Some(name)),
            (None, None) => return Err(ApiError::missing("GroupId")),
        }
    }
    Ok(())
}

/// An address and how many bits of it count.
fn check_cidr(text: String) -> ApiResult<String> {
    let valid = text.split_once('/').is_some_and(|(address, bits)| {
        let address: Result<std::net::IpAddr, _> = address.parse();
        let most = match address {
            Ok(std::net::IpAddr::V4(_)) => 32,
            Ok(std::net::IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    });
    if valid {
        return Ok(text);
    }
    let message = format!("CIDR block {text} is malformed");
    Err(ApiError::new("InvalidParameterValue", message))
}

fn authorize(call: &Call, request: &RuleRequest, xml: &mut Xml) -> ApiResult<()> {
    let (group_id, rules) = call.ec2.change(|state| {
        let (id, rules) =
            (request.group_id(state, &call.region)?, request.resolved(state, &call.region)?);
        let group = find_mut(&mut state.security_groups, &id)?;
        for rule in &rules {
            if group.rules.iter().any(|other| other.allows_as(rule)) {
                let message = format!("the specified rule \"{}\" already exists", describe(rule));
                return Err(ApiError::new("InvalidPermission.Duplicate", message));
            }
            group.rules.push(rule.clone());
        }
        Ok((id, rules))
    })?;
    call.ec2.refresh_gates();
    xml.text("return", true);
    xml.list("securityGroupRuleSet", &rules, |xml, rule| write_rule(xml, &group_id, rule));
    Ok(())
}

fn revoke(
    call: &Call,
    request: &RuleRequest,
    direction: Direction,
    xml: &mut Xml,
) -> ApiResult<()> {
    call.ec2.change(|state| {
        let (id, rules) =
            (request.group_id(state, &call.region)?, request.resolved(state, &call.region)?);
        let group = find_mut(&mut state.security_groups, &id)?;
        for rule in &rules {
            remove(group, |it| it.allows_as(rule), &describe(rule))?;
        }
        for id in &request.rule_ids {
            remove(group, |it| it.id == *id && it.direction == direction, id)?;
        }
        Ok(())
    })?;
    call.ec2.refresh_gates();
    xml.text("return", true);
    Ok(())
}

fn remove(group: &mut SecurityGroup, is_it: impl Fn(&Rule) -> bool, name: &str) -> ApiResult<()> {
    let position = group.rules.iter().position(is_it).ok_or_else(|| {
        let message =
            format!("The specified rule \"{name}\" does not exist in this security group.");
        ApiError::new("InvalidPermission.NotFound", message)
    })?;
    group.rules.remove(position);
    Ok(())
}

/// As EC2 names a rule in messages.
fn describe(rule: &Rule) -> String {
    let peer = match &rule.peer {
        Peer::Cidr(text) | Peer::Cidr6(text) | Peer::Group(text) => text,
    };
    match rule.ports {
        Some((from, to)) => {
            format!("peer: {peer}, {}, from port: {from}, to port: {to}, ALLOW", rule.protocol)
        }
        None => format!("peer: {peer}, protocol: {}, ALLOW", rule.protocol),
    }
}

/// The four actions differ only in what is done, and which way.
macro_rules! rule_action {
    ($name:ident, $direction:ident, $honours:expr, |$call:ident, $request:ident, $xml:ident| $run:expr) => {
        pub(super) struct $name(RuleRequest);

        impl Action for $name {
            const REFERENCE: Reference = Reference { honours: $honours, ..Reference::NONE };

            fn decode(params: &Params) -> ApiResult<Self> {
                let request = RuleRequest::decode(params, Direction::$direction)?;
                let makes = Self::REFERENCE.honours.contains(&"TagSpecification");
                if makes { request.with_tags(params) } else { Ok(request) }.map($name)
            }

            fn run(self, $call: &Call, $xml: &mut Xml) -> ApiResult<()> {
                let $request = &self.0;
                $run
            }
        }
    };
}

rule_action!(
    AuthorizeSecurityGroupIngress,
    Ingress,
    rules!("TagSpecification"),
    |call, request, xml| authorize(call, request, xml)
);
rule_action!(
    AuthorizeSecurityGroupEgress,
    Egress,
    rules!("TagSpecification"),
    |call, request, xml| authorize(call, request, xml)
);
rule_action!(RevokeSecurityGroupIngress, Ingress, rules!(), |call, request, xml| revoke(
    call,
    request,
    Direction::Ingress,
    xml
));
rule_action!(RevokeSecurityGroupEgress, Egress, rules!(), |call, request, xml| revoke(
    call,
    request,
    Direction::Egress,
    xml
));

pub(super) struct DescribeSecurityGroupRules {
    ids: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

impl Action for DescribeSecurityGroupRules {
    const REFERENCE: Reference = Reference {
        honours: &["SecurityGroupRuleId", "Filter", "MaxResults", "NextToken"],
        filters: &["group-id", "security-group-rule-id", "tag:KEY"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let filters = params.filters(Self::REFERENCE.filters)?;
        let page = Page::decode(params)?;
        Ok(DescribeSecurityGroupRules { ids: params.list("SecurityGroupRuleId"), filters, page })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let all = state.security_groups.of_region(&call.region);
            let all = all.flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
            let mut rows = Vec::new();
            for (group, rule) in all {
                let named = self.ids.is_empty() || self.ids.contains(&rule.id);
                let passes = matches(&self.filters, &rule.tags, |name| {
                    Some(vec![match name {
                        "group-id" => group.id.clone(),
                        "security-group-rule-id" => rule.id.clone(),
                        _ => return None,
                    }])
                })?;
                if named && passes {
                    rows.push((group, rule));
                }
            }
            if let Some(id) = self.ids.iter().find(|id| rows.iter().all(|(_, it)| it.id != **id)) {
                let message = format!("The security group rule ID '{id}' does not exist");
                return Err(ApiError::new("InvalidSecurityGroupRuleId.NotFound", message));
            }
            let (rows, token) = self.page.cut(rows.iter().collect(), |(_, rule)| &rule.id)?;
            xml.list("securityGroupRuleSet", rows, |xml, (group, rule)| {
                write_rule(xml, &group.id, rule);
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn write_rule(xml: &mut Xml, group_id: &str, rule: &Rule) {
    xml.text("securityGroupRuleId", &rule.id);
    xml.text("groupId", group_id);
    xml.text("groupOwnerId", ACCOUNT);
    xml.text("isEgress", rule.direction == Direction::Egress);
    xml.text("ipProtocol", &rule.protocol);
    let (from, to) = rule.ports.unwrap_or((-1, -1));
    xml.text("fromPort", from);
    xml.text("toPort", to);
    match &rule.peer {
        Peer::Cidr(cidr) => xml.text("cidrIpv4", cidr),
        Peer::Cidr6(cidr) => xml.text("cidrIpv6", cidr),
        Peer::Group(id) => xml.node("referencedGroupInfo", |xml| {
            xml.text("groupId", id);
            xml.text("userId", ACCOUNT);
        }),
    }
    xml.option("description", rule.description.as_ref());
    xml.tags(&rule.tags);
}

/// The rules of one direction, those of one protocol and port range together.
pub(super) fn write_permissions(
    xml: &mut Xml,
    name: &str,
    group: &SecurityGroup,
    direction: Direction,
) {
    let rules: Vec<&Rule> = group.rules.iter().filter(|it| it.direction == direction).collect();
    let same =
        |left: &Rule, right: &Rule| left.protocol == right.protocol && left.ports == right.ports;
    let first = |index: usize| !rules[..index].iter().any(|other| same(other, rules[index]));
    let firsts = (0..rules.len()).filter(|index| first(*index)).map(|index| rules[index]);
    xml.list(name, firsts.collect::<Vec<_>>(), |xml, rule| {
        let alike: Vec<&Rule> = rules.iter().copied().filter(|other| same(other, rule)).collect();
        xml.text("ipProtocol", &rule.protocol);
        if let Some((from, to)) = rule.ports {
            xml.text("fromPort", from);
            xml.text("toPort", to);
        }
        write_peers(xml, &alike);
    });
}

fn write_peers(xml: &mut Xml, rules: &[&Rule]) {
    let groups = rules.iter().filter(|rule| matches!(rule.peer, Peer::Group(_)));
    xml.list("groups", groups, |xml, rule| {
        let Peer::Group(id) = &rule.peer else { return };
        xml.text("userId", ACCOUNT);
        xml.text("groupId", id);
        xml.option("description", rule.description.as_ref());
    });
    let ranges = rules.iter().filter(|rule| matches!(rule.peer, Peer::Cidr(_)));
    xml.list("ipRanges", ranges, |xml, rule| {
        let Peer::Cidr(cidr) = &rule.peer else { return };
        xml.text("cidrIp", cidr);
        xml.option("description", rule.description.as_ref());
    });
    let ranges = rules.iter().filter(|rule| matches!(rule.peer, Peer::Cidr6(_)));
    xml.list("ipv6Ranges", ranges, |xml, rule| {
        let Peer::Cidr6(cidr) = &rule.peer else { return };
        xml.text("cidrIpv6", cidr);
        xml.option("description", rule.description.as_ref());
    });
    xml.list("prefixListIds", std::iter::empty::<()>(), |_, ()| {});
}
