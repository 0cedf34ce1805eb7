//! A tag that one AMI of a template has at a time, for those who look their AMI up by it,
//! such as the EC2 plugin's AMI filters.

use super::error::RollError;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::model::fleet::Fleet;
use crate::model::tags::Tags;

/// The AMIs of a template that have the tag.
fn holders<'f>(fleet: &'f Fleet, template: &str, (key, value): (&str, &str)) -> Vec<&'f str> {
    let mine = fleet.amis().iter().filter(|ami| ami.template == template);
    let has = mine.filter(|ami| ami.metadata.get(key).map(String::as_str) == Some(value));
    has.map(|ami| ami.ami.as_str()).collect()
}

/// What has the tag.
pub(super) fn read(fleet: &Fleet, template: &str, tag: (&str, &str)) -> Vec<Naming> {
    let place = format!("the tag {}={}", tag.0, tag.1);
    let short = format!("{}={}", tag.0, tag.1);
    let naming = |ami: &str| Naming::of_all(place.clone(), short.clone(), ami.to_owned());
    holders(fleet, template, tag).into_iter().map(naming).collect()
}

/// What would change.
pub(super) fn plan(request: &RollRequest<'_>, tag: (&str, &str)) -> Result<Vec<Move>, RollError> {
    // The tag of any other would not be found again, and not be taken away.
    if request.target.template.as_ref() != Some(&request.template.name) {
        return Err(RollError::NotOfTemplate(request.target.ami.clone()));
    }
    let ami = &request.target.ami;
    let holders = holders(request.fleet, &request.template.name, tag);
    if holders == [ami.as_str()] {
        return Ok(Vec::new());
    }
    let others: Vec<&str> = holders.into_iter().filter(|holder| holder != ami).collect();
    let from = (!others.is_empty()).then(|| others.join(", "));
    let place = format!("{}={}", tag.0, tag.1);
    Ok(vec![Move { place, is_all: true, value: Value::Ami, from, to: ami.clone() }])
}

/// The new one gets the tag before the old ones lose it: there is one at each instant.
pub(super) async fn roll(
    request: &RollRequest<'_>,
    (key, value): (&str, &str),
    moves: &mut Vec<Move>,
) -> Result<(), RollError> {
    let made = plan(request, (key, value))?;
    if made.is_empty() {
        return Ok(());
    }
    let (cloud, ami) = (request.cloud, &request.target.ami);
    let tag = Tags::from([(key.to_owned(), value.to_owned())]);
    cloud.tag(std::slice::from_ref(ami), &tag).await?;
    let holders = holders(request.fleet, &request.template.name, (key, value));
    let others: Vec<String> =
        holders.into_iter().filter(|holder| holder != ami).map(String::from).collect();
    if !others.is_empty() {
        cloud.untag(&others, &tag).await?;
    }
    *moves = made;
    Ok(())
}
