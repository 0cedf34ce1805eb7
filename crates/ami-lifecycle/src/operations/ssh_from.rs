//! From where a template's machines are logged in to.

use ipnet::IpNet;

use crate::ec2::client::Cloud;
use crate::ec2::held_access::Scope;
use crate::ec2::own_address;
use crate::guest::site::Site;
use crate::model::ingress;
use crate::model::reach::{AddressKind, Connect};
use crate::model::template::{Namespace, Template};
use crate::operations::error::BakeError;

/// The scope of a template that names no group.
pub(crate) async fn scope(site: &Site<'_>, namespace: &Namespace) -> Result<Scope, BakeError> {
    let template = site.template;
    let from = site.or_cancel(sources(site.cloud, template)).await??;
    Ok(Scope {
        namespace: namespace.0.clone(),
        subnet: template.launch.subnets.first().cloned(),
        port: template.ssh_port,
        from,
    })
}

/// From where a template's machines see connections come. By Session Manager none come from
/// outside; who is at the other end of another program in the VPC is not known, so it may be any
/// address of the VPC.
pub(crate) async fn sources(cloud: &Cloud, template: &Template) -> Result<Vec<IpNet>, BakeError> {
    if !template.ssh_from.is_empty() {
        return Ok(template.ssh_from.clone());
    }
    let subnet = template.launch.subnets.first().map(String::as_str);
    let own = match (&template.reach.connect, template.reach.address) {
        (Some(Connect::SessionManager), _) => return Ok(Vec::new()),
        (Some(_), _) => return Ok(cloud.networks(subnet).await?.to_vec()),
        (None, Some(AddressKind::Private)) => {
            let networks = cloud.networks(subnet).await?;
            let first = networks.first().ok_or_else(|| "there is no default VPC".to_owned());
            first.and_then(|first| own_address::towards(first.network()))
        }
        (None, Some(AddressKind::Ipv6)) => own_address::towards(own_address::ANY_IPV6.into()),
        (None, Some(AddressKind::Public) | None) => cloud.own_address().await,
    };
    Ok(vec![ingress::only(own.map_err(BakeError::OwnAddress)?)])
}
