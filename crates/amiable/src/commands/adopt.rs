//! `amiable adopt`.

use ami_lifecycle::{AdoptRequest, Adoption, AdoptionPlan, NotAdopted};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Value, json};

use crate::ami_id::parse_ami_ids;
use crate::args::{Global, Output};
use crate::ask::confirm;
use crate::commands::support::{load_config, no_template};
use crate::complete;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::render::json::json as as_json;
use crate::{connect, surroundings};

/// Make AMIs that others have baked generations of a template
///
/// Tags AMIs of the account, and their snapshots, so that list, plan, rollback, prune and
/// consumers hold for them. Their names and contents stay as they are. Each counts as made
/// current when it was created, so the newest is current if the template has no AMI yet;
/// otherwise the current one stays so.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable list --unmanaged\n  amiable adopt ami-0123456789abcdef0 --template agent"
)]
pub(crate) struct AdoptArgs {
    /// Ids of AMIs
    #[arg(required = true, value_name = "AMI")]
    amis: Vec<String>,
    /// The template that they become generations of
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::templates))]
    template: String,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Show what would be done; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn adopt(args: AdoptArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config(global)?;
    let template = config
        .template(&args.template)
        .map_err(|meant| no_template(&config, &args.template, meant))?;
    let amis = parse_ami_ids(&args.amis, "run `amiable list --unmanaged` to see them")?;
    let cloud = connect::cloud(&config, console).await?;
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    let request = AdoptRequest {
        cloud: &cloud,
        namespace: &config.namespace,
        template,
        amis: &amis,
        actor: surroundings::actor(&operator, &owner),
        version: env!("CARGO_PKG_VERSION"),
    };
    let planned = ami_lifecycle::plan_adoption(&request).await.map_err(failure)?;
    let name = &template.name;
    let AdoptionPlan { adoptions, done } = &planned;
    for ami in done {
        console.message(&format!("{name}: {ami} is a generation of it already"));
    }
    if args.output == Output::Text || !args.dry_run {
        adoptions.iter().for_each(|it| console.message(&text(name, it)));
    }
    if !args.dry_run && !adoptions.is_empty() {
        confirm(console, args.yes, "Adopt?", "nothing was adopted")?;
        let told = |it: &Adoption| {
            if args.output == Output::Text {
                console.result(&it.ami);
            }
        };
        ami_lifecycle::adopt_amis(&request, &planned, told).await.map_err(failure)?;
    }
    if args.output == Output::Json {
        let all: Vec<Value> = adoptions.iter().map(|it| value(name, it)).collect();
        console.result(&as_json(&all));
    }
    Ok(())
}

fn failure(error: NotAdopted) -> Failure {
    match error {
        NotAdopted::Cloud(error) => error.into(),
        error => Failure::failed(error.to_string()),
    }
}

fn text(template: &str, adoption: &Adoption) -> String {
    let Adoption { ami, name, generation, is_current, created, .. } = adoption;
    let current = if *is_current { ", and current" } else { "" };
    format!(
        "{template}: {ami} ({name}, created {created}) becomes generation {generation}{current}"
    )
}

fn value(template: &str, adoption: &Adoption) -> Value {
    json!({
        "ami": adoption.ami,
        "name": adoption.name,
        "created": adoption.created,
        "template": template,
        "generation": adoption.generation,
        "current": adoption.is_current,
    })
}
