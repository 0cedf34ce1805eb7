//! `amiable list`.

use std::collections::BTreeSet;

use ami_lifecycle::{Ami, Cloud, Fleet, Holders};
use clap::Args;

use super::{Outcome, json, load_config_for, no_template};
use crate::cli::{Global, Output};
use crate::config::{Config, Need};
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
    let config = load_config_for(global, Need::Look)?;
    let cloud = connect::cloud(&config.cloud, console).await?;
    let fleet = cloud.fleet(&config.namespace).await?;
    if let Some(name) = &args.template
        && !fleet.amis().iter().any(|ami| ami.template == *name)
    {
        config.template(name).map_err(|meant| no_template(&config, name, meant))?;
    }
    let amis: Vec<&Ami> = fleet.amis().iter().filter(|ami| args.wants(ami)).collect();
    match args.output {
        Output::Json => {
            let holders = holders(&config, &cloud, &fleet, console).await;
            console.result(&json(&with_consumers(&amis, holders.as_ref())));
        }
        Output::Text if amis.is_empty() => {
            let place = format!("namespace {} in {}", config.namespace, cloud.region());
            console.message(&match fleet.amis().len() {
                0 => format!("no AMIs in {place}"),
                count => format!("of {count} AMIs in {place} none is what was asked for"),
            });
        }
        Output::Text => {
            let holders = holders(&config, &cloud, &fleet, console).await;
            console.result(&as_table(&amis, holders.as_ref()));
        }
    }
    Ok(())
}

/// Who names what; `None` where there is no consumer.
async fn holders(
    config: &Config,
    cloud: &Cloud,
    fleet: &Fleet,
    console: &Console,
) -> Option<Holders> {
    if config.templates.iter().all(|template| template.consumers.is_empty()) {
        return None;
    }
    let jenkins = connect::jenkins(config);
    let holders = connect::consumers(config, jenkins.as_ref()).holders(cloud, fleet).await;
    for (what, why) in &holders.unknown {
        console.complain(&format!("warning: it cannot be told what {what} uses: {why}"));
    }
    Some(holders)
}

fn with_consumers(amis: &[&Ami], holders: Option<&Holders>) -> Vec<serde_json::Value> {
    let value = |ami: &&Ami| {
        let mut value = serde_json::to_value(ami).expect("results have string keys only");
        if let (Some(holders), Some(map)) = (holders, value.as_object_mut()) {
            let places = holders.of(&ami.ami).map(|it| it.place.as_str());
            let places: Vec<&str> = places.collect();
            map.insert("used_by".into(), places.into());
        }
        value
    };
    amis.iter().map(value).collect()
}

fn as_table(amis: &[&Ami], holders: Option<&Holders>) -> String {
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
    if let Some(holders) = holders {
        titles.push("USED BY");
        for (row, ami) in rows.iter_mut().zip(amis) {
            // One agent template may be in several files.
            let mut seen = BTreeSet::new();
            let places = holders.of(&ami.ami).map(|it| it.short.as_str());
            let places: Vec<&str> = places.filter(|place| seen.insert(*place)).collect();
            row.push(places.join(", "));
        }
    }
    table(&titles, &rows)
}
