//! A tag that one AMI of a template has at a time, for those who look their AMI up by it,
//! such as the EC2 plugin's AMI filters.

use async_trait::async_trait;

use super::error::RollError;
use super::files::Files;
use super::kind::{Kind, Reading};
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::ec2::action::Action;
use crate::model::consumer::ChannelTag;
use crate::model::fleet::Fleet;
use crate::model::id::AmiId;
use crate::model::tags::Tags;

/// The AMIs of a template that have the tag.
fn holders<'f>(fleet: &'f Fleet, template: &str, tag: &ChannelTag) -> Vec<&'f AmiId> {
    let mine = fleet.amis().iter().filter(|ami| ami.template == template);
    let has = mine.filter(|ami| ami.metadata.get(&tag.key) == Some(&tag.value));
    has.map(|ami| &ami.ami).collect()
}

#[async_trait(?Send)]
impl Kind for ChannelTag {
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        let ChannelTag { key, value } = self;
        let (place, short) = (format!("the tag {key}={value}"), format!("{key}={value}"));
        let naming = |ami: &AmiId| Naming::of_all(place.clone(), short.clone(), ami.clone());
        let holders = holders(reading.fleet, &reading.template.name, self);
        Ok(Some(holders.into_iter().map(naming).collect()))
    }

    async fn plan(&self, request: &RollRequest<'_>, _: &mut Files) -> Result<Vec<Move>, RollError> {
        plan(self, request)
    }

    /// The new one gets the tag before the old ones lose it: there is one at each instant.
    async fn roll(
        &self,
        request: &RollRequest<'_>,
        _: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        let made = plan(self, request)?;
        if made.is_empty() {
            return Ok(());
        }
        let (cloud, ami) = (request.cloud, &request.target.ami);
        let tag = Tags::from([(self.key.clone(), self.value.clone())]);
        cloud.tag(std::slice::from_ref(ami), &tag).await?;
        let holders = holders(request.fleet, &request.template.name, self);
        let others: Vec<&AmiId> = holders.into_iter().filter(|holder| *holder != ami).collect();
        if !others.is_empty() {
            cloud.untag(&others, &tag).await?;
        }
        *moves = made;
        Ok(())
    }

    fn places(&self, template: &str, region: Option<&str>) -> Vec<WrittenPlace> {
        vec![WrittenPlace::of(format!("the {} of {template}", self.label()), region)]
    }

    fn actions(&self, rolls: bool) -> &'static [Action] {
        if rolls { &[Action::CreateTags, Action::DeleteTags] } else { &[] }
    }

    fn tag(&self) -> Option<(&str, &str)> {
        Some((&self.key, &self.value))
    }

    fn reads_fleet(&self) -> bool {
        true
    }
}

/// What would change.
fn plan(tag: &ChannelTag, request: &RollRequest<'_>) -> Result<Vec<Move>, RollError> {
    // The tag of any other would not be found again, and not be taken away.
    if request.target.template.as_ref() != Some(&request.template.name) {
        return Err(RollError::NotOfTemplate(request.target.ami.clone().into()));
    }
    let ami = &request.target.ami;
    let holders = holders(request.fleet, &request.template.name, tag);
    if holders == [ami] {
        return Ok(Vec::new());
    }
    let others = holders.iter().filter(|holder| **holder != ami);
    let others: Vec<&str> = others.map(|it| it.as_str()).collect();
    let from = (!others.is_empty()).then(|| others.join(", "));
    let place = format!("{}={}", tag.key, tag.value);
    Ok(vec![Move { place, is_all: true, value: Value::Ami, from, to: ami.clone().into() }])
}
