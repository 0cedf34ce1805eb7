//! Where templates have consumers: in the first region, and where their AMIs are copied to.

use std::borrow::Cow;
use std::sync::Arc;

use ami_lifecycle::{AmiId, Cloud, Fleet, Template};

use crate::config::settings::Config;
use crate::console::Console;
use crate::failure::Failure;

/// A template in one of its regions, where it has consumers.
pub(super) struct Consumed<'a> {
    pub(super) template: Cow<'a, Template>,
    /// The region, where it is not the first.
    pub(super) region: Option<&'a str>,
    pub(super) cloud: Cloud,
    pub(super) fleet: Arc<Fleet>,
}

/// Where templates have consumers; `false` when not all could be looked at.
pub(super) async fn places<'a>(
    templates: &[&'a Template],
    config: &Config,
    cloud: &Cloud,
    fleet: &Arc<Fleet>,
    console: &Console,
) -> (Vec<Consumed<'a>>, bool) {
    let (mut places, mut well) = (Vec::new(), true);
    for template in templates {
        if !template.consumers.is_empty() {
            let (cloud, fleet) = (cloud.clone(), fleet.clone());
            let template = Cow::Borrowed(*template);
            places.push(Consumed { template, region: None, cloud, fleet });
        }
        let consumed = template.distribution.destinations.iter();
        for destination in consumed.filter(|it| !it.consumers.is_empty()) {
            let region = destination.region.as_str();
            let cloud = cloud.in_region(region);
            match (cloud.fleet(&config.namespace).await, template.in_region(region)) {
                (Ok(fleet), Some(there)) => {
                    let (template, region) = (Cow::Owned(there), Some(region));
                    places.push(Consumed { template, region, cloud, fleet });
                }
                (Ok(_), None) => {}
                (Err(error), _) => {
                    well = false;
                    let mut failure = Failure::from(error);
                    let name = &template.name;
                    failure.message = format!("{name} in {region}: {}", failure.message);
                    console.complain(&failure.text());
                }
            }
        }
    }
    (places, well)
}

/// An AMI that is named by its id is of one region.
pub(super) fn choose(places: &mut Vec<Consumed<'_>>, to: Option<&str>) {
    let Some(id) = to.and_then(AmiId::parse) else { return };
    let has_it = |place: &Consumed<'_>| place.fleet.get(&id).is_some();
    if places.iter().any(has_it) {
        places.retain(has_it)
    } else {
        places.retain(|place| place.region.is_none())
    }
}
