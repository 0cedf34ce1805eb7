//! One command, one file: arguments, and what is done with them.

mod bakes;
pub(crate) mod create;
pub(crate) mod delete;
mod distribute;
pub(crate) mod doctor;
pub(crate) mod iam_policy;
pub(crate) mod info;
pub(crate) mod init;
pub(crate) mod jenkins;
pub(crate) mod list;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod restore;
pub(crate) mod roll;
pub(crate) mod rollback;
pub(crate) mod sweep;
pub(crate) mod validate;
pub(crate) mod verify;

use ami_lifecycle::Template;

use crate::cli::{Cli, Command, Global};
use crate::config::{Config, Need};
use crate::console::Console;
use crate::failure::Failure;
use crate::local;

/// What a command returns.
pub(crate) type Outcome = Result<(), Failure>;

/// Runs the command that was asked for.
pub(crate) async fn run(cli: Cli, console: &Console) -> Outcome {
    let global = &cli.global;
    match cli.command {
        Command::Create(args) => create::create(args, global, console).await,
        Command::Update(args) => create::update(args, global, console).await,
        Command::Plan(args) => plan::plan(args, global, console).await,
        Command::List(args) => list::list(args, global, console).await,
        Command::Delete(args) => delete::delete(args, global, console).await,
        Command::Verify(args) => verify::verify(args, global, console).await,
        Command::Info(args) => info::info(args, global, console).await,
        Command::Rollback(args) => rollback::rollback(args, global, console).await,
        Command::Roll(args) => roll::roll(args, global, console).await,
        Command::Prune(args) => prune::prune(args, global, console).await,
        Command::Restore(args) => restore::restore(args, global, console).await,
        Command::Sweep(args) => sweep::sweep(args, global, console).await,
        Command::Doctor(args) => doctor::doctor(args, global, console).await,
        Command::IamPolicy(args) => iam_policy::iam_policy(args, global, console),
        Command::Init(args) => init::init(args, global, console),
        Command::Validate(args) => validate::validate(args, global, console).await,
        Command::Jenkins(command) => jenkins::run(command, global, console).await,
        Command::Local(command) => local::run(command, console).await,
    }
}

/// An id is `ami-` and 8 or 17 hexadecimal digits.
pub(crate) fn is_ami_id(text: &str) -> bool {
    let digits = text.strip_prefix("ami-").unwrap_or_default();
    matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Refuses what is not an AMI's id, and says what it is.
fn check_ami_id(text: &str, hint: &str) -> Outcome {
    if is_ami_id(text) {
        return Ok(());
    }
    let kinds = [("snap-", "a snapshot"), ("i-", "an instance"), ("vol-", "a volume")];
    let kind = kinds.into_iter().find(|(prefix, _)| text.starts_with(prefix));
    let message = match (text.rsplit_once("/ami-"), kind) {
        (Some((_, id)), _) if text.starts_with("arn:") => {
            return Err(Failure::usage(format!("`{text}` is an ARN"))
                .hint(format!("AMIs are named by their ids: ami-{id}")));
        }
        (_, Some((_, kind))) => format!("`{text}` is the id of {kind}, and not of an AMI"),
        (_, None) if text.starts_with("ami-") => {
            format!("`{text}` is not an AMI id: after `ami-` an id has 17 hexadecimal digits")
        }
        (_, None) => format!("`{text}` is not an AMI id: an id begins with `ami-`"),
    };
    Err(Failure::usage(message).hint(hint))
}

/// The configuration that holds for this call.
fn load_config(global: &Global) -> Result<Config, Failure> {
    load_config_for(global, Need::Bake)
}

fn load_config_for(global: &Global, need: Need) -> Result<Config, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::failed(format!("failed to find the current folder: {error}")))?;
    Ok(Config::load(global.config.as_deref(), &here, need)?)
}

/// The templates of these names, each once.
fn chosen<'c>(names: &[String], config: &'c Config) -> Result<Vec<&'c Template>, Failure> {
    let mut templates: Vec<&Template> = Vec::new();
    for name in names {
        let template = config.template(name).map_err(|meant| no_template(config, name, meant))?;
        if !templates.contains(&template) {
            templates.push(template);
        }
    }
    Ok(templates)
}

/// The failure for a name that no template has.
fn no_template(config: &Config, name: &str, meant: Option<&str>) -> Failure {
    let failure =
        Failure::usage(format!("there is no template `{name}` in {}", config.path.display()));
    match meant {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => {
            let names: Vec<&str> =
                config.templates.iter().map(|template| template.name.as_str()).collect();
            failure.hint(format!("there are {}", names.join(", ")))
        }
    }
}

/// A value as JSON for people who read it too.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("results have string keys only")
}

/// Asks before something is destroyed, unless `yes` was said already. `otherwise` is
/// what is true when it does not come to that.
///
/// # Errors
/// When the answer is no, or there is nobody to ask.
pub(crate) fn confirm(console: &Console, yes: bool, question: &str, otherwise: &str) -> Outcome {
    if yes {
        return Ok(());
    }
    match console.ask(question) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::failed(otherwise)),
        None => Err(Failure::usage(format!("there is no terminal to ask on, so {otherwise}"))
            .hint("--yes does it without asking")),
    }
}
