//! `amiable completions`, `amiable man` and `amiable schema`: what shells, man and editors read.

use std::path::{Path, PathBuf};

use clap::Args;
use clap_complete::env::Shells;

use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::render::json::json;
use crate::render::schema::{COMMANDS, of_output};

/// Print the completion script of a shell
///
/// Commands, options, template names and AMI ids are completed. For bash, add this line to
/// ~/.bashrc: source <(amiable completions bash)
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    shell: String,
}

/// Print the manual page of a command, or write those of all commands to a folder
///
/// To read one: amiable man update | man -l -
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command, such as `update` or `local start` [default: the program as a whole]
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Vec<String>,
    /// Write amiable.1, amiable-create.1 and so on to this folder, such as /usr/local/share/man/man1
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Print the JSON Schema of amiable.toml, or of what a command prints with `--output json`
///
/// Editors with taplo check and complete amiable.toml with it: write it to a file, and put
/// `#:schema FILE` into the first line of amiable.toml, as `amiable init` does.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable schema > amiable.schema.json\n  amiable schema update"
)]
pub(crate) struct SchemaArgs {
    /// The command, such as `list` or `local status` [default: the schema of amiable.toml]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

/// The variable by which a completion script asks for candidates.
pub(crate) const COMPLETE: &str = "AMIABLE_COMPLETE";

pub(crate) fn completions(args: &CompletionsArgs, console: &Console) -> Outcome {
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&args.shell) else {
        return Err(Failure::usage(format!("`{}` is not a shell", args.shell)));
    };
    let mut script = Vec::new();
    let written = shell.write_registration(COMPLETE, "amiable", "amiable", "amiable", &mut script);
    written.map_err(|error| Failure::failed(error.to_string()))?;
    console.result(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}

/// `program` is the whole command line.
pub(crate) fn man(args: &ManArgs, program: clap::Command, console: &Console) -> Outcome {
    let program = program.disable_help_subcommand(true);
    if let Some(folder) = &args.dir {
        write_pages(folder, program).map_err(|error| {
            Failure::failed(format!("failed to write {}: {error}", folder.display()))
        })?;
        console.message(&format!("wrote the pages of all commands to {}", folder.display()));
        return Ok(());
    }
    let mut page = Vec::new();
    let written = clap_mangen::Man::new(below(program, &args.command)?).render(&mut page);
    written.map_err(|error| Failure::failed(error.to_string()))?;
    console.result(String::from_utf8_lossy(&page).trim_end());
    Ok(())
}

/// The command that words lead to.
fn below(mut program: clap::Command, words: &[String]) -> Result<clap::Command, Failure> {
    program.build();
    for word in words {
        let found = program.get_subcommands().find(|it| it.get_name() == word).cloned();
        program = found.ok_or_else(|| Failure::usage(format!("there is no command `{word}`")))?;
    }
    Ok(program)
}

/// A page for each command, as git has them.
fn write_pages(folder: &Path, program: clap::Command) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(program, folder)
}

pub(crate) fn schema(args: &SchemaArgs, console: &Console) -> Outcome {
    let command = args.command.join(" ");
    let schema = match command.as_str() {
        "" => crate::config::json_schema(),
        command => of_output(command).ok_or_else(|| {
            Failure::usage(format!("there is no schema for `{command}`"))
                .hint(format!("there is one for {}", COMMANDS.join(", ")))
        })?,
    };
    console.result(&json(&schema));
    Ok(())
}
