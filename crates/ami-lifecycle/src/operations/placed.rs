//! The network that a template's machines are in, where the template names it by tags.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::ec2::client::Cloud;
use crate::model::launch_spec::LaunchSpec;
use crate::model::template::Template;
use crate::operations::error::BakeError;

/// The template with the subnets and security groups that have its tags.
///
/// # Errors
/// When there are none, or no machine could be in all of them.
pub(crate) async fn placed<'t>(
    cloud: &Cloud,
    template: &'t Template,
) -> Result<Cow<'t, Template>, BakeError> {
    let LaunchSpec { subnet_tags, security_group_tags, .. } = &template.launch;
    if subnet_tags.is_empty() && security_group_tags.is_empty() {
        return Ok(Cow::Borrowed(template));
    }
    let mut placed = template.clone();
    if !subnet_tags.is_empty() {
        placed.launch.subnets = subnets(cloud, subnet_tags).await?;
    }
    if !security_group_tags.is_empty() {
        let vpc = match placed.launch.subnets.first() {
            Some(subnet) => cloud.vpc_of(subnet).await?,
            None => cloud.default_vpc().await?.ok_or_else(|| {
                let text = "this region has no default VPC: name a `subnet` beside security groups";
                BakeError::NoNetwork(text.into())
            })?,
        };
        let groups = cloud.groups_tagged(security_group_tags, &vpc).await?;
        if groups.is_empty() {
            let tags = text_of(security_group_tags);
            let text = format!("no security group of {vpc} has the tags {tags}");
            return Err(BakeError::NoNetwork(text));
        }
        placed.launch.security_groups = groups;
    }
    Ok(Cow::Owned(placed))
}

/// Those with most free addresses first.
async fn subnets(cloud: &Cloud, tags: &BTreeMap<String, String>) -> Result<Vec<String>, BakeError> {
    let mut found = cloud.subnets_tagged(tags).await?;
    found.sort_by(|one, other| (other.free, &one.id).cmp(&(one.free, &other.id)));
    let vpcs: BTreeSet<&str> = found.iter().map(|it| it.vpc.as_str()).collect();
    let tags = text_of(tags);
    if vpcs.len() > 1 {
        let vpcs = vpcs.into_iter().collect::<Vec<&str>>().join(", ");
        let text = format!("the subnets with the tags {tags} are in several VPCs: {vpcs}");
        return Err(BakeError::NoNetwork(text));
    }
    if found.is_empty() {
        return Err(BakeError::NoNetwork(format!("no subnet has the tags {tags}")));
    }
    Ok(found.into_iter().map(|it| it.id).collect())
}

fn text_of(tags: &BTreeMap<String, String>) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<String>>().join(", ")
}
