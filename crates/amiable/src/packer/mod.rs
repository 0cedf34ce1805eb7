//! What becomes of Packer's templates: AMI templates, the files that their scripts need, and a report.
//! Pure, but for the files that a template names ([`Files`] reads them).
//!
//! ```text
//!   HCL2 --hcl.rs---.
//!                   +--> Build (a source, its provisioners) --source.rs, provision.rs--> Draft
//!   JSON --json.rs--'                                                                      |
//!                                          amiable.toml, files, report <------write.rs-----'
//! ```

mod command;
mod decided;
mod environment;
mod files;
mod functions;
mod go;
mod hcl;
mod json;
pub(crate) mod keys;
mod model;
mod provision;
mod source;
mod value;
mod volumes;
mod write;

use std::path::{Path, PathBuf};

use self::model::Parsed;
pub(crate) use self::model::{Content, Draft, Given};
pub(crate) use self::write::{configuration, folder, is_program, report, settle};

/// Reads files of a template: all of HCL2, which are one template, or one of JSON.
///
/// # Errors
/// A text for people, with the file.
pub(crate) fn read(
    files: &[(PathBuf, String)],
    folder: &Path,
    given: &Given,
) -> Result<Parsed, String> {
    let ends = |path: &Path, end: &str| path.to_string_lossy().ends_with(end);
    if let Some((path, _)) = files.iter().find(|(path, _)| ends(path, ".pkr.json")) {
        return Err(format!(
            "{}: HCL2 in JSON is not read, only HCL2 and the older JSON",
            path.display()
        ));
    }
    let is_json = |path: &Path| ends(path, ".json");
    match files {
        [(path, text)] if is_json(path) => {
            let label = path.file_stem().map(|it| it.to_string_lossy().into_owned());
            json::read(text, &label.unwrap_or_default(), given)
                .map_err(|why| format!("{}: {why}", path.display()))
        }
        files => hcl::read(files, folder, given),
    }
}

/// Decides what becomes of each build; second, of those that become nothing, why.
pub(crate) fn drafts(parsed: &Parsed, folder: &Path) -> (Vec<Draft>, Vec<String>) {
    let (mut drafts, mut remarks): (Vec<Draft>, _) = (Vec::new(), parsed.remarks.clone());
    for build in &parsed.builds {
        if build.kind != "amazon-ebs" {
            remarks.push(format!(
                "{} is for the builder {}: amiable bakes EBS-backed AMIs as amazon-ebs does",
                build.name, build.kind
            ));
            continue;
        }
        let communicator = build.keys.get("communicator").map(value::text).transpose();
        if let Ok(Some(other)) = communicator
            && other != "ssh"
        {
            remarks.push(format!("{} uses the communicator {other}: amiable uses SSH", build.name));
            continue;
        }
        let taken = |name: &String| drafts.iter().any(|it| it.name == *name);
        let name = free_name(&build.label, taken);
        let mut draft = Draft { name, ..Draft::default() };
        source::take(build, &parsed.data, folder, &mut draft);
        provision::take(build, folder, &mut draft);
        drafts.push(draft);
    }
    (drafts, remarks)
}

/// A template's name like this, which no other has.
fn free_name(name: &str, taken: impl Fn(&String) -> bool) -> String {
    let allowed =
        |it: char| if it.is_ascii_alphanumeric() || "-_.".contains(it) { it } else { '-' };
    let name: String = name.chars().map(allowed).take(60).collect();
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut all = std::iter::once(name.clone()).chain(numbered);
    all.find(|it| !taken(it)).unwrap_or(name)
}
