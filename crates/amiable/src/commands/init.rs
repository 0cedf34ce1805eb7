//! `amiable init`.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::args::Global;
use crate::config::FILE_NAME;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

/// The example.
const EXAMPLE: &str = include_str!("init/amiable.toml");
const SCRIPT: &str = include_str!("init/setup-agent");

/// Write a commented amiable.toml that works as is with the local endpoint
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Folder to write to
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn init(args: InitArgs, _global: &Global, console: &Console) -> Outcome {
    let config = args.folder.join(FILE_NAME);
    let script = args.folder.join("init/setup-agent");
    write_new(&config, EXAMPLE, 0o644)?;
    if !script.exists() {
        write_new(&script, SCRIPT, 0o755)?;
    }
    console.message(&format!(
        "wrote {} and {}\nnext: amiable validate, then amiable create agent",
        config.display(),
        script.display()
    ));
    Ok(())
}

/// Writes a file that must not exist.
fn write_new(path: &Path, text: &str, mode: u32) -> Outcome {
    let folder = path.parent().unwrap_or(Path::new("."));
    let open = || File::options().write(true).create_new(true).mode(mode).open(path);
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| open())
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} already exists and was not changed", path.display()))
        }
        _ => Failure::failed(format!("failed to write {}: {error}", path.display())),
    })
}
