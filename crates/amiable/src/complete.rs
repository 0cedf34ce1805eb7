//! What a shell completes besides commands and options: templates and AMIs, as they are now.

use std::ffi::OsStr;
use std::time::Duration;

use ami_lifecycle::Status;
use clap_complete::engine::CompletionCandidate;

use crate::config::settings::{Config, Need};
use crate::console::Console;
use crate::{connect, local};

/// Nobody waits longer for a completion.
const LIMIT: Duration = Duration::from_secs(3);

/// The names of the configuration's templates.
pub(crate) fn templates(begun: &OsStr) -> Vec<CompletionCandidate> {
    let Some(config) = config() else { return Vec::new() };
    let of = |it: &ami_lifecycle::Template| {
        CompletionCandidate::new(&it.name).help(it.description.clone().map(Into::into))
    };
    matching(begun, config.templates.iter().map(of))
}

/// The AMIs of the namespace.
pub(crate) fn amis(begun: &OsStr) -> Vec<CompletionCandidate> {
    matching(begun, look().unwrap_or_default())
}

/// Templates, and AMIs once it is one that is begun.
pub(crate) fn amis_or_templates(begun: &OsStr) -> Vec<CompletionCandidate> {
    let mut all = templates(begun);
    if begun.to_string_lossy().starts_with("ami-") || all.is_empty() {
        all.extend(amis(begun));
    }
    all
}

fn matching(
    begun: &OsStr,
    all: impl IntoIterator<Item = CompletionCandidate>,
) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    let fits =
        |it: &CompletionCandidate| it.get_value().to_string_lossy().starts_with(begun.as_ref());
    all.into_iter().filter(fits).collect()
}

/// The configuration that a command would take, without `--config`.
fn config() -> Option<Config> {
    let given = crate::surroundings::variable("AMIABLE_CONFIG").map(std::path::PathBuf::from);
    Config::load(given.as_deref(), &std::env::current_dir().ok()?, Need::Look).ok()
}

/// Nothing is started for a completion, and nothing is told.
fn look() -> Option<Vec<CompletionCandidate>> {
    let config = config()?;
    let runtime = tokio::runtime::Runtime::new().ok()?;
    let found = runtime.block_on(async {
        tokio::time::timeout(LIMIT, async {
            local::is_ready_for(&config.cloud).await.then_some(())?;
            let cloud = connect::cloud(&config, &Console::new(true)).await.ok()?;
            cloud.fleet(&config.namespace).await.ok()
        })
        .await
    });
    runtime.shutdown_background();
    let fleet = found.ok().flatten()?;
    let of = |ami: &ami_lifecycle::Ami| {
        let status = if ami.status == Status::Current { "current" } else { ami.status.as_str() };
        let help = format!("{} {}, {status}", ami.template, ami.generation);
        CompletionCandidate::new(ami.ami.as_str()).help(Some(help.into()))
    };
    Some(fleet.amis().iter().map(of).collect())
}
