//! `amiable init`.

mod aws;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use self::aws::{Os, Wanted, look};
use crate::args::{Global, Output};
use crate::commands::doctor::{DoctorArgs, doctor};
use crate::config::{FILE_NAME, json_schema};
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::render::json::json;

/// The example.
const EXAMPLE: &str = include_str!("init/amiable.toml");
const SCRIPT: &str = include_str!("init/setup-agent");

const SCHEMA: &str = "amiable.schema.json";
/// Editors with taplo look for the schema in this line.
const FOR_EDITORS: &str = "#:schema amiable.schema.json
# Editors with taplo complete and check keys by it; `amiable schema > amiable.schema.json` writes it anew.

";

/// Write a commented amiable.toml that works as is with the local endpoint
///
/// With --aws, write one for the AWS account of the credentials in use: its id and region, a current base
/// AMI, and a subnet where there is no default VPC. Then check it as `amiable doctor` does.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  amiable init\n  amiable init --aws --os ubuntu-24.04 ci")]
pub(crate) struct InitArgs {
    /// Folder to write to
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// Write one for the AWS account of the credentials in use
    #[arg(long)]
    aws: bool,
    /// With --aws: the operating system of the base
    #[arg(long, value_enum, default_value = "debian-13", requires = "aws")]
    os: Os,
    /// With --aws: an AWS profile, which the configuration then names
    #[arg(long, value_name = "NAME", requires = "aws")]
    profile: Option<String>,
    /// With --aws: the region [default: that of the AWS profile or AWS_REGION]
    #[arg(long, value_name = "REGION", requires = "aws")]
    region: Option<String>,
}

pub(crate) async fn init(args: InitArgs, global: &Global, console: &Console) -> Outcome {
    let config = args.folder.join(FILE_NAME);
    if config.exists() {
        return Err(exists(&config));
    }
    let (profile, region) = (args.profile.as_deref(), args.region.as_deref());
    let wanted = Wanted { os: args.os, profile, region };
    let text = if args.aws { look(&wanted, console).await? } else { EXAMPLE.to_owned() };
    write_new(&config, &format!("{FOR_EDITORS}{text}"), 0o644)?;
    let mut wrote = vec![config.display().to_string()];
    let schema = format!("{}\n", json(&json_schema()));
    for (name, text, mode) in [(SCHEMA, &*schema, 0o644), ("init/setup-agent", SCRIPT, 0o755)] {
        let path = args.folder.join(name);
        if !path.exists() {
            write_new(&path, text, mode)?;
            wrote.push(path.display().to_string());
        }
    }
    let next = if args.aws { "" } else { NEXT };
    console.message(&format!("wrote {}{next}", wrote.join(", ")));
    if !args.aws {
        return Ok(());
    }
    let global = Global { config: Some(config), ..*global };
    doctor(DoctorArgs { commands: Vec::new(), output: Output::Text }, &global, console).await?;
    console.message("next: amiable create agent");
    Ok(())
}

const NEXT: &str = "\nnext: `amiable local start --machines simulated` to try it without real machines (or \
                    `amiable local import` a cloud image for real ones), then `amiable create agent`";

fn exists(path: &Path) -> Failure {
    Failure::usage(format!("{} already exists and was not changed", path.display()))
}

/// Writes a file that must not exist.
fn write_new(path: &Path, text: &str, mode: u32) -> Outcome {
    let folder = path.parent().unwrap_or(Path::new("."));
    let open = || File::options().write(true).create_new(true).mode(mode).open(path);
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| open())
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => Failure::failed(format!("failed to write {}: {error}", path.display())),
    })
}
