//! `amiable list`.

mod column;
mod unmanaged;

use std::sync::Arc;

use ami_lifecycle::{Ami, Cloud, Fleet, Holders};
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use futures::future::join_all;
use jiff::Timestamp;

use self::column::Column;

use crate::args::{Global, Output};
use crate::commands::support::{load_config_for, no_template};
use crate::complete;
use crate::config::settings::{Config, Need};
use crate::connect;
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};
use crate::render::json::json;
use crate::render::{fit, table};

/// List the AMIs of the namespace, by template, newest first
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable list --template agent\n  amiable list --columns ami,gen,age,used-by\n  amiable list --all-regions --output json\n  amiable list --unmanaged"
)]
pub(crate) struct ListArgs {
    /// Only AMIs of this template
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::templates))]
    template: Option<String>,
    /// Only AMIs for this build system
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// Only AMIs with this operating system
    #[arg(long, value_name = "NAME")]
    os: Option<String>,
    /// AMIs in all regions that the account may use
    #[arg(long)]
    all_regions: bool,
    /// The account's own AMIs that no namespace has, with who uses them, instead; this needs the
    /// permissions of `report`
    #[arg(long, conflicts_with_all = ["template", "system", "os", "all_regions", "columns"])]
    unmanaged: bool,
    /// Columns of the table, separated by commas
    #[arg(
        long,
        value_name = "COLUMNS",
        value_enum,
        value_delimiter = ',',
        conflicts_with = "output"
    )]
    columns: Vec<Column>,
    /// Output format
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
    let cloud = connect::cloud(&config, console).await?;
    if args.unmanaged {
        return unmanaged::show(&cloud, args.output, console).await;
    }
    let fleet = cloud.fleet(&config.namespace).await?;
    let (others, well) = if args.all_regions {
        other_regions(&config, &cloud, console).await?
    } else {
        (Vec::new(), true)
    };
    let all = || std::iter::once(&fleet).chain(&others).flat_map(|fleet| fleet.amis());
    if let Some(name) = &args.template
        && !all().any(|ami| ami.template == *name)
    {
        config.template(name).map_err(|meant| no_template(&config, name, meant))?;
    }
    let amis: Vec<&Ami> = all().filter(|ami| args.wants(ami)).collect();
    match args.output {
        Output::Json => {
            let holders = holders(&config, &cloud, &fleet, console).await;
            console.result(&json(&with_consumers(&amis, holders.as_ref())));
        }
        Output::Text if amis.is_empty() => {
            let region = if args.all_regions { "any region" } else { cloud.region() };
            let place = format!("namespace {} in {region}", config.namespace);
            console.message(&match all().count() {
                0 => format!("no AMIs in {place}"),
                count => format!("none of the {count} AMIs in {place} match"),
            });
        }
        Output::Text => {
            let holders = holders(&config, &cloud, &fleet, console).await;
            let usual = || usual_columns(args.all_regions, holders.is_some());
            let columns = if args.columns.is_empty() { usual() } else { args.columns };
            let width = console.width().unwrap_or(usize::MAX);
            console.result(&as_table(&amis, &columns, holders.as_ref(), width));
        }
    }
    for fleet in std::iter::once(&fleet).chain(&others) {
        for it in fleet.tampered(args.template.as_deref()) {
            console.complain(&format!("warning: {it}"));
        }
    }
    if well { Ok(()) } else { Err(Failure::told(Status::Failed)) }
}

/// What the other regions of the account have; `false` when one could not be asked.
async fn other_regions(
    config: &Config,
    cloud: &Cloud,
    console: &Console,
) -> Result<(Vec<Arc<Fleet>>, bool), Failure> {
    let mut regions = cloud.regions().await?;
    // A region that the account has left since may have AMIs still.
    let elsewhere = ami_lifecycle::elsewhere(&config.templates, cloud);
    regions.extend(elsewhere.into_iter().filter_map(|place| place.region));
    regions.sort();
    regions.dedup();
    regions.retain(|region| region != cloud.region());
    let look = async |region: &String| cloud.in_region(region).fleet(&config.namespace).await;
    let looked = join_all(regions.iter().map(look)).await;
    let (mut fleets, mut well) = (Vec::new(), true);
    for (region, fleet) in regions.iter().zip(looked) {
        match fleet {
            Ok(fleet) => fleets.push(fleet),
            Err(error) => {
                well = false;
                let mut failure = Failure::from(error);
                failure.message = format!("{region}: {}", failure.message);
                console.complain(&failure.text());
            }
        }
    }
    Ok((fleets, well))
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
        console.complain(&format!("warning: what {what} uses could not be determined: {why}"));
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

fn as_table(amis: &[&Ami], columns: &[Column], holders: Option<&Holders>, width: usize) -> String {
    let titles: Vec<&str> = columns.iter().map(|it| it.title()).collect();
    let now = Timestamp::now();
    let row = |ami: &&Ami| columns.iter().map(|it| it.cell(ami, holders, now)).collect();
    let mut rows: Vec<Vec<String>> = amis.iter().map(row).collect();
    let may_shrink: Vec<bool> = columns.iter().map(|it| it.may_shrink()).collect();
    fit(&titles, &mut rows, &may_shrink, width);
    table(&titles, &rows)
}

/// The columns without `--columns`.
fn usual_columns(with_region: bool, with_holders: bool) -> Vec<Column> {
    let is_usual = |it: &Column| match it {
        Column::Region => with_region,
        Column::UsedBy => with_holders,
        Column::Base | Column::Source => false,
        _ => true,
    };
    Column::value_variants().iter().copied().filter(is_usual).collect()
}
