//! Reading consumers: which AMIs they name.

use std::collections::BTreeSet;
use std::path::Path;

use jenkins_config::Format;
use serde::Serialize;

use super::error::RollError;
use super::server::{JenkinsServer, ServerError};
use super::{channel, command, jenkins, launch_template, ssm};
use crate::consumer::change::Naming;
use crate::ec2::client::Cloud;
use crate::ec2::error::chain;
use crate::model::consumer::{Consumer, JenkinsAgents};
use crate::model::fleet::Fleet;
use crate::model::template::{Namespace, Template};

/// What was seen of a consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// It names these.
    Names(Vec<Naming>),
    /// It is told, and cannot be asked.
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

/// Who names which AMI, and what could not be read.
#[derive(Debug, Clone, Default)]
pub struct Holders {
    /// All that is named.
    pub namings: Vec<Naming>,
    /// What could not be read, and why.
    pub unknown: Vec<(String, String)>,
}

impl Holders {
    /// The places that name an AMI, each once.
    pub fn of<'h>(&'h self, ami: &'h str) -> impl Iterator<Item = &'h Naming> {
        self.namings.iter().filter(move |naming| naming.ami == ami)
    }
}

impl Consumers<'_> {
    /// Each consumer, and what it names. Cloud and fleet are those of the first region.
    pub async fn states(&self, cloud: &Cloud, fleet: &Fleet) -> Vec<ConsumerState> {
        let mut states = Vec::new();
        // One that does not answer is not waited for again.
        let mut down = None;
        for template in self.templates {
            for (region, consumer) in template.all_consumers() {
                let read = match (&down, consumer) {
                    (Some(why), Consumer::Jenkins(agents)) if agents.reload => {
                        Err(String::clone(why))
                    }
                    _ => self.read_in(region, consumer, template, cloud, fleet).await.map_err(
                        |error| {
                            if matches!(error, RollError::Asking(ServerError::Unreachable { .. })) {
                                down = Some(chain(&error));
                            }
                            chain(&error)
                        },
                    ),
                };
                let sight = match read {
                    Ok(Some(namings)) => Sight::Names(namings),
                    Ok(None) => Sight::Silent,
                    Err(error) => Sight::Unreadable(error),
                };
                let place = region.map(|region| format!("{region}: ")).unwrap_or_default();
                let consumer = format!("{place}{}", consumer.label());
                let template = template.name.clone();
                states.push(ConsumerState { template, consumer, sight });
            }
        }
        states
    }

    /// Reads a consumer in the region where it is; the first without one.
    async fn read_in(
        &self,
        region: Option<&str>,
        consumer: &Consumer,
        template: &Template,
        cloud: &Cloud,
        fleet: &Fleet,
    ) -> Result<Option<Vec<Naming>>, RollError> {
        let Some(region) = region else {
            return self.read(consumer, template, cloud, fleet).await;
        };
        let cloud = cloud.in_region(region);
        match consumer {
            Consumer::Tag { .. } => {
                let fleet = cloud.fleet(self.namespace).await?;
                self.read(consumer, template, &cloud, &fleet).await
            }
            // Nothing else is told by the AMIs themselves.
            _ => self.read(consumer, template, &cloud, fleet).await,
        }
    }

    async fn read(
        &self,
        consumer: &Consumer,
        template: &Template,
        cloud: &Cloud,
        fleet: &Fleet,
    ) -> Result<Option<Vec<Naming>>, RollError> {
        Ok(Some(match consumer {
            Consumer::Jenkins(agents) => {
                let document = jenkins::document(agents)?;
                let chosen = jenkins::chosen(&document, agents)?;
                let mut namings = jenkins::named(&document, chosen, &agents.shown);
                namings.extend(self.running(agents, document.format()).await?);
                namings
            }
            Consumer::Ssm(name) => ssm::read(cloud, name).await?,
            Consumer::LaunchTemplate(name) => launch_template::read(cloud, name).await?,
            Consumer::Tag { key, value } => channel::read(fleet, &template.name, (key, value)),
            Consumer::Command(command) => return command::read(command).await,
        }))
    }

    /// What the running Jenkins launches the agents from.
    async fn running(
        &self,
        agents: &JenkinsAgents,
        format: Format,
    ) -> Result<Vec<Naming>, RollError> {
        let Some(server) = self.jenkins.filter(|_| agents.reload) else { return Ok(Vec::new()) };
        let running = server.read(format, agents).await.map_err(RollError::Asking)?;
        let naming = |it: super::server::Running| {
            let short = format!("{} of the running Jenkins", it.agent);
            Some(Naming::new(format!("agent template {short}"), short, it.ami?))
        };
        Ok(running.into_iter().filter_map(naming).collect())
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
        let consumers = consumers.map(|(_, consumer)| consumer);
        let tags: Vec<(&str, &str)> = consumers
            .clone()
            .filter_map(|consumer| match consumer {
                Consumer::Tag { key, value } => Some((key.as_str(), value.as_str())),
                _ => None,
            })
            .collect();
        let mut seen: BTreeSet<&Path> = BTreeSet::new();
        for consumer in consumers {
            if let Consumer::Jenkins(agents) = consumer
                && seen.insert(&agents.file)
            {
                holders.add_file(agents, &tags);
            }
        }
        for state in states {
            match &state.sight {
                Sight::Names(namings) => namings.iter().for_each(|it| holders.add(it.clone())),
                Sight::Silent => {}
                Sight::Unreadable(error) => {
                    holders.add_unknown(state.consumer.clone(), error.clone());
                }
            }
        }
        holders
    }
}

impl Holders {
    fn add(&mut self, naming: Naming) {
        if !self.namings.contains(&naming) {
            self.namings.push(naming);
        }
    }

    fn add_unknown(&mut self, what: String, why: String) {
        let unknown = (what, why);
        if !self.unknown.contains(&unknown) {
            self.unknown.push(unknown);
        }
    }

    fn add_file(&mut self, agents: &JenkinsAgents, tags: &[(&str, &str)]) {
        let document = match jenkins::document(agents) {
            Ok(document) => document,
            Err(error) => return self.add_unknown(agents.shown.clone(), chain(&error)),
        };
        let all = 0..document.agents().len();
        for naming in jenkins::named(&document, all, &agents.shown) {
            self.add(naming);
        }
        for agent in document.agents() {
            if let Some(why) = jenkins::unknown(agent, tags) {
                let what = format!("agent template {} in {}", agent.title(), agents.shown);
                self.add_unknown(what, why);
            }
        }
    }
}
