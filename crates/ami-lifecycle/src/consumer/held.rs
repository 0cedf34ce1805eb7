//! A consumer that waits until the AMI has been current for a while. `roll.rs` decides; here it is what it is
//! without the wait.

use async_trait::async_trait;

use super::error::RollError;
use super::files::Files;
use super::holders::Holders;
use super::kind::{Kind, Reading, kind};
use super::server::JenkinsServer;
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest};
use crate::ec2::action::Action;
use crate::model::consumer::HeldConsumer;

#[async_trait(?Send)]
impl Kind for HeldConsumer {
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        kind(&self.inner).read(reading).await
    }

    async fn plan(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
    ) -> Result<Vec<Move>, RollError> {
        kind(&self.inner).plan(request, files).await
    }

    async fn roll(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        kind(&self.inner).roll(request, files, moves).await
    }

    fn places(&self, template: &str, region: Option<&str>) -> Vec<WrittenPlace> {
        kind(&self.inner).places(template, region)
    }

    fn actions(&self, rolls: bool) -> &'static [Action] {
        kind(&self.inner).actions(rolls)
    }

    fn examine(&self, jenkins: Option<&JenkinsServer>) -> Result<(), RollError> {
        kind(&self.inner).examine(jenkins)
    }

    fn tag(&self) -> Option<(&str, &str)> {
        kind(&self.inner).tag()
    }

    fn reads_fleet(&self) -> bool {
        kind(&self.inner).reads_fleet()
    }

    fn asks_jenkins(&self) -> bool {
        kind(&self.inner).asks_jenkins()
    }

    fn neighbours(&self, tags: &[(&str, &str)], holders: &mut Holders) {
        kind(&self.inner).neighbours(tags, holders);
    }
}
