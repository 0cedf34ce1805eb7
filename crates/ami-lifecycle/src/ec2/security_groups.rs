//! Security groups and their rules.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, ResourceType, SecurityGroup, SecurityGroupRule,
};
use ipnet::IpNet;

use crate::ec2::action::Action;
use crate::ec2::client::{
    Cloud, any_of, filter, is_of, matching, of_bake, of_namespace, tag_specification, was_known,
};
use crate::ec2::convert::read_tags;
use crate::ec2::error::CloudError;
use crate::model::ingress::{From, Group, Ingress};
use crate::model::leftover::Tagged;
use crate::model::tags::{self, Tags};
use crate::model::template::Namespace;

/// A rule of amiable's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnRule {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) tags: Tags,
}

/// What is to be let in, and what the rules say of it.
#[derive(Debug, Clone)]
pub(crate) struct Admission<'a> {
    pub(crate) port: u16,
    pub(crate) from: &'a [IpNet],
    pub(crate) description: &'a str,
    pub(crate) tags: &'a Tags,
}

impl Cloud {
    /// Makes a group that lets nobody in; `None` when there is one of this name.
    pub(crate) async fn create_group(
        &self,
        name: &str,
        description: &str,
        vpc: Option<&str>,
        tags: &Tags,
    ) -> Result<Option<String>, CloudError> {
        let request = self.ec2.create_security_group().group_name(name).description(description);
        let request = request
            .set_vpc_id(vpc.map(String::from))
            .tag_specifications(tag_specification(ResourceType::SecurityGroup, tags));
        match self.call(Action::CreateSecurityGroup, &name, request.send()).await {
            Ok(answer) => {
                let nothing =
                    || CloudError::answer(Action::CreateSecurityGroup, "the answer has no id");
                answer.group_id.ok_or_else(nothing).map(Some)
            }
            Err(error) if error.code.as_deref() == Some("InvalidGroup.Duplicate") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The group of a name that has the namespace's tag.
    pub(crate) async fn group_named(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<Option<String>, CloudError> {
        let filters = vec![of_namespace(namespace), filter("group-name", name)];
        let found = self.security_groups(filters).await?;
        let mut own = found.into_iter().filter(|it| is_of(namespace, &read_tags(it.tags.clone())));
        Ok(own.find_map(|group| group.group_id))
    }

    /// The ids of the groups of a VPC that have these tags.
    pub(crate) async fn groups_tagged(
        &self,
        tags: &BTreeMap<String, String>,
        vpc: &str,
    ) -> Result<Vec<String>, CloudError> {
        let filters = tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), value));
        let filters = filters.chain([filter("vpc-id", vpc)]).collect();
        let found = self.security_groups(filters).await?;
        let mut ids: Vec<String> = found.into_iter().filter_map(|it| it.group_id).collect();
        ids.sort();
        Ok(ids)
    }

    /// What groups let in, by their ids or names.
    pub(crate) async fn ingress(&self, groups: &[String]) -> Result<Vec<Group>, CloudError> {
        let (ids, names): (Vec<String>, Vec<String>) =
            groups.iter().cloned().partition(|group| group.starts_with("sg-"));
        let mut found = Vec::new();
        for (name, values) in [("group-id", ids), ("group-name", names)] {
            if !values.is_empty() {
                found.extend(self.security_groups(vec![any_of(name, values)]).await?);
            }
        }
        Ok(found.into_iter().map(group).collect())
    }

    /// All groups of a namespace.
    pub(crate) async fn groups_of_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<Tagged>, CloudError> {
        let found = self.security_groups(vec![of_namespace(namespace)]).await?;
        let tagged = found.into_iter().map(|group| Tagged {
            id: group.group_id.unwrap_or_default(),
            state: "available".into(),
            tags: read_tags(group.tags),
        });
        Ok(tagged.filter(|it| is_of(namespace, &it.tags)).collect())
    }

    async fn security_groups(
        &self,
        filters: Vec<Filter>,
    ) -> Result<Vec<SecurityGroup>, CloudError> {
        let request = self.ec2.describe_security_groups().set_filters(Some(filters.clone()));
        let pages = request.into_paginator().items().send();
        self.pages(Action::DescribeSecurityGroups, filters, pages).await
    }

