//! `amiable restore`.

use ami_lifecycle::{NotRestored, Place, Restored};
use clap::Args;

use crate::ami_id::check_ami_id;
use crate::args::Global;
use crate::commands::support::load_config_for;
use crate::config::settings::{Config, Need};
use crate::connect;
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};

/// Bring deleted AMIs and their snapshots back from EC2's Recycle Bin
///
/// EC2 keeps deleted AMIs and snapshots where the account has a retention rule for them. A restored
/// AMI is what it was to its template before; it does not become current by itself.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// AMIs, by id
    #[arg(required = true, value_name = "AMI")]
    amis: Vec<String>,
}

pub(crate) async fn restore(args: RestoreArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config_for(global, Need::Look)?;
    args.amis.iter().try_for_each(|id| check_ami_id(id, LISTS))?;
    let cloud = connect::cloud(&config, console).await?;
    let mut places = ami_lifecycle::places(&config.templates, &cloud);
    // The first region comes first here: most are there.
    places.reverse();
    let mut well = true;
    for id in &args.amis {
        match restore_one(id, &config, &places, console).await {
            Ok(restored) => {
                console.result(&restored.ami.ami);
                console.message(&text(&restored));
            }
            Err(failure) => {
                console.complain(&failure.text());
                well = false;
            }
        }
    }
    if well { Ok(()) } else { Err(Failure::told(Status::Failed)) }
}

/// Restores an AMI in the region that has it.
async fn restore_one(
    id: &str,
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
    let text = format!("{id} is not in the Recycle Bin of {}", regions.join(", "));
    Err(Failure::failed(text).hint(format!(
        "EC2 keeps what is deleted only where the account has a retention rule for it; {LISTS}"
    )))
}

/// How to see what there is.
const LISTS: &str = "`aws ec2 list-images-in-recycle-bin` lists it";

fn text(restored: &Restored) -> String {
    let Restored { ami, was_gone } = restored;
    let (id, generation, status) = (&ami.ami, ami.generation, ami.status.as_str());
    match was_gone {
        true => format!("{}: {id} (generation {generation}) is back, as {status}", ami.template),
        false => format!("{}: {id} (generation {generation}) was not deleted", ami.template),
    }
}
