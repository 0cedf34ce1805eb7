//! `amiable completions`, `amiable man` and `amiable schema`: what shells, man and editors read.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::env::Shells;

use crate::cli::Cli;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::render::json::json;

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

/// Print the manual page, or write those of all commands to a folder
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder to write amiable.1, amiable-create.1 and so on to
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Print the JSON Schema of amiable.toml, for editors
///
/// Editors with taplo check and complete amiable.toml with it: write it to a file, and put
/// `#:schema FILE` into the first line of amiable.toml.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {}

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

pub(crate) fn man(args: &ManArgs, console: &Console) -> Outcome {
    let program = Cli::command().disable_help_subcommand(true);
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        let written = clap_mangen::Man::new(program).render(&mut page);
        written.map_err(|error| Failure::failed(error.to_string()))?;
        console.result(String::from_utf8_lossy(&page).trim_end());
        return Ok(());
    };
    write_pages(folder, program)
        .map_err(|error| Failure::failed(format!("failed to write {}: {error}", folder.display())))
}

/// A page for each command, as git has them.
fn write_pages(folder: &Path, program: clap::Command) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(program, folder)
}

pub(crate) fn schema(_: &SchemaArgs, console: &Console) -> Outcome {
    console.result(&json(&crate::config::json_schema()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/reference/commands.md is written by this test.
    #[test]
    fn the_reference_is_what_the_command_line_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/commands.md");
        let text = reference();
        if std::env::var_os("AMIABLE_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, text, "docs/reference/commands.md is to be written anew");
    }

    /// The help of each command.
    fn reference() -> String {
        let mut program = Cli::command().term_width(90);
        program.build();
        let mut text = String::from(
            "# Commands\n\nThe tests write this page from the program: each part is what `--help` \
             prints.\n",
        );
        add(&mut program, &mut text);
        text
    }

    fn add(command: &mut clap::Command, text: &mut String) {
        let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
        let help = command.render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        *text += &format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
        for below in command.get_subcommands_mut() {
            if below.get_name() != "help" && !below.is_hide_set() {
                add(below, text);
            }
        }
    }
}