    /// Lets some in, and returns the new rules' ids; `None` when a rule lets one of them in
    /// already.
    pub(crate) async fn authorize(
        &self,
        group: &str,
        admission: &Admission<'_>,
    ) -> Result<Option<Vec<String>>, CloudError> {
        let request = self
            .ec2
            .authorize_security_group_ingress()
            .group_id(group)
            .ip_permissions(permission(admission))
            .tag_specifications(tag_specification(ResourceType::SecurityGroupRule, admission.tags));
        let answer = self
            .call_until_seen(
                Action::AuthorizeSecurityGroupIngress,
                (&group, &admission.from),
                async || request.clone().send().await,
            )
            .await;
        match answer {
            Ok(answer) => {
                let rules = answer.security_group_rules.unwrap_or_default().into_iter();
                Ok(Some(rules.filter_map(|rule| rule.security_group_rule_id).collect()))
            }
            Err(error) if error.code.as_deref() == Some("InvalidPermission.Duplicate") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes rules away; what is gone already is no error.
    pub(crate) async fn revoke(&self, group: &str, rules: &[String]) -> Result<(), CloudError> {
        if self.were_revoked(group, rules).await? || rules.len() == 1 {
            return Ok(());
        }
        // Where one of them is gone, EC2 takes none of the others away.
        for rule in rules {
            self.were_revoked(group, std::slice::from_ref(rule)).await?;
        }
        Ok(())
    }

    /// `false` when EC2 does not know one of them, or not any more.
    async fn were_revoked(&self, group: &str, rules: &[String]) -> Result<bool, CloudError> {
        let request = self.ec2.revoke_security_group_ingress().group_id(group);
        let request = request.set_security_group_rule_ids(Some(rules.to_vec()));
        was_known(
            self.call(Action::RevokeSecurityGroupIngress, (&group, &rules), request.send())
                .await
                .map(drop),
        )
    }

    /// The rules that a bake has made.
    pub(crate) async fn rules_of_bake(&self, bake: &str) -> Result<Vec<OwnRule>, CloudError> {
        self.rules(vec![of_bake(bake)]).await
    }

    /// The rules of a group that amiable has made.
    pub(crate) async fn rules_of_group(&self, group: &str) -> Result<Vec<OwnRule>, CloudError> {
        let any = format!("tag:{}", tags::NAMESPACE);
        self.rules(vec![matching(&any, "*"), filter("group-id", group)]).await
    }

    /// All rules of a namespace.
    pub(crate) async fn rules_of_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<OwnRule>, CloudError> {
        let mut found = self.rules(vec![of_namespace(namespace)]).await?;
        found.retain(|it| is_of(namespace, &it.tags));
        Ok(found)
    }

    async fn rules(&self, filters: Vec<Filter>) -> Result<Vec<OwnRule>, CloudError> {
        let request = self.ec2.describe_security_group_rules().set_filters(Some(filters.clone()));
        let pages = request.into_paginator().items().send();
        let found = self.pages(Action::DescribeSecurityGroupRules, filters, pages).await?;
        Ok(found.into_iter().map(own_rule).collect())
    }

    /// Deletes a group; `false` when EC2 does not know it, or not any more.
    pub(crate) async fn delete_group(&self, id: &str) -> Result<bool, CloudError> {
        was_known(
            self.call(
                Action::DeleteSecurityGroup,
                id,
                self.ec2.delete_security_group().group_id(id).send(),
            )
            .await
            .map(drop),
        )
    }
}

fn permission(admission: &Admission<'_>) -> IpPermission {
    let Admission { port, from, description, .. } = admission;
    let port = i32::from(*port);
    let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    let add = |permission: aws_sdk_ec2::types::builders::IpPermissionBuilder, net: &IpNet| {
        let cidr = net.trunc().to_string();
        match net {
            IpNet::V4(_) => permission
                .ip_ranges(IpRange::builder().cidr_ip(cidr).description(*description).build()),
            IpNet::V6(_) => permission.ipv6_ranges(
                Ipv6Range::builder().cidr_ipv6(cidr).description(*description).build(),
            ),
        }
    };
    from.iter().fold(permission, add).build()
}

fn own_rule(rule: SecurityGroupRule) -> OwnRule {
    OwnRule {
        id: rule.security_group_rule_id.unwrap_or_default(),
        group: rule.group_id.unwrap_or_default(),
        tags: read_tags(rule.tags),
    }
}

fn group(group: SecurityGroup) -> Group {
    let permissions = group.ip_permissions.unwrap_or_default().into_iter();
    Group {
        id: group.group_id.unwrap_or_default(),
        name: group.group_name.unwrap_or_default(),
        vpc: group.vpc_id.unwrap_or_default(),
        rules: permissions.flat_map(ingress).collect(),
    }
}

/// What a permission lets in by TCP.
fn ingress(permission: IpPermission) -> Vec<Ingress> {
    let ports = permission.from_port.zip(permission.to_port);
    let ports = match permission.ip_protocol.as_deref() {
        Some("-1") => None,
        Some("tcp" | "6") => ports,
        _ => return Vec::new(),
    };
    let v4 = permission.ip_ranges.unwrap_or_default().into_iter().filter_map(|it| it.cidr_ip);
    let v6 = permission.ipv6_ranges.unwrap_or_default().into_iter();
    let nets = v4.chain(v6.filter_map(|it| it.cidr_ipv6));
    let nets = nets.filter_map(|cidr| cidr.parse().ok()).map(From::Net);
    let groups = permission.user_id_group_pairs.unwrap_or_default().into_iter();
    let groups = groups.filter_map(|pair| pair.group_id).map(From::Other);
    let lists = permission.prefix_list_ids.unwrap_or_default().into_iter();
    let lists = lists.filter_map(|list| list.prefix_list_id).map(From::Other);
    nets.chain(groups).chain(lists).map(|from| Ingress { ports, from }).collect()
}
