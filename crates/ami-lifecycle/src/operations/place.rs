//! The regions of a configuration, each with the account there.

use std::collections::BTreeSet;

use crate::ec2::client::Cloud;
use crate::model::template::Template;

/// A region of the configuration.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its name, where it is not the first.
    pub region: Option<String>,
    /// The account there.
    pub cloud: Cloud,
}

/// What failed, and where.
#[derive(Debug)]
pub struct InRegion<E> {
    /// The region, where it is not the first.
    pub region: Option<String>,
    /// What failed.
    pub error: E,
}

impl Place {
    /// What a message about it begins with.
    #[must_use]
    pub fn prefix(&self) -> String {
        self.region.as_ref().map(|region| format!("{region}: ")).unwrap_or_default()
    }

    /// Says of an error that it is from there.
    pub fn failed<E>(&self, error: E) -> InRegion<E> {
        InRegion { region: self.region.clone(), error }
    }
}

/// The regions that AMIs of these templates are copied to, each once.
#[must_use]
pub fn elsewhere(templates: &[Template], cloud: &Cloud) -> Vec<Place> {
    let all = templates.iter().flat_map(|template| &template.distribution.destinations);
    let regions: BTreeSet<&String> = all.map(|destination| &destination.region).collect();
    let place =
        |region: &String| Place { region: Some(region.clone()), cloud: cloud.in_region(region) };
    regions.into_iter().map(place).collect()
}

/// All regions of these templates: those that AMIs are copied to, and the first as the last, so that
/// what is ended everywhere can be found by what is in the first until then.
#[must_use]
pub fn places(templates: &[Template], cloud: &Cloud) -> Vec<Place> {
    let first = Place { region: None, cloud: cloud.clone() };
    elsewhere(templates, cloud).into_iter().chain([first]).collect()
}
