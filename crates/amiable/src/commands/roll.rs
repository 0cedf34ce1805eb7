//! `amiable roll`.

mod diff;
mod places;

use ami_lifecycle::{
    AmiId, CancellationToken, Cloud, Event, Files, Fleet, Holdings, JenkinsServer, Move, Observer,
    RollRequest, RollTarget, Rolled, Status as AmiStatus, Template, Value,
};
use clap::{ArgGroup, Args};
use clap_complete::engine::ArgValueCompleter;

use self::diff::show_diffs;
use self::places::{Consumed, choose, places};
use crate::args::{Global, Output};
use crate::ask::confirm;
use crate::commands::info::agent_text;
use crate::commands::support::{chosen, load_config_for};
use crate::complete;
use crate::config::settings::{Config, Need};
use crate::console::Console;
use crate::failure::{Failure, Outcome, Status, chain};
use crate::render::json::json;
use crate::{connect, interrupt, surroundings};

/// Make the consumers of templates name their current AMI
///
/// Consumers are the places that agents are launched from: Jenkins' files, SSM parameters,
/// launch templates, tags, and commands. `update`, `verify` and `rollback` roll automatically.
/// A consumer is changed only if it differs. If one fails, the others are still rolled; run
/// the command again to finish. Without --diff and --write, the changes are shown and need
/// confirmation.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable roll agent --diff\n  amiable roll --all --write\n  amiable roll agent --to 4"
)]
#[command(group(ArgGroup::new("which").required(true).args(["templates", "all"])))]
pub(crate) struct RollArgs {
    /// Templates of the configuration
    #[arg(value_name = "TEMPLATE", add = ArgValueCompleter::new(complete::templates))]
    templates: Vec<String>,
    /// All templates that have consumers
    #[arg(long, conflicts_with = "to")]
    all: bool,
    /// AMI or generation that consumers are to name [default: the current one]
    #[arg(long, value_name = "AMI|GENERATION", add = ArgValueCompleter::new(complete::amis))]
    to: Option<String>,
    /// Show the changes, files as a unified diff; change nothing
    #[arg(long)]
    diff: bool,
    /// Do not ask for confirmation
    #[arg(long, conflicts_with = "diff")]
    write: bool,
    /// Wait until the instance refreshes of Auto Scaling groups have ended, and tell which instances run other
    /// AMIs of the template
    #[arg(long, conflicts_with = "diff")]
    wait: bool,
    /// Accept an AMI of another template or namespace, or one that was never current; replace an init script
    /// that exists nowhere else; do not let consumers wait
    #[arg(long)]
    force: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn roll(args: RollArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config_for(global, Need::Look)?;
    let templates = if args.all {
        config.templates.iter().filter(|it| it.all_consumers().next().is_some()).collect()
    } else {
        consumed(&args.templates, &config)?
    };
    let cloud = connect::cloud(&config, console).await?;
    let fleet = cloud.fleet(&config.namespace).await?;
    let (mut places, readable) = places(&templates, &config, &cloud, &fleet, console).await;
    choose(&mut places, args.to.as_deref());
    let (all, found) = targets(places, &args, console).await?;
    let mut well = readable && found;
    if all.is_empty() {
        let text = "no consumer is in a region with that AMI";
        return Err(if well { Failure::failed(text) } else { Failure::told(Status::Failed) });
    }
    warn_of_missing(&all, &cloud, console).await?;
    let jenkins = connect::jenkins(&config);
    let jenkins = jenkins.as_ref();
    let mut files = Files::default();
    if !args.write {
        let looked = look(&all, jenkins, &args, &mut files, console).await;
        well &= looked.well;
        if args.diff {
            return if well { Ok(()) } else { Err(Failure::told(Status::Failed)) };
        }
        if well && !looked.differs && !args.wait {
            return Ok(());
        }
        if looked.differs || !well {
            confirm(console, false, "Change it?", "nothing was changed").map_err(|failure| {
                Failure { hint: failure.hint.map(|_| WRITE.into()), ..failure }
            })?;
        }
    }
    let cancel = interrupt::cancel_on_signals(console, &Holdings::default());
    well &= write(&all, jenkins, &args, &mut files, (&cancel, console)).await;
    if args.wait {
        tell_older_agents(&all, console).await;
    }
    if well {
        return Ok(());
    }
    let status = if cancel.is_cancelled() { Status::Interrupted } else { Status::Failed };
    let failure = Failure::new(status, "not all consumers name the AMI they should");
    Err(failure.hint("run the same command again to finish"))
}

type Targets<'a> = Vec<(Consumed<'a>, RollTarget)>;

