//! `amiable restore`.

use ami_lifecycle::{AmiId, NotRestored, Place, Restored};
use clap::Args;
use serde_json::json;

use crate::ami_id::parse_ami_ids;
use crate::args::{Global, Output};
use crate::commands::support::load_config_for;
use crate::config::settings::{Config, Need};
use crate::connect;
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};
use crate::render::json::json as as_json;

/// Restore deleted AMIs and their snapshots from EC2's Recycle Bin
///
/// EC2 keeps deleted AMIs and snapshots if the account has a retention rule for them. A
/// restored AMI has the status that it had before; it does not become current by itself.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Ids of AMIs
    #[arg(required = true, value_name = "AMI")]
    amis: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn restore(args: RestoreArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config_for(global, Need::Look)?;
    let amis = parse_ami_ids(&args.amis, LISTS)?;
    let cloud = connect::cloud(&config, console).await?;
    let mut places = ami_lifecycle::places(&config.templates, &cloud);
    // The first region comes first here: most are there.
    places.reverse();
    let (mut well, mut results) = (true, Vec::new());
    for id in &amis {
        match restore_one(id, &config, &places, console).await {
            Ok(restored) => {
                if args.output == Output::Text {
                    console.result(&restored.ami.ami);
                }
                console.message(&text(&restored));
                results.push(value(&restored));
            }
            Err(failure) => {
                console.complain(&failure.text());
                well = false;
                results.push(json!({ "ami": id, "error": failure.message }));
            }
        }
    }
    if args.output == Output::Json {
        console.result(&as_json(&results));
    }
    if well { Ok(()) } else { Err(Failure::told(Status::Failed)) }
}

/// Restores an AMI in the region that has it.
async fn restore_one(
    id: &AmiId,
    config: &Config,
    places: &[Place],
    console: &Console,
) -> Result<Restored, Failure> {
    for place in places {
        let known = (&config.namespace, config.templates.as_slice());
        match ami_lifecycle::restore(&place.cloud, known, id, console).await {
            Ok(restored) => return Ok(restored),
            Err(NotRestored::NotInBin(_)) => {}
            Err(error) => return Err(connect::failure_in(place, error)),
        }
    }
    let regions: Vec<&str> = places.iter().map(|place| place.cloud.region()).collect();
    let text = format!("{id} is not in the Recycle Bin in {}", regions.join(", "));
    Err(Failure::failed(text).hint(format!(
        "EC2 keeps deleted AMIs only if the account has a retention rule for them; {LISTS}"
    )))
}

/// How to see what there is.
const LISTS: &str = "`aws ec2 list-images-in-recycle-bin` lists it";

fn value(Restored { ami, was_gone }: &Restored) -> serde_json::Value {
    json!({
        "ami": ami.ami,
        "template": ami.template,
        "generation": ami.generation,
        "status": ami.status.as_str(),
        "restored": was_gone,
        "error": null,
    })
}

fn text(restored: &Restored) -> String {
    let Restored { ami, was_gone } = restored;
    let (id, generation, status) = (&ami.ami, ami.generation, ami.status.as_str());
    if *was_gone {
        format!("{}: {id} (generation {generation}) is restored as {status}", ami.template)
    } else {
        format!("{}: {id} (generation {generation}) was not deleted", ami.template)
    }
}
