//! Reading consumers: which AMIs they name.

use std::path::Path;

use serde::Serialize;

use super::error::RollError;
use super::holders::Holders;
use super::kind::{Kind, Reading, kind};
use super::server::{JenkinsServer, ServerError};
use crate::consumer::change::Naming;
use crate::ec2::client::Cloud;
use crate::ec2::error::chain;
use crate::model::fleet::Fleet;
use crate::model::template::{Namespace, Template};

/// What was seen of a consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// It names these.
    Names(Vec<Naming>),
    /// It is notified, and cannot be queried.
    Silent,
    /// It could not be read.
    Unreadable(String),
}

/// A consumer, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsumerState {
    /// The template that it follows.
    pub template: String,
    /// How it is called.
    pub consumer: String,
    /// What was seen.
    pub sight: Sight,
    /// What stands beside that.
    #[serde(skip)]
    pub neighbours: Vec<Naming>,
}

/// The consumers of all templates.
#[derive(Debug, Clone, Copy)]
pub struct Consumers<'a> {
    /// What separates these AMIs from others.
    pub namespace: &'a Namespace,
    /// Whose, in all of their regions.
    pub templates: &'a [Template],
    /// The running Jenkins, where there is one.
    pub jenkins: Option<&'a JenkinsServer>,
    /// The folder that keeps how init scripts were written ([`RollRequest::written`](crate::consumer::change::RollRequest)).
    pub written: Option<&'a Path>,
}

impl Consumers<'_> {
    /// Each consumer, and what it names. Cloud and fleet are those of the first region.
    pub async fn states(&self, cloud: &Cloud, fleet: &Fleet) -> Vec<ConsumerState> {
        let mut states = Vec::new();
        // A Jenkins that does not answer is not waited for again.
        let mut down = None;
        for template in self.templates {
            for (region, consumer) in template.all_consumers() {
                let kind = kind(consumer);
                let read = match &down {
                    Some(why) if kind.asks_jenkins() => Err(String::clone(why)),
                    _ => self.read(region, kind, template, cloud, fleet).await.map_err(|error| {
                        if matches!(error, RollError::Asking(ServerError::Unreachable { .. })) {
                            down = Some(chain(&error));
                        }
                        chain(&error)
                    }),
                };
                let mut neighbours = Vec::new();
                let sight = match read {
                    Ok(Some(namings)) => {
                        let (beside, own) = namings.into_iter().partition(|it| it.is_neighbour);
                        neighbours = beside;
                        Sight::Names(own)
                    }
                    Ok(None) => Sight::Silent,
                    Err(error) => Sight::Unreadable(error),
                };
                let place = region.map(|region| format!("{region}: ")).unwrap_or_default();
                let consumer = format!("{place}{}", consumer.label());
                let template = template.name.clone();
                states.push(ConsumerState { template, consumer, sight, neighbours });
            }
        }
        states
    }

    /// Reads a consumer in the region where it is; the first without one.
    async fn read(
        &self,
        region: Option<&str>,
        kind: &dyn Kind,
        template: &Template,
        cloud: &Cloud,
        fleet: &Fleet,
    ) -> Result<Option<Vec<Naming>>, RollError> {
        let jenkins = self.jenkins;
        let Some(region) = region else {
            return kind.read(&Reading { cloud, fleet, template, jenkins }).await;
        };
        let cloud = &cloud.in_region(region);
        if !kind.reads_fleet() {
            return kind.read(&Reading { cloud, fleet, template, jenkins }).await;
        }
        let fleet = &*cloud.fleet(self.namespace).await?;
        kind.read(&Reading { cloud, fleet, template, jenkins }).await
    }

    /// Everything that names an AMI. In a file of Jenkins' these are all of its agent
    /// templates, whether a consumer names them or not.
    pub async fn holders(&self, cloud: &Cloud, fleet: &Fleet) -> Holders {
        self.holders_of(&self.states(cloud, fleet).await)
    }

    /// The same, of what was read already.
    pub fn holders_of(&self, states: &[ConsumerState]) -> Holders {
        let mut holders = Holders::default();
        let consumers = self.templates.iter().flat_map(Template::all_consumers);
        let kinds: Vec<&dyn Kind> = consumers.map(|(_, consumer)| kind(consumer)).collect();
        let tags: Vec<(&str, &str)> = kinds.iter().filter_map(|it| it.tag()).collect();
        kinds.iter().for_each(|it| it.neighbours(&tags, &mut holders));
        for state in states {
            state.neighbours.iter().for_each(|it| holders.add(it.clone()));
            match &state.sight {
                Sight::Names(namings) => namings.iter().for_each(|it| holders.add(it.clone())),
                Sight::Silent => {}
                Sight::Unreadable(error) => {
                    holders.add_unknown(state.consumer.clone(), error.clone());
                }
            }
        }
        holders.drop_vague();
        holders
    }
}
