//! `amiable report`.

mod serve;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ami_lifecycle::ReportRequest;
use clap::{ArgGroup, Args};

use crate::args::Global;
use crate::commands::support::load_config_for;
use crate::config::settings::{Config, Need};
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::report::{Settings, page};
use crate::{connect, surroundings};

/// Write a page about the whole fleet: what there is, what is out of date, who uses what
///
/// The page is one HTML file without scripts or anything from the network: for a browser, Jenkins' HTML
/// Publisher or a static site. It shows the templates with the age of their AMIs, what each AMI is based
/// on, who uses it, what `amiable prune` would delete, and how long bakes took. Nothing is changed, except
/// that EC2 may be asked for a usage report of an AMI that is shared with other accounts.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("page").required(true).args(["html", "serve"]),
    after_long_help = "Examples:\n  amiable report --html fleet.html --open\n  amiable report --html public/index.html --gib-month 0.05\n  amiable report --serve"
)]
pub(crate) struct ReportArgs {
    /// File to write
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Serve the page as it is now to browsers of this machine, until Ctrl-C, on a free port or this one
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    serve: Option<u16>,
    /// Open it in the browser
    #[arg(long)]
    open: bool,
    /// What storage costs, to show what `prune` would save, for each GiB and month, such as 0.05
    #[arg(long, value_name = "PRICE", value_parser = price)]
    gib_month: Option<f64>,
}

fn price(text: &str) -> Result<f64, String> {
    let price = text.parse::<f64>().ok().filter(|it| (0.0..1e6).contains(it));
    price.ok_or_else(|| "write a number such as 0.05".into())
}

/// So many deletions are planned at most.
const LIMIT: usize = 1000;

pub(crate) async fn report(args: ReportArgs, global: &Global, console: &Console) -> Outcome {
    let Some(path) = &args.html else {
        return live(&args, global, console).await;
    };
    let config = load_config_for(global, Need::Look)?;
    let html = look(&config, args.gib_month, console).await?;
    write_whole(path, &html)
        .map_err(|error| Failure::failed(format!("failed to write {}: {error}", path.display())))?;
    console.message(&format!("wrote {}", path.display()));
    if args.open { open(path) } else { Ok(()) }
}

/// Shows what there is whenever a browser asks; the configuration is read again, too.
async fn live(args: &ReportArgs, global: &Global, console: &Console) -> Outcome {
    load_config_for(global, Need::Look)?;
    let page = async || {
        let config = load_config_for(global, Need::Look)?;
        look(&config, args.gib_month, console).await
    };
    let started = |url: &str| {
        console.result(url);
        console.message("press Ctrl-C to stop");
        if args.open
            && let Err(error) = opener(Path::new(url)).spawn()
        {
            console.complain(&format!("warning: failed to run {OPENER}: {error}"));
        }
    };
    let served = serve::serve(args.serve.unwrap_or_default(), page, started).await;
    served.map_err(|failure| failure.hint("leave the port out for a free one"))
}

/// The page of what there is.
async fn look(
    config: &Config,
    gib_month: Option<f64>,
    console: &Console,
) -> Result<String, Failure> {
    let cloud = connect::cloud(config, console).await?;
    let jenkins = connect::jenkins(config);
    let request = ReportRequest {
        cloud: &cloud,
        pattern: &config.pattern,
        consumers: connect::consumers(config, jenkins.as_ref()),
        is_gone: &surroundings::is_gone,
        limit: LIMIT,
    };
    let found = ami_lifecycle::report(&request).await?;
    Ok(page(&found, &config.templates, &Settings { namespace: &config.namespace.0, gib_month }))
}

/// Whoever reads it meanwhile sees the old page or the new one. A pipe or a device is
/// written to; what a link leads to is replaced, and not the link.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let old = std::fs::metadata(path).ok();
    if old.as_ref().is_some_and(|it| !it.is_file()) {
        return std::fs::write(path, text);
    }
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    // A new one is for others, too.
    let new = || std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(old.map_or_else(new, |it| it.permissions()))?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// What opens a file or a URL as the user has set it.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

fn opener(what: &Path) -> Command {
    let mut command = Command::new(OPENER);
    command.arg(what).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn open(path: &Path) -> Outcome {
    match opener(path).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::failed(format!("{OPENER} ended with {status}"))),
        Err(error) => Err(Failure::failed(format!("failed to run {OPENER}: {error}"))),
    }
}
