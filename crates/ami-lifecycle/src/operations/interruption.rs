//! Whether EC2 has taken a Spot Instance back.

use crate::ec2::client::Cloud;
use crate::model::template::Namespace;

/// How EC2's reason begins for an instance that it has taken back
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html>).
const INTERRUPTED: &str = "Server.SpotInstanceTermination";

/// Whether EC2 has taken an instance of the namespace's back. What cannot be looked up counts as not
/// taken back.
pub(super) async fn is_interrupted(cloud: &Cloud, namespace: &Namespace, instance: &str) -> bool {
    let ids = vec![instance.to_owned()];
    let found = cloud.machines_with(namespace, ids).await.unwrap_or_default();
    let facts = found.iter().find(|it| it.id == *instance);
    let reason = facts.and_then(|it| it.reason.as_deref());
    reason.is_some_and(|it| it.starts_with(INTERRUPTED))
}