/// What the consumers of each place are to name; `false` where that could not be found for one: it keeps no
/// other from being rolled.
async fn targets<'a>(
    places: Vec<Consumed<'a>>,
    args: &RollArgs,
    console: &Console,
) -> Result<(Targets<'a>, bool), Failure> {
    let (mut all, mut well) = (Vec::new(), true);
    for place in places {
        match target(&place.template, args, &place.fleet) {
            Ok(target) => {
                warn_of_anothers(&place, &target, console).await;
                all.push((place, target));
            }
            Err(failure) if failure.status == Status::Usage => return Err(failure),
            Err(failure) => {
                well = false;
                console.complain(&failure.text());
            }
        }
    }
    Ok((all, well))
}

/// What a look has shown.
struct Looked {
    /// All could be looked at.
    well: bool,
    /// Something would change.
    differs: bool,
}

/// Shows what would change.
async fn look(
    all: &Targets<'_>,
    jenkins: Option<&JenkinsServer>,
    args: &RollArgs,
    files: &mut Files,
    console: &Console,
) -> Looked {
    // What only looks, and what asks, just ends when it is interrupted.
    let unbothered = CancellationToken::new();
    let (mut looked, mut plans) = (Looked { well: true, differs: false }, Vec::new());
    for (place, target) in all {
        let template = &*place.template;
        let site = Site::at(place, jenkins, args, &unbothered, console);
        let plan = site.plan(template, target, files).await;
        looked.well &= plan.iter().all(|rolled| rolled.error.is_none());
        looked.differs |= plan.iter().any(|rolled| !rolled.moves.is_empty());
        let as_json = |rolled| as_json(&template.name, place.region, &target.ami, rolled);
        plans.extend(plan.iter().map(as_json));
    }
    if args.output == Output::Text {
        show_diffs(files, console);
    } else if args.diff {
        console.result(&json(&plans));
    }
    looked
}

/// Rolls; returns whether all are as they should be.
async fn write(
    all: &Targets<'_>,
    jenkins: Option<&JenkinsServer>,
    args: &RollArgs,
    files: &mut Files,
    (cancel, console): (&CancellationToken, &Console),
) -> bool {
    let print = |text: &str| match args.output {
        Output::Text => console.result(text),
        Output::Json => console.message(text),
    };
    let (mut well, mut results) = (true, Vec::new());
    for (place, target) in all {
        let site = Site::at(place, jenkins, args, cancel, console);
        let (rolled, outcome) = site.roll(&place.template, target, files, &print).await;
        well &= rolled;
        results.extend(outcome);
    }
    if args.output == Output::Json {
        console.result(&json(&results));
    }
    well
}

/// Tells which instances a roll has not reached.
async fn tell_older_agents(all: &Targets<'_>, console: &Console) {
    for (place, target) in all {
        let Consumed { template, region, cloud, fleet, .. } = place;
        let title = title(&template.name, *region);
        match ami_lifecycle::older_agents(cloud, fleet, &template.name, &target.ami).await {
            Ok(agents) if agents.is_empty() => {
                console.message(&format!("{title}: no instance runs another AMI of the template"));
            }
            Ok(agents) => {
                for agent in agents {
                    console.message(&format!("{title}: {}", agent_text(&agent)));
                }
            }
            Err(error) => {
                let text = format!("warning: {title}: instances of older AMIs: {}", chain(&error));
                console.complain(&text);
            }
        }
    }
}

const WRITE: &str = "--write skips the question, and --diff only shows the changes";

/// The templates of these names, which must have consumers.
fn consumed<'c>(names: &[String], config: &'c Config) -> Result<Vec<&'c Template>, Failure> {
    let templates = chosen(names, config)?;
    match templates.iter().find(|template| template.all_consumers().next().is_none()) {
        None => Ok(templates),
        Some(Template { name, .. }) => Err(Failure::usage(format!(
            "template {name} has no consumer"
        ))
        .hint(format!("add a [[template.{name}.consumer]] table, such as ssm = \"/ci/ami/{name}\"; `amiable schema` has all kinds"))),
    }
}

