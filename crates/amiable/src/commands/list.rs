//! `amiable list`.

use std::collections::BTreeSet;

use ami_lifecycle::{Ami, Cloud, ConsumerState, Fleet, Naming, Sight};
use clap::Args;

use super::{Outcome, json, load_config};
use crate::cli::{Global, Output};
use crate::config::Config;
use crate::connect;
use crate::console::Console;
use crate::render::table;

/// List the AMIs of this namespace, by template, newest first
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those of this template
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Only those of this build system
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// Only those of this operating system
    #[arg(long, value_name = "NAME")]
    os: Option<String>,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

impl ListArgs {
    fn wants(&self, ami: &Ami) -> bool {
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        is(&self.template, &ami.template) && is(&self.system, &ami.system) && is(&self.os, &ami.os)
    }
}

pub(crate) async fn list(args: ListArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config(global)?;
    let cloud = connect::cloud(&config.cloud, console).await?;
    let fleet = cloud.fleet(&config.namespace).await?;
    let amis: Vec<&Ami> = fleet.amis().iter().filter(|ami| args.wants(ami)).collect();
    match args.output {
        Output::Json => {
            let states = states(&config, &cloud, &fleet, console).await;
            console.result(&json(&with_consumers(&amis, states.as_deref())));
        }
        Output::Text if amis.is_empty() => {
            let place = format!("namespace {} in {}", config.namespace, cloud.region());
            console.message(&match fleet.amis().len() {
                0 => format!("no AMIs in {place}"),
                count => format!("of {count} AMIs in {place} none is what was asked for"),
            });
        }
        Output::Text => {
            let states = states(&config, &cloud, &fleet, console).await;
            console.result(&as_table(&amis, states.as_deref()));
        }
    }
    Ok(())
}

/// What consumers name; `None` where there is none of them.
async fn states(
    config: &Config,
    cloud: &Cloud,
    fleet: &Fleet,
    console: &Console,
) -> Option<Vec<ConsumerState>> {
    if config.templates.iter().all(|template| template.consumers.is_empty()) {
        return None;
    }
    let jenkins = connect::jenkins(config);
    let states = connect::consumers(config, jenkins.as_ref()).states(cloud, fleet).await;
    for state in &states {
        if let Sight::Unreadable(error) = &state.sight {
            console.complain(&format!("warning: {}: {}: {error}", state.template, state.consumer));
        }
    }
    Some(states)
}

/// The places that name an AMI.
fn places<'s>(states: &'s [ConsumerState], ami: &'s Ami) -> impl Iterator<Item = &'s Naming> {
    let namings = states.iter().filter_map(|state| match &state.sight {
        Sight::Names(namings) => Some(namings),
        Sight::Silent | Sight::Unreadable(_) => None,
    });
    namings.flatten().filter(|naming| naming.ami == ami.ami)
}

fn with_consumers(amis: &[&Ami], states: Option<&[ConsumerState]>) -> Vec<serde_json::Value> {
    let value = |ami: &&Ami| {
        let mut value = serde_json::to_value(ami).expect("results have string keys only");
        if let (Some(states), Some(map)) = (states, value.as_object_mut()) {
            let places: Vec<&str> = places(states, ami).map(|it| it.place.as_str()).collect();
            map.insert("used_by".into(), places.into());
        }
        value
    };
    amis.iter().map(value).collect()
}

fn as_table(amis: &[&Ami], states: Option<&[ConsumerState]>) -> String {
    let mut titles =
        vec!["AMI", "TEMPLATE", "GEN", "STATUS", "STATE", "CREATED (UTC)", "SIZE", "NAME"];
    let row = |ami: &&Ami| {
        vec![
            ami.ami.clone(),
            ami.template.clone(),
            ami.generation.to_string(),
            ami.status.as_str().into(),
            ami.state.clone(),
            ami.created.get(..16).unwrap_or(&ami.created).replace('T', " "),
            format!("{} GiB", ami.size_gib),
            ami.name.clone(),
        ]
    };
    let mut rows: Vec<Vec<String>> = amis.iter().map(row).collect();
    if let Some(states) = states {
        titles.push("USED BY");
        for (row, ami) in rows.iter_mut().zip(amis) {
            // One agent template may be in several files.
            let mut seen = BTreeSet::new();
            let places = places(states, ami).map(|it| it.short.as_str());
            let places: Vec<&str> = places.filter(|place| seen.insert(*place)).collect();
            row.push(places.join(", "));
        }
    }
    table(&titles, &rows)
}
