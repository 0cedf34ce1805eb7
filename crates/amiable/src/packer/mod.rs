//! What becomes of Packer's templates: AMI templates, the files that their scripts need, and a report.
//! Pure, but for the files that a template names ([`Files`] reads them).
//!
//! ```text
//!   HCL2 --hcl.rs---.
//!                   +--> Build (a source, its provisioners) --source.rs, provision.rs--> Draft
//!   JSON --json.rs--'                                                                      |
//!                                          amiable.toml, files, report <------write.rs-----'
//! ```

mod functions;
mod go;
mod hcl;
mod json;
pub(crate) mod keys;
mod provision;
mod source;
mod value;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub(crate) use self::write::{configuration, folder, is_program, report};

/// What is said of a source, a block of it or a provisioner.
pub(crate) type Keys = Map<String, Value>;

/// A source, with what is done on it.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    /// Its name.
    name: String,
    /// What its template is called.
    label: String,
    /// Which builder it is for.
    kind: String,
    keys: Keys,
    steps: Vec<Step>,
    /// What follows it: the kinds of its post-processors.
    post_processors: Vec<String>,
}

/// A provisioner.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    kind: String,
    keys: Keys,
}

/// What a template has.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    builds: Vec<Build>,
    /// Bases by the names of their `data` blocks.
    data: BTreeMap<String, Keys>,
    /// What is not understood, and what is said to users.
    remarks: Vec<String>,
}

/// The values that are given for variables.
pub(crate) type Given = BTreeMap<String, String>;

/// Reads files of a template: all of HCL2, which are one template, or one of JSON.
///
/// # Errors
/// A text for people, with the file.
pub(crate) fn read(
    files: &[(PathBuf, String)],
    folder: &Path,
    given: &Given,
) -> Result<Parsed, String> {
    let is_json = |path: &Path| {
        let name = path.to_string_lossy();
        name.ends_with(".json") && !name.ends_with(".pkr.json")
    };
    match files {
        [(path, text)] if is_json(path) => {
            let label = path.file_stem().map(|it| it.to_string_lossy().into_owned());
            json::read(text, &label.unwrap_or_default(), given)
                .map_err(|why| format!("{}: {why}", path.display()))
        }
        files => hcl::read(files, folder, given),
    }
}

/// A file that is written for a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// This text; whether it is a program.
    Text(String, bool),
    /// The bytes of that file or folder.
    Copy(PathBuf),
}

/// An AMI template, and how it came about.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) name: String,
    /// Its table's lines: keys with their values as TOML, in their order.
    lines: Vec<(&'static str, String)>,
    /// What goes into its source, by path.
    pub(crate) files: BTreeMap<String, Content>,
    /// The account's region and profile, and the endpoint.
    cloud: BTreeMap<&'static str, String>,
    /// How its AMIs were named.
    pattern: Option<String>,
    /// Keys of Packer's with what they are here.
    taken: Vec<(String, String)>,
    /// Those that need nothing, as amiable does that by itself.
    own: Vec<(String, String)>,
    /// Those that are not taken over, and why.
    left: Vec<(String, String)>,
}

impl Draft {
    fn line(&mut self, key: &'static str, value: impl Into<String>) {
        self.lines.push((key, value.into()));
    }

    fn has(&self, key: &str) -> bool {
        self.lines.iter().any(|(name, _)| *name == key)
    }

    fn left(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.left.push((what.into(), why.into()));
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
        let communicator = build.keys.get("communicator").and_then(Value::as_str);
        if let Some(other) = communicator.filter(|it| *it != "ssh") {
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