/// Tells of AMIs that agents could not start from, and of those that are not current.
async fn warn_of_missing(
    all: &[(Consumed<'_>, RollTarget)],
    cloud: &Cloud,
    console: &Console,
) -> Outcome {
    let foreign = all.iter().filter(|(_, target)| target.template.is_none());
    let mut ids: Vec<AmiId> = foreign.map(|(_, target)| target.ami.clone()).collect();
    ids.dedup();
    for (id, known) in ami_lifecycle::look_up(cloud, &ids).await? {
        if !known.exists {
            let region = cloud.region();
            let text = "warning: no agent can start from it:";
            console.complain(&format!(
                "{text} {id} does not exist in {region}, or is not shared with you"
            ));
        }
    }
    Ok(())
}

/// Tells of a current AMI that another configuration may have baked.
async fn warn_of_anothers(place: &Consumed<'_>, target: &RollTarget, console: &Console) {
    let Consumed { template, fleet, .. } = place;
    let current = fleet.current(&template.name).filter(|current| current.ami == target.ami);
    let Some(current) = current else { return };
    if let Some(other) = ami_lifecycle::baked_from_another_source(template, current).await {
        console.complain(&format!("warning: {}: {other}: {}", template.name, other.hint()));
    }
}

/// The AMI that a template's consumers are to name.
fn target(template: &Template, args: &RollArgs, fleet: &Fleet) -> Result<RollTarget, Failure> {
    let name = &template.name;
    let Some(wanted) = &args.to else {
        let current = fleet.current(name);
        return current.map(RollTarget::of).ok_or_else(|| match fleet.in_doubt(name) {
            Some(doubt) => doubt.into(),
            None => Failure::failed(format!("template {name} has no current AMI"))
                .hint(format!("run `amiable create {name}` to bake one; --to accepts any AMI")),
        });
    };
    let found = match wanted.parse::<u64>() {
        Ok(generation) => fleet.rollback_target(name, Some(generation)).map_err(|refusal| {
            Failure::failed(refusal.to_string())
                .hint(format!("`amiable list --template {name}` shows what there is"))
        })?,
        Err(_) => {
            let neither = || {
                Failure::usage(format!("`{wanted}` is neither an AMI id nor a generation"))
                    .hint(format!("`amiable list --template {name}` shows them"))
            };
            let id = AmiId::parse(wanted).ok_or_else(neither)?;
            match fleet.get(&id) {
                Some(ami) => ami,
                None if args.force => return Ok(RollTarget::foreign(&id)),
                None => {
                    return Err(Failure::failed(format!("{id} does not belong to this namespace"))
                        .hint("--force lets consumers name it anyway"));
                }
            }
        }
    };
    let odd = match found.status {
        _ if found.template != *name => Some(format!("it belongs to template {}", found.template)),
        _ if found.state != "available" => Some(format!("it is {}", found.state)),
        AmiStatus::Current | AmiStatus::Previous => None,
        AmiStatus::Foreign | AmiStatus::Unreadable => found.tampering().map(|how| how.to_string()),
        status => Some(format!("it is {}, and was never current", status.as_str())),
    };
    match odd {
        Some(odd) if !args.force => Err(Failure::failed(format!(
            "consumers of {name} are not rolled to {}: {odd}",
            found.ami
        ))
        .hint("--force rolls them anyway")),
        _ => Ok(RollTarget::of(found)),
    }
}

/// What is common to all rolls of a call.
struct Site<'a> {
    cloud: &'a Cloud,
    /// The region, where it is not the first.
    region: Option<&'a str>,
    fleet: &'a Fleet,
    jenkins: Option<&'a JenkinsServer>,
    force: bool,
    wait: bool,
    at_once: bool,
    cancel: &'a CancellationToken,
    console: &'a Console,
}

/// Shows what the commands of a template's consumers print.
struct CommandOutput<'a> {
    template: &'a str,
    console: &'a Console,
}

impl Observer for CommandOutput<'_> {
    fn event(&self, event: Event) {
        match event {
            Event::Output(_, line) => {
                self.console.message(&format!("{} | {}", self.template, line.text()));
            }
            Event::Note(text) => self.console.message(&format!("{}: {text}", self.template)),
            Event::Warning(text) => {
                self.console.complain(&format!("warning: {}: {text}", self.template));
            }
            _ => {}
        }
    }
}

