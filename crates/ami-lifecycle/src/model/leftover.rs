//! What dead bakes have left.

use serde::Serialize;

use crate::model::ami::Ami;
use crate::model::id::SnapshotId;
use crate::model::standing::Standing;
use crate::model::tags::{self, Tags};

/// What kind of resource was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftKind {
    /// A builder that has not ended.
    Instance,
    /// An image that was never made current.
    Image,
    /// A snapshot without an image.
    Snapshot,
    /// A volume that outlived its builder.
    Volume,
    /// An EC2 key pair of a bake.
    KeyPair,
    /// A rule of a security group, which lets somebody in.
    SecurityGroupRule,
    /// The security group of a namespace that nothing is baked in any more.
    SecurityGroup,
}

/// Why something belongs to nobody any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftBecause {
    /// The lease of its bake has ended.
    LeaseEnded,
    /// The process of its bake has ended.
    ProcessEnded,
    /// The AMI that it belonged to was being deleted.
    ImageDeleted,
    /// Nothing uses it any more.
    Unused,
}

/// Something that a dead bake, or an interrupted deletion, has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftKind,
    /// Its id.
    pub id: String,
    /// Its state, as EC2 names it.
    pub state: String,
    /// The template it was made for.
    pub template: String,
    /// The bake that made it.
    pub bake: String,
    /// Who baked.
    pub operator: String,
    /// Why it belongs to nobody.
    pub because: LeftBecause,
    /// When its lease ends, or ended.
    pub lease: Option<String>,
    /// The snapshots of an image, which go with it.
    pub snapshots: Vec<SnapshotId>,
    /// EC2 does not deregister the image until that is switched off.
    #[serde(skip)]
    pub(crate) protected: bool,
    /// The security group of a rule.
    #[serde(skip)]
    pub(crate) group: Option<String>,
    /// What that was decided on.
    #[serde(skip)]
    pub(crate) standing: Standing,
}

impl Leftover {
    pub(crate) fn of(
        kind: LeftKind,
        because: LeftBecause,
        (id, state, tags): (&str, &str, &Tags),
    ) -> Leftover {
        let tag = |key: &str| tags.get(key).cloned().unwrap_or_default();
        Leftover {
            kind,
            id: id.to_owned(),
            state: state.to_owned(),
            template: tag(tags::TEMPLATE),
            bake: tag(tags::BAKE),
            operator: tag(tags::OPERATOR),
            because,
            lease: tags.get(tags::LEASE).cloned(),
            snapshots: Vec::new(),
            protected: false,
            group: None,
            standing: Standing::of(tags),
        }
    }

    pub(crate) fn of_image(because: LeftBecause, ami: &Ami) -> Leftover {
        Leftover {
            kind: LeftKind::Image,
            id: ami.ami.clone().into(),
            state: ami.state.clone(),
            template: ami.template.clone(),
            bake: ami.bake.clone(),
            operator: ami.operator.clone(),
            because,
            lease: ami.lease.clone(),
            snapshots: ami.snapshots.clone(),
            protected: ami.protected,
            group: None,
            standing: ami.standing.clone(),
        }
    }
}

/// An instance or snapshot with its tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) tags: Tags,
}

impl Tagged {
    pub(crate) fn left(&self, kind: LeftKind, because: LeftBecause) -> Leftover {
        Leftover::of(kind, because, (&self.id, &self.state, &self.tags))
    }
}
