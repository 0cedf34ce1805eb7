//! Which instances still run an older AMI of a template: what a roll has reached, and what it has not.

use serde::Serialize;

use crate::ec2::client::{Cloud, MOST_VALUES, any_of};
use crate::ec2::error::CloudError;
use crate::model::facts::InstanceFacts;
use crate::model::fleet::Fleet;
use crate::model::id::AmiId;
use crate::model::tags;

/// Tags that say who an instance is to people, the best first: its name, what Jenkins' EC2 plugin calls it,
/// and its Auto Scaling group.
const TITLES: [&str; 3] = ["Name", "jenkins_slave_type", "aws:autoscaling:groupName"];

/// An instance that runs an AMI of a template other than the one that consumers are to name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OlderAgent {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// The AMI that it was started from.
    pub ami: AmiId,
    /// The AMI's generation.
    pub generation: u64,
    /// When it was started last (RFC 3339).
    pub since: String,
    /// Who it is: its name, its Jenkins agent template, or its Auto Scaling group.
    pub title: Option<String>,
}

/// The instances in this region that run an AMI of a template other than `wanted`, the oldest first.
/// Those of amiable's own are left out.
///
/// # Errors
/// When DescribeInstances fails.
pub async fn older_agents(
    cloud: &Cloud,
    fleet: &Fleet,
    template: &str,
    wanted: &AmiId,
) -> Result<Vec<OlderAgent>, CloudError> {
    let others = fleet.amis().iter().filter(|ami| ami.template == template && ami.ami != *wanted);
    let others: Vec<AmiId> = others.map(|ami| ami.ami.clone()).collect();
    let mut agents = Vec::new();
    for amis in others.chunks(MOST_VALUES) {
        let instances = cloud.live_instances(vec![any_of("image-id", amis)]).await?;
        let agents_of = instances.into_iter().filter_map(|it| agent(fleet, it));
        agents.extend(agents_of);
    }
    agents.sort_by(|one, other| (&one.since, &one.id).cmp(&(&other.since, &other.id)));
    Ok(agents)
}

fn agent(fleet: &Fleet, instance: InstanceFacts) -> Option<OlderAgent> {
    if instance.tags.contains_key(tags::NAMESPACE) || instance.state == "shutting-down" {
        return None;
    }
    let generation = fleet.get(&instance.image)?.generation;
    let title = TITLES.iter().find_map(|key| instance.tags.get(*key)).cloned();
    Some(OlderAgent {
        id: instance.id.into(),
        state: instance.state,
        ami: instance.image,
        generation,
        since: instance.launched,
        title,
    })
}
