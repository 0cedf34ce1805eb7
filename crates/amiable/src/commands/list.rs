//! `amiable list`.

use ami_lifecycle::Ami;
use clap::Args;

use super::{Outcome, json, load_config};
use crate::cli::{Global, Output};
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
        Output::Json => console.result(&json(&amis)),
        Output::Text if amis.is_empty() => {
            let place = format!("namespace {} in {}", config.namespace, cloud.region());
            console.message(&match fleet.amis().len() {
                0 => format!("no AMIs in {place}"),
                count => format!("of {count} AMIs in {place} none is what was asked for"),
            });
        }
        Output::Text => console.result(&as_table(&amis)),
    }
    Ok(())
}

fn as_table(amis: &[&Ami]) -> String {
    let rows: Vec<Vec<String>> = amis
        .iter()
        .map(|ami| {
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
        })
        .collect();
    table(&["AMI", "TEMPLATE", "GEN", "STATUS", "STATE", "CREATED (UTC)", "SIZE", "NAME"], &rows)
}
