//! What a consumer can do, whatever its kind: what is not needed by a kind has a default.

use async_trait::async_trait;

use super::change::{Move, Naming, RollRequest};
use super::error::RollError;
use super::files::Files;
use super::holders::Holders;
use super::server::JenkinsServer;
use super::written_place::WrittenPlace;
use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::model::consumer::{Consumer, each_kind};
use crate::model::fleet::Fleet;
use crate::model::template::Template;

/// Where a consumer is read.
pub(crate) struct Reading<'a> {
    /// The account in the consumer's region.
    pub(crate) cloud: &'a Cloud,
    /// What there is in that region.
    pub(crate) fleet: &'a Fleet,
    pub(crate) template: &'a Template,
    /// The running Jenkins, where there is one.
    pub(crate) jenkins: Option<&'a JenkinsServer>,
}

/// A kind of consumer.
#[async_trait(?Send)]
pub(crate) trait Kind: Sync {
    /// Which AMIs it names; `None` where it cannot be asked.
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError>;

    /// What a roll would change. Files are changed in `files` only.
    async fn plan(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
    ) -> Result<Vec<Move>, RollError>;

    /// Rolls it. `moves` has what was changed, also where it fails.
    async fn roll(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError>;

    /// The places that it writes, which no other consumer may write. They are in `region`, if that is not the
    /// first.
    fn places(&self, template: &str, region: Option<&str>) -> Vec<WrittenPlace>;

    /// The actions of AWS that it takes to read it, or to roll it.
    fn actions(&self, rolls: bool) -> &'static [Action] {
        let _ = rolls;
        &[]
    }

    /// What keeps it from being rolled, as far as this machine can tell.
    fn examine(&self, jenkins: Option<&JenkinsServer>) -> Result<(), RollError> {
        let _ = jenkins;
        Ok(())
    }

    /// The tag that it puts on the AMI, by which others find it.
    fn tag(&self) -> Option<(&str, &str)> {
        None
    }

    /// Whether the AMIs themselves tell what it names.
    fn reads_fleet(&self) -> bool {
        false
    }

    /// Whether the running Jenkins is asked.
    fn asks_jenkins(&self) -> bool {
        false
    }

    /// What else its place names besides what the consumer is about. `tags` are those of all consumers.
    fn neighbours(&self, tags: &[(&str, &str)], holders: &mut Holders) {
        let _ = (tags, holders);
    }
}

/// What a consumer can do.
pub(crate) fn kind(consumer: &Consumer) -> &dyn Kind {
    each_kind!(consumer, it => it)
}
