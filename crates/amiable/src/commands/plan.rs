//! `amiable plan`.

use ami_lifecycle::{AmiId, PlanRequest, Planned, Template, Todo};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use jiff::Timestamp;

use crate::args::{Global, Output};
use crate::commands::support::{chosen, load_config};
use crate::complete;
use crate::config::settings::Config;
use crate::connect;
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status};
use crate::render::json::json;
use crate::render::table;

/// Show which templates are out of date, and why
///
/// Changes nothing; `amiable update --all` does what is shown. A template is out of date when
/// it has no current AMI, its base has a newer one, its source is at another revision (checked
/// without a clone), its configuration has changed, it is older than `max_age`, the template it
/// is based on is rebaked, a region lacks its copy or shares it on other terms, or a consumer
/// names another AMI.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable plan\n  amiable plan --exit-code || amiable update --all"
)]
pub(crate) struct PlanArgs {
    /// Templates of the configuration [default: all]
    #[arg(value_name = "TEMPLATE", add = ArgValueCompleter::new(complete::templates))]
    templates: Vec<String>,
    /// All templates
    #[arg(long, conflicts_with = "templates")]
    all: bool,
    /// Exit with status 3 when changes are pending
    #[arg(long)]
    exit_code: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn plan(args: PlanArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config(global)?;
    let templates: Vec<&Template> = if args.templates.is_empty() {
        config.templates.iter().collect()
    } else {
        chosen(&args.templates, &config)?
    };
    let cloud = connect::cloud(&config, console).await?;
    let jenkins = connect::jenkins(&config);
    let request = PlanRequest {
        cloud: &cloud,
        namespace: &config.namespace,
        pattern: &config.pattern,
        templates: &templates,
        jenkins: jenkins.as_ref(),
        fleet: None,
        with_consumers: true,
        now: Timestamp::now(),
    };
    let planned = in_configured_order(ami_lifecycle::plan(&request).await?, &config);
    match args.output {
        Output::Json => console.result(&json(&planned)),
        Output::Text => console.result(&as_table(&planned)),
    }
    console.message(&summary(&planned));
    let unknown = planned.iter().filter(|it| it.todo == Todo::Unknown).count();
    if unknown > 0 {
        return Err(Failure::failed(format!("{unknown} could not be determined")));
    }
    let work = |it: &Planned| matches!(it.todo, Todo::Bake | Todo::Distribute | Todo::Roll);
    let work = planned.iter().any(work);
    if work && args.exit_code { Err(Failure::told(Status::Work)) } else { Ok(()) }
}

fn in_configured_order(mut planned: Vec<Planned>, config: &Config) -> Vec<Planned> {
    let place = |it: &Planned| config.templates.iter().position(|other| other.name == it.template);
    planned.sort_by_key(place);
    planned
}

fn word(todo: Todo) -> &'static str {
    match todo {
        Todo::Nothing => "nothing",
        Todo::Unknown => "unknown",
        Todo::Roll => "roll",
        Todo::Distribute => "distribute",
        Todo::Bake => "bake",
    }
}

/// A line for each reason.
fn as_table(planned: &[Planned]) -> String {
    let rows = planned.iter().flat_map(|it| {
        let generation = it.generation.map(|it| it.to_string());
        let head = [
            it.template.clone(),
            word(it.todo).into(),
            it.current.as_ref().map_or("none", AmiId::as_str).to_owned(),
            generation.unwrap_or_default(),
        ];
        let mut lines = why(it).into_iter();
        let first = head.into_iter().chain([lines.next().unwrap_or_default()]).collect();
        let more = lines
            .map(|line| vec![String::new(), String::new(), String::new(), String::new(), line]);
        std::iter::once(first).chain(more).collect::<Vec<Vec<String>>>()
    });
    table(&["TEMPLATE", "TO DO", "CURRENT", "GEN", "WHY"], &rows.collect::<Vec<_>>())
}

/// Why something is to be done for a template, or could not be determined, a line each.
pub(crate) fn why(planned: &Planned) -> Vec<String> {
    let reasons = planned.reasons.iter().map(ToString::to_string);
    let unknown = planned.unknown.iter();
    let unknown =
        unknown.map(|it| format!("could not be determined: {}", one_line(&it.to_string())));
    let held = planned.held.iter().map(|it| format!("on hold: this is {it}"));
    let tampered = planned.tampered.iter().map(ToString::to_string);
    let name = planned.name_taken.iter().map(|it| format!("the bake will fail: {it}"));
    let other = planned.other_source.iter().map(|it| format!("{it}: {}", it.hint()));
    reasons.chain(unknown).chain(held).chain(name).chain(other).chain(tampered).collect()
}

/// What others write may have several lines.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

fn summary(planned: &[Planned]) -> String {
    let count = |todo| planned.iter().filter(|it| it.todo == todo).count();
    let (bake, roll, all) = (count(Todo::Bake), count(Todo::Roll), planned.len());
    let distribute = match count(Todo::Distribute) {
        0 => String::new(),
        some => format!("{some} to distribute, "),
    };
    match (bake, distribute.as_str(), roll) {
        (0, "", 0) => format!("no changes for {} of {all}", count(Todo::Nothing)),
        _ => format!(
            "{bake} of {all} to bake, {distribute}{roll} to roll; run `amiable update --all` to \
             apply"
        ),
    }
}
