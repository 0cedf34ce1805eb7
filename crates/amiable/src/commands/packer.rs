//! `amiable packer`.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::config::{self, FILE_NAME};
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::packer::{self, Content, Draft, Given};

/// Import what Packer has
#[derive(Debug, Subcommand)]
pub(crate) enum PackerCommand {
    Import(ImportArgs),
}

/// Create templates from the amazon-ebs sources of a Packer template
///
/// Reads HCL2 and JSON, and does not change them. Each source of a build becomes a template of a
/// new configuration. Inline commands, scripts and files become the template's source, in a
/// folder below packer/. Everything else is reported key by key: what was taken over, what
/// amiable does by itself, and what it cannot do. No secrets are copied: variables that are
/// sensitive or come from the environment are read from the environment for each bake.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  amiable packer import web.pkr.hcl --into farm\n  amiable packer import . --var region=eu-west-1 --dry-run"
)]
pub(crate) struct ImportArgs {
    /// Packer's files: a folder, all *.pkr.hcl of one template and its *.pkrvars.hcl, or one JSON
    /// file
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of the configuration to write
    #[arg(long, default_value = ".", value_name = "DIR")]
    into: PathBuf,
    /// Namespace of the configuration
    #[arg(long, default_value = "packer")]
    namespace: String,
    /// The build system that the AMIs serve: `system` of the templates
    #[arg(long, default_value = "ci")]
    system: String,
    /// Value of a variable
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    var: Vec<(String, String)>,
    /// Only these builds, by the names of their sources
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Show what would be written; write nothing
    #[arg(long)]
    dry_run: bool,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) fn packer(command: PackerCommand, console: &Console) -> Outcome {
    let PackerCommand::Import(args) = command;
    let files = files(&args.files)?;
    let is_template = |path: &Path| !path.to_string_lossy().ends_with(".pkrvars.hcl");
    let first = files.iter().find(|(path, _)| is_template(path));
    let folder = first.and_then(|(path, _)| path.parent()).unwrap_or(Path::new("."));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let given: Given = args.var.iter().cloned().collect();
    let parsed = packer::read(&files, folder, &given).map_err(Failure::usage)?;
    let (mut drafts, remarks) = packer::drafts(&parsed, folder);
    // As Packer writes it, too.
    let is_meant = |only: &str, it: &Draft| only.trim_start_matches("amazon-ebs.") == it.name;
    if let Some(other) = args.only.iter().find(|only| !drafts.iter().any(|it| is_meant(only, it))) {
        let names: Vec<&str> = drafts.iter().map(|it| it.name.as_str()).collect();
        let failure = Failure::usage(format!("there is no amazon-ebs source {other}"));
        return Err(failure.hint(format!("there are: {}", names.join(", "))));
    }
    if !args.only.is_empty() {
        drafts.retain(|it| args.only.iter().any(|only| is_meant(only, it)));
    }
    packer::settle(&mut drafts);
    console.result(&packer::report(&drafts, &remarks));
    if drafts.is_empty() {
        return Err(Failure::failed("there is nothing to import"));
    }
    let text = packer::configuration(&drafts, &args.namespace, &args.system);
    if args.dry_run {
        console.result(&format!("\n{text}"));
        return Ok(());
    }
    write(&args.into, &text, &drafts, console)
}

/// The files that are named, and those of folders, with their texts.
fn files(paths: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut all = BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            all.insert(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).map_err(|error| {
            Failure::usage(format!("failed to read {}: {error}", path.display()))
        })?;
        let inside = entries.flatten().map(|entry| entry.path());
        let before = all.len();
        let is_own = |it: &PathBuf| {
            let name = it.to_string_lossy();
            name.ends_with(".pkr.hcl") || name.ends_with(".auto.pkrvars.hcl")
        };
        all.extend(inside.filter(is_own));
        if all.len() == before {
            let text = format!("{} has no *.pkr.hcl", path.display());
            return Err(Failure::usage(text).hint("name a template in JSON itself"));
        }
    }
    let read = |path: PathBuf| match fs::read_to_string(&path) {
        // As editors of Windows leave it.
        Ok(text) => Ok((path, text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))),
        Err(error) => Err(Failure::usage(format!("failed to read {}: {error}", path.display()))),
    };
    all.into_iter().map(read).collect()
}

