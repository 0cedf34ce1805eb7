//! What another hand has done to a namespace's AMIs: copied them with their tags, or edited the tags.
//! amiable knows its own, and whatever writes leaves the others alone. Pure.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use crate::model::ami::Ami;
use crate::model::id::AmiId;
use crate::model::unreadable::UnreadableTag;

/// Which AMI of a template is current could not be told: one that may be has tags that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("which AMI of template {template} is current could not be determined: {ami}: {tag}")]
pub struct InDoubt {
    /// The template.
    pub template: String,
    /// The AMI that may be current.
    pub ami: String,
    /// The first of its tags that could not be read.
    pub tag: UnreadableTag,
}

impl Serialize for InDoubt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl InDoubt {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> String {
        mend(&self.ami, &self.tag)
    }
}

/// How a tag is mended.
fn mend(ami: &str, tag: &UnreadableTag) -> String {
    let key = tag.key;
    format!("restore its value: `aws ec2 create-tags --resources {ami} --tags Key={key},Value=…`")
}

/// What another hand has done to an AMI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tampering {
    /// It is a copy of this AMI, with its tags.
    #[error("amiable did not make it: it is a copy of {0} with its tags")]
    CopyOf(String),
    /// It has a tag that could not be read.
    #[error("what it is could not be determined: {0}")]
    Unreadable(UnreadableTag),
}

impl Serialize for Tampering {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Tampering {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self, ami: &str) -> String {
        match self {
            Tampering::CopyOf(_) => format!(
                "`aws ec2 delete-tags --resources {ami} --tags Key=amiable:namespace` makes \
                 amiable ignore it; a copy without tags is never mistaken for amiable's own"
            ),
            Tampering::Unreadable(tag) => mend(ami, tag),
        }
    }
}

impl Ami {
    /// What another hand has done to it; whatever writes leaves it alone then.
    #[must_use]
    pub fn tampering(&self) -> Option<Tampering> {
        let copy = self.copied_by_hand.clone().map(Tampering::CopyOf);
        copy.or_else(|| self.unreadable.first().cloned().map(Tampering::Unreadable))
    }
}

/// An AMI that another hand has copied, or whose tags it has edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", told(ami, how))]
pub struct Tampered {
    /// The AMI.
    pub ami: String,
    /// What was done to it.
    pub how: Tampering,
}

fn told(ami: &str, how: &Tampering) -> String {
    match how {
        Tampering::CopyOf(original) => {
            format!("{ami} is a copy of {original} that amiable did not make: its tags are ignored")
        }
        Tampering::Unreadable(tag) => format!("{ami}: {tag}: amiable does not touch it"),
    }
}

impl Tampered {
    pub(crate) fn of(ami: &Ami) -> Option<Tampered> {
        Some(Tampered { ami: ami.ami.clone().into(), how: ami.tampering()? })
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> String {
        self.how.hint(&self.ami)
    }
}

impl Serialize for Tampered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A bake makes one AMI: of two that say they are its, one is another hand's copy, also where EC2 does
/// not tell what they were made from. The one that was made of an instance, else the older, is the bake's.
pub(crate) fn tell_twins_apart(amis: &mut [Ami]) {
    let is_first_hand = |ami: &Ami| {
        !ami.bake.is_empty()
            && ami.copy_of.is_none()
            && ami.backup_of.is_none()
            && ami.copied_by_hand.is_none()
            && ami.state == "available"
    };
    let rank = |ami: &Ami| (!ami.is_of_instance, ami.created.clone(), ami.ami.clone());
    let mut firsts: HashMap<String, (bool, String, AmiId)> = HashMap::new();
    for ami in amis.iter().filter(|ami| is_first_hand(ami)) {
        let first = firsts.entry(ami.bake.clone()).or_insert_with(|| rank(ami));
        if rank(ami) < *first {
            *first = rank(ami);
        }
    }
    for ami in amis.iter_mut().filter(|ami| is_first_hand(ami)) {
        let (.., first) = &firsts[&ami.bake];
        // What EC2 says of one goes before tags.
        if ami.ami != *first && !ami.is_of_instance {
            ami.copied_by_hand = Some(first.clone().into());
        }
    }
}
