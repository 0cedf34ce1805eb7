//! `amiable rollback`.

use ami_lifecycle::{Holdings, NoRollback, RollTarget, RollbackError, RolledBack, Template};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::args::{Global, Output};
use crate::commands::finish::{Finish, with_regions};
use crate::commands::support::{load_config_for, no_template};
use crate::complete;
use crate::config::settings::Need;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::render::json::json;
use crate::{connect, interrupt, surroundings};

/// Make the previous AMI current again
///
/// Nothing is baked or deleted: a single tag says which AMI is current. Each rollback goes one
/// step further back, to the AMI that was current before; --to goes to any generation, forward
/// as well. The AMI's copies become current in the other regions of the template, and
/// consumers are rolled.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  amiable rollback agent\n  amiable rollback agent --to 4")]
pub(crate) struct RollbackArgs {
    /// A template of the configuration
    #[arg(add = ArgValueCompleter::new(complete::templates))]
    template: String,
    /// Generation to make current
    #[arg(long, value_name = "GENERATION", value_parser = generation)]
    to: Option<u64>,
    /// Do not roll: consumers keep the AMI that they name now
    #[arg(long)]
    no_roll: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

fn generation(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a generation, such as 4: `amiable list` shows them".into())
}

pub(crate) async fn rollback(args: RollbackArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config_for(global, Need::Look)?;
    let name = &args.template;
    let template = config.template(name).map_err(|meant| no_template(&config, name, meant))?;
    let holdings = Holdings::default();
    let cancel = interrupt::cancel_on_signals(console, &holdings);
    let cloud = connect::cloud(&config, console).await?;
    let fleet = cloud.fleet(&config.namespace).await?;
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    let actor = surroundings::actor(&operator, &owner);
    let done = ami_lifecycle::rollback(&cloud, &fleet, template, args.to, actor).await;
    let done = done.map_err(|error| match error {
        RollbackError::NotPromoted(error) => error.into(),
        RollbackError::Refused(refusal) => refused(template, &refusal),
    })?;
    if args.output == Output::Text {
        console.result(&done.ami.ami);
    }
    console.message(&text(name, &done));
    let rolls = !args.no_roll;
    let (config, cloud, cancel, holdings) = (&config, &cloud, &cancel, &holdings);
    let finish = Finish { config, cloud, cancel, console, holdings, rolls, at_once: true };
    // Without the generation a repeat would go further back.
    let again = format!("amiable rollback {name} --to {}", done.ami.generation);
    let finished = finish.run(template, &RollTarget::of(&done.ami), Some(&fleet), &again).await;
    if args.output == Output::Json {
        let value = as_json(&done, finished.consumers);
        console.result(&json(&with_regions(value, finished.regions)));
    }
    finished.outcome
}

fn refused(template: &Template, refusal: &NoRollback) -> Failure {
    let failure = Failure::failed(refusal.to_string());
    let name = &template.name;
    match refusal {
        NoRollback::NothingBefore { .. } if !template.consumers.is_empty() => failure.hint(format!(
            "`amiable roll {name} --to AMI --force` makes its consumers name any other AMI, such \
             as the one they named before"
        )),
        NoRollback::InDoubt(doubt) => failure.hint(doubt.hint()),
        NoRollback::NoCurrent(_) => {
            failure.hint(format!("run `amiable create {name}` to bake the first"))
        }
        _ => failure.hint(format!("`amiable list --template {name}` shows what there is")),
    }
}

fn as_json(done: &RolledBack, consumers: Vec<serde_json::Value>) -> serde_json::Value {
    serde_json::json!({
        "template": done.ami.template,
        "ami": done.ami.ami,
        "generation": done.ami.generation,
        "from": done.from.as_ref().map(|from| from.ami.clone()),
        "consumers": consumers,
    })
}

fn text(template: &str, done: &RolledBack) -> String {
    let text =
        format!("{template}: {} is current (generation {})", done.ami.ami, done.ami.generation);
    match &done.from {
        Some(from) => {
            format!("{text}; {} (generation {}) is kept", from.ami, from.generation)
        }
        None => format!("{text}, as before"),
    }
}
