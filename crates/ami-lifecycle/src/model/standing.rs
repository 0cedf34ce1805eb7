//! What a decision to delete is based on, and the claim of whoever deletes, as tags tell. Pure.

use jiff::Timestamp;

use crate::model::lease::{IsGone, is_dead};
use crate::model::tags::{self, Tags};

/// What a decision to delete was based on, as far as it shows in tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    promoted: Option<String>,
    lease: Option<String>,
    owner: Option<String>,
    stage: Option<String>,
}

impl Standing {
    pub(crate) fn of(tags: &Tags) -> Standing {
        let tag = |key: &str| tags.get(key).filter(|it| !it.is_empty()).cloned();
        Standing {
            promoted: tag(tags::PROMOTED),
            lease: tag(tags::LEASE),
            owner: tag(tags::OWNER),
            stage: tag(tags::STAGE),
        }
    }
}

/// Who deletes it right now, by its tags.
pub(crate) fn deleter(tags: &Tags, is_gone: IsGone<'_>, now: Timestamp) -> Option<String> {
    let mut words = tags.get(tags::DELETING)?.splitn(3, ' ');
    let (until, owner, operator) = (words.next()?, words.next()?, words.next()?);
    until.parse::<Timestamp>().ok()?;
    (!is_dead(owner, Some(until), is_gone, now)).then(|| operator.to_owned())
}