impl<'a> Site<'a> {
    fn at(
        place: &'a Consumed<'_>,
        jenkins: Option<&'a JenkinsServer>,
        args: &RollArgs,
        cancel: &'a CancellationToken,
        console: &'a Console,
    ) -> Site<'a> {
        let Consumed { region, cloud, fleet, .. } = place;
        let (force, wait) = (args.force, args.wait);
        // Whoever says which AMI means it.
        let at_once = force || args.to.is_some();
        Site { cloud, region: *region, fleet, jenkins, force, wait, at_once, cancel, console }
    }

    fn request<'r>(
        &'r self,
        template: &'r Template,
        target: &RollTarget,
        observer: &'r dyn Observer,
    ) -> RollRequest<'r> {
        RollRequest {
            cloud: self.cloud,
            fleet: self.fleet,
            template,
            target: target.clone(),
            jenkins: self.jenkins,
            force: self.force,
            wait: self.wait,
            at_once: self.at_once,
            written: surroundings::written_folder(),
            observer,
            cancel: self.cancel,
        }
    }

    /// Shows what would change.
    async fn plan(
        &self,
        template: &Template,
        target: &RollTarget,
        files: &mut Files,
    ) -> Vec<Rolled> {
        let title = title(&template.name, self.region);
        let observer = CommandOutput { template: &title, console: self.console };
        let request = self.request(template, target, &observer);
        let all = ami_lifecycle::plan_roll(&request, files).await;
        for rolled in &all {
            lines(&title, rolled).iter().for_each(|line| self.console.message(line));
            complain(&title, rolled, self.console);
        }
        all
    }

    /// Rolls the consumers of one template; returns whether all are as they should be.
    async fn roll(
        &self,
        template: &Template,
        target: &RollTarget,
        files: &mut Files,
        print: &dyn Fn(&str),
    ) -> (bool, Vec<serde_json::Value>) {
        let title = title(&template.name, self.region);
        let observer = CommandOutput { template: &title, console: self.console };
        let request = self.request(template, target, &observer);
        let (mut well, mut results) = (true, Vec::new());
        let told = |rolled: Rolled| {
            lines(&title, &rolled).iter().for_each(|line| print(line));
            complain(&title, &rolled, self.console);
            well &= rolled.error.is_none();
            results.push(as_json(&template.name, self.region, &target.ami, &rolled));
        };
        ami_lifecycle::roll(&request, files, told).await;
        (well, results)
    }
}

/// How a template is called in messages.
pub(super) fn title(template: &str, region: Option<&str>) -> String {
    match region {
        Some(region) => format!("{template} in {region}"),
        None => template.to_owned(),
    }
}

pub(super) fn complain(title: &str, rolled: &Rolled, console: &Console) {
    let Some(error) = &rolled.error else { return };
    let text = format!("{title}: {}: {}", rolled.consumer, chain(error));
    let failure = Failure { hint: error.hint(), ..Failure::failed(text) };
    console.complain(&failure.text());
}

/// What became of a consumer, or would, a line for each value.
pub(super) fn lines(template: &str, rolled: &Rolled) -> Vec<String> {
    let consumer = &rolled.consumer;
    if let Some(until) = rolled.waits_until {
        let until = until.strftime("%Y-%m-%d %H:%M UTC");
        return vec![format!(
            "{template}: {consumer}: waits until {until}, then run `amiable roll`"
        )];
    }
    if rolled.moves.is_empty() {
        let well = rolled.error.is_none();
        return well.then(|| format!("{template}: {consumer}: up to date")).into_iter().collect();
    }
    let line = |it: &Move| {
        // A consumer that is one place has its name already.
        let place = if it.is_all { String::new() } else { format!("{}: ", it.place) };
        let from = it.from.as_deref().unwrap_or("nothing");
        match it.value {
            Value::Ami => format!("{template}: {consumer}: {place}{from} -> {}", it.to),
            Value::BootScript => {
                format!("{template}: {consumer}: {place}init script: {from} -> {}", it.to)
            }
            Value::Told => format!("{template}: {consumer}: is notified of {}", it.to),
        }
    };
    rolled.moves.iter().map(line).collect()
}

pub(super) fn as_json(
    template: &str,
    region: Option<&str>,
    ami: &str,
    rolled: &Rolled,
) -> serde_json::Value {
    let moves = rolled.moves.iter().map(|it| {
        let value = match it.value {
            Value::Ami => "ami",
            Value::BootScript => "boot-script",
            Value::Told => "told",
        };
        serde_json::json!({ "place": it.place, "value": value, "from": it.from, "to": it.to })
    });
    let mut value = serde_json::json!({
        "template": template,
        "ami": ami,
        "consumer": rolled.consumer,
        "moves": moves.collect::<Vec<serde_json::Value>>(),
        "error": rolled.error.as_ref().map(|error| chain(error)),
    });
    if let Some(region) = region {
        value["region"] = region.into();
    }
    if let Some(until) = rolled.waits_until {
        value["waits_until"] = until.to_string().into();
    }
    value
}