/// Writes everything once the configuration is valid with its files; else nothing.
fn write(into: &Path, text: &str, drafts: &[Draft], console: &Console) -> Outcome {
    let target = into.join(FILE_NAME);
    if target.exists() {
        let failure = Failure::usage(format!("{} exists already", target.display()));
        return Err(
            failure.hint("choose another folder with --into, and copy templates from there")
        );
    }
    let failed = |what: &Path, error: std::io::Error| {
        Failure::failed(format!("failed to write {}: {error}", what.display()))
    };
    fs::create_dir_all(into).map_err(|error| failed(into, error))?;
    let new = tempfile::Builder::new().prefix(".amiable-").tempdir_in(into);
    let new = new.map_err(|error| failed(into, error))?;
    for draft in drafts {
        for (name, content) in &draft.files {
            let path = new.path().join(packer::folder(draft)).join(name);
            put(&path, content, new.path()).map_err(|(path, error)| {
                Failure::failed(format!("failed to copy {}: {error}", path.display()))
            })?;
        }
    }
    let config = new.path().join(FILE_NAME);
    fs::write(&config, text).map_err(|error| failed(&config, error))?;
    let mistakes = config::check(&config, text);
    if !mistakes.is_empty() {
        let shown = config::render(&target, text, &mistakes, false);
        let failure = Failure::failed("the configuration would not be valid; nothing was written");
        return Err(failure.details(vec![String::new(), shown]));
    }
    for draft in drafts {
        let folder = into.join(packer::folder(draft));
        if folder.exists() {
            return Err(Failure::usage(format!("{} exists already", folder.display())));
        }
        fs::create_dir_all(into.join("packer")).map_err(|error| failed(&folder, error))?;
        fs::rename(new.path().join(packer::folder(draft)), &folder)
            .map_err(|error| failed(&folder, error))?;
        console.message(&format!("wrote {}/", folder.display()));
    }
    fs::rename(&config, &target).map_err(|error| failed(&target, error))?;
    console.message(&format!("wrote {}", target.display()));
    let option = match into == Path::new(".") {
        true => String::new(),
        false => format!(" --config {}", target.display()),
    };
    console.message(&format!(
        "next: amiable validate --resolve{option}, then amiable create {}{option}",
        drafts[0].name
    ));
    Ok(())
}

/// An error, and the file that it is of.
type Failed = (PathBuf, std::io::Error);

fn put(path: &Path, content: &Content, new: &Path) -> Result<(), Failed> {
    let of_path = |error| (path.to_owned(), error);
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(of_path)?;
    match content {
        Content::Text(text, _) => {
            fs::write(path, text).map_err(of_path)?;
            let mode = if packer::is_program(content) { 0o755 } else { 0o644 };
            fs::set_permissions(path, Permissions::from_mode(mode)).map_err(of_path)
        }
        Content::Copy(from) => copy(from, path, new),
    }
}

/// A file, or a folder with all that is in it, but for the new folder that it is copied to. A
/// link within a folder stays one, unless it is to a file.
fn copy(from: &Path, to: &Path, new: &Path) -> Result<(), Failed> {
    let of_from = |error| (from.to_owned(), error);
    if from.is_file() {
        return fs::copy(from, to).map(drop).map_err(of_from);
    }
    fs::create_dir_all(to).map_err(of_from)?;
    for entry in fs::read_dir(from).map_err(of_from)? {
        let entry = entry.map_err(of_from)?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_symlink() && !path.is_file() {
            let link = fs::read_link(&path).and_then(|it| std::os::unix::fs::symlink(it, &to));
            link.map_err(|error| (path, error))?;
        } else if entry.file_name() != new.file_name().unwrap_or_default() {
            copy(&path, &to, new)?;
        }
    }
    Ok(())
}
