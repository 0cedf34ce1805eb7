//! Security groups, kept and told as on EC2. Those for SSH are enforced by [`crate::gate`]:
//! nothing else of an instance can be reached.

use serde::{Deserialize, Serialize};

use super::table::resource;
use super::tags::Tags;

/// Who may talk to the instances of a group, or be talked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Peer {
    Cidr(String),
    Cidr6(String),
    Group(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

/// One rule of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) direction: Direction,
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub(crate) protocol: String,
    /// From and to; ICMP type and code; `None` for all protocols.
    pub(crate) ports: Option<(i32, i32)>,
    pub(crate) peer: Peer,
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) tags: Tags,
}

impl Rule {
    /// What the ids of rules begin with.
    pub(crate) const PREFIX: &'static str = "sgr";

    /// Whether two rules allow the same; their ids, descriptions and tags do not count.
    pub(crate) fn allows_as(&self, other: &Rule) -> bool {
        self.direction == other.direction
            && self.protocol == other.protocol
            && self.ports == other.ports
            && self.peer == other.peer
    }
}

/// One security group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SecurityGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) rules: Vec<Rule>,
    #[serde(default)]
    pub(crate) region: String,
    pub(crate) tags: Tags,
}

resource!(SecurityGroup {
    table: "security_groups",
    prefix: "sg",
    kind: "security-group",
    malformed: "InvalidGroupId",
    not_found: "InvalidGroup",
    noun: "security group",
});
