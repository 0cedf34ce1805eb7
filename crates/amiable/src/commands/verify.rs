//! `amiable verify`.

use std::path::Path;
use std::sync::Arc;

use ami_lifecycle::{
    Actor, Ami, AmiId, Fleet, Holdings, NotVerified, RollTarget, Status as AmiStatus, Verified,
    VerifyRequest,
};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::args::{Global, Output};
use crate::commands::finish::{Finish, Finished, with_regions};
use crate::commands::support::{load_config, no_template};
use crate::complete;
use crate::config::settings::Config;
use crate::console::Console;
use crate::failure::{self, Failure, Outcome, Status};
use crate::render::BakeView;
use crate::render::json::json;
use crate::render::log::open_log;
use crate::{connect, interrupt, surroundings};

/// Verify an AMI: start an instance of it, as an agent would be, and check it
///
/// The instance must boot, accept a fresh key, contain nothing of the bake, have its own
/// machine-id and host keys, meet the requirements of the template's CI system, and pass the
/// template's `verify` script. A template name means its AMI that is waiting to be verified,
/// else its current one. An AMI that passes and is newer than the current one becomes current;
/// one that fails is quarantined, unless it is current.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// An AMI's id, or a template's name
    #[arg(value_name = "AMI|TEMPLATE", add = ArgValueCompleter::new(complete::amis_or_templates))]
    subject: String,
    /// Continue even though the AMI seems to belong to a running bake: it is dead
    #[arg(long)]
    take_over: bool,
    /// Do not roll when it becomes current: consumers keep the AMI that they name now
    #[arg(long)]
    no_roll: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn verify(args: VerifyArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config(global)?;
    let holdings = Holdings::default();
    let cancel = interrupt::cancel_on_signals(console, &holdings);
    let cloud = tokio::select! {
        () = cancel.cancelled() => return Err(Failure::told(Status::Interrupted)),
        cloud = connect::cloud(&config, console) => cloud?,
    };
    let fleet = cloud.fleet(&config.namespace).await?;
    let ami = find(&args.subject, &fleet, &config, cloud.region())?;
    let template = config
        .template(&ami.template)
        .map_err(|meant| no_template(&config, &ami.template, meant))?;
    let (log, log_path) = open_log(&template.name)?;
    let view = Arc::new(BakeView::new(&template.name, console, log));
    let is_gone = |owner: &str| args.take_over || surroundings::is_gone(owner);
    let (operator, owner) = (surroundings::operator(), surroundings::owner());
    let actor = Actor { is_gone: &is_gone, ..surroundings::actor(&operator, &owner) };
    let outcome = ami_lifecycle::verify(VerifyRequest {
        context: connect::context(&config, &cloud, actor, view.clone(), (&holdings, &cancel)),
        template,
        fleet: &fleet,
        ami,
    })
    .await;
    view.finish();
    let outcome = outcome.map_err(|failed| no_verdict(&ami.ami, &failed, &log_path));
    let verified = outcome.inspect_err(|failure| view.log_failure(failure))?;
    if args.output == Output::Text && verified.failures.is_empty() {
        console.result(&ami.ami);
    }
    let told = tell(ami, &verified, &log_path, console);
    if let Err(failure) = &told {
        view.log_failure(failure);
    }
    let rolls = !args.no_roll;
    let (config, cloud, cancel, holdings) = (&config, &cloud, &cancel, &holdings);
    let finish = Finish { config, cloud, cancel, console, holdings, rolls, at_once: false };
    let again = format!("amiable update {}", template.name);
    let finished = if verified.promoted {
        finish.run(template, &RollTarget::of(ami), Some(&fleet), &again).await
    } else {
        Finished::nothing()
    };
    if args.output == Output::Json {
        let value = as_json(ami, &verified, finished.consumers);
        console.result(&json(&with_regions(value, finished.regions)));
    }
    told.and(finished.outcome)
}

fn find<'f>(
    subject: &str,
    fleet: &'f Fleet,
    config: &Config,
    region: &str,
) -> Result<&'f Ami, Failure> {
    let place = format!("namespace {} in {region}", config.namespace);
    if subject.starts_with(AmiId::PREFIX) {
        let missing = || Failure::failed(format!("there is no {subject} in {place}"));
        return fleet.get(subject).ok_or_else(missing);
    }
    config.template(subject).map_err(|meant| no_template(config, subject, meant))?;
    fleet.to_verify(subject).ok_or_else(|| match fleet.in_doubt(subject) {
        Some(doubt) => doubt.into(),
        None => Failure::failed(format!("template {subject} has no AMI to verify in {place}"))
            .hint(format!("run `amiable create {subject}` to bake it")),
    })
}

fn as_json(ami: &Ami, verified: &Verified, consumers: Vec<serde_json::Value>) -> serde_json::Value {
    serde_json::json!({
        "ami": ami.ami,
        "template": ami.template,
        "passed": verified.failures.is_empty(),
        "failures": verified.failures,
        "current": verified.promoted || ami.status == AmiStatus::Current,
        "quarantined": verified.quarantined,
        "consumers": consumers,
    })
}

fn tell(ami: &Ami, verified: &Verified, log: &Path, console: &Console) -> Outcome {
    let (id, template) = (&ami.ami, &ami.template);
    if verified.failures.is_empty() {
        let now = if verified.promoted { " and is current now" } else { "" };
        console.message(&format!(
            "{template}: {id} (generation {}) has passed verification{now}",
            ami.generation
        ));
        return Ok(());
    }
    let mut details: Vec<String> =
        verified.failures.iter().map(|failure| format!("  {failure}")).collect();
    details.push(format!("full log: {}", log.display()));
    let failure = Failure::failed(format!("{template}: {id} failed verification")).details(details);
    Err(match ami.status {
        AmiStatus::Current => failure.hint(format!(
            "it stays current; `amiable rollback {template}` makes the previous one current"
        )),
        _ => failure.hint(
            "it is quarantined, and not current unless a later `amiable verify` \
                           passes",
        ),
    })
}

fn no_verdict(ami: &str, not_verified: &NotVerified, log: &Path) -> Failure {
    let failure = failure::of_verification(ami, not_verified, &log.display().to_string());
    match failure.status {
        Status::Interrupted => failure,
        _ if failure.hint.is_some() => failure,
        _ => failure.hint("its status is unchanged; run the same command to try again"),
    }
}
