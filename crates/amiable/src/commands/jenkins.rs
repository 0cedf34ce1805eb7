//! `amiable jenkins`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use ami_lifecycle::jenkins_config::{Document, Region};
use ami_lifecycle::{AmiId, KnownAmi, Namespace};
use clap::{Args, Subcommand};

use crate::args::Global;
use crate::config::settings::{CloudEndpoint, CloudSettings, Config, Need};
use crate::config::{self, FILE_NAME};
use crate::console::Console;
use crate::failure::{Failure, Outcome, chain};
use crate::import::file::ImportFile;
use crate::import::{self, Existing, Plan, Wanted};
use crate::{connect, surroundings};

/// Import what Jenkins has
#[derive(Debug, Subcommand)]
pub(crate) enum JenkinsCommand {
    Import(ImportArgs),
}

/// Create templates from the agent templates of Jenkins' EC2 plugin
///
/// Reads config.xml and configuration as code, and does not change them. Inline init scripts
/// become files below init/, agents with the same AMI and script share a template, and the
/// files become its consumers. Anything that is not imported is reported. No credentials are
/// copied.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Jenkins' files: config.xml, or configuration as code
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of the configuration to write or extend
    #[arg(long, default_value = ".", value_name = "DIR")]
    into: PathBuf,
    /// Region whose clouds are imported [default: the configuration's, else the first cloud's]
    #[arg(long)]
    region: Option<String>,
    /// Endpoint of a new configuration: "local" or a URL [default: AWS]
    #[arg(long)]
    endpoint: Option<String>,
    /// Namespace of a new configuration [default: derived from Jenkins' root URL, else from the
    /// files' folder]
    #[arg(long)]
    namespace: Option<String>,
    /// Do not look up the AMIs
    #[arg(long)]
    offline: bool,
    /// Also import scripts that seem to contain a secret
    #[arg(long)]
    with_secrets: bool,
    /// Show what would be written; write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(command: JenkinsCommand, _global: &Global, console: &Console) -> Outcome {
    match command {
        JenkinsCommand::Import(args) => import(args, console).await,
    }
}

async fn import(args: ImportArgs, console: &Console) -> Outcome {
    let files: Vec<ImportFile> =
        args.files.iter().map(|path| read(path, &args.into)).collect::<Result<_, Failure>>()?;
    let path = args.into.join(FILE_NAME);
    let config =
        if path.exists() { Some(Config::load(Some(&path), &args.into, Need::Bake)?) } else { None };
    let cloud = settings(&args, config.as_ref(), &files)?;
    let region = cloud.region.clone().unwrap_or_default();
    let region_is_given = args.region.is_some() || config.is_some();
    let wanted = Wanted { region: &region, region_is_given, with_secrets: args.with_secrets };
    let namespace = match &config {
        Some(config) if args.namespace.as_ref().is_some_and(|it| *it != config.namespace.0) => {
            let text = format!("{} has the namespace {}", path.display(), config.namespace);
            return Err(Failure::usage(text).hint("remove --namespace"));
        }
        Some(config) => config.namespace.clone(),
        None => Namespace(namespace(&args, &files)?),
    };
    let ids = import::amis(&files, &wanted);
    let known = look_up(&args, &cloud, (&ids, &namespace), console).await;
    let (known, templates) = match known {
        Ok((known, templates)) => (Ok(known), templates),
        Err(why) => (Err(why), BTreeSet::new()),
    };
    let none = BTreeMap::new();
    let amis = known.as_ref().unwrap_or(&none);
    let init = args.into.join("init");
    let existing = Existing { config: config.as_ref(), scripts: scripts(&init), init };
    let plan = import::plan(&files, &existing, &wanted, amis);
    console.result(&import::report(&plan, known.as_ref().map_err(String::as_str)));
    if plan.groups.is_empty() {
        console.message("there is nothing new to write");
        return Ok(());
    }
    if config.is_none() && args.namespace.is_none() {
        refuse_anothers(&plan, &namespace, &templates)?;
    }
    let text = new_text(&path, config.as_ref(), (&cloud, &namespace), &plan, amis)?;
    if args.dry_run {
        console.result(&format!("\n{text}"));
        return Ok(());
    }
    let waiting = import::without_base(&plan, amis);
    write_all(&args.into, &path, &text, &plan, (config.is_some(), waiting), console)
}

fn read(path: &Path, into: &Path) -> Result<ImportFile, Failure> {
    let bytes = fs::read(path)
        .map_err(|error| Failure::usage(format!("failed to read {}: {error}", path.display())))?;
    let document = Document::parse(&bytes).map_err(|error| {
        let failure = Failure::usage(format!("{}: {}", path.display(), chain(&error)));
        Failure { hint: error.hint().map(String::from), ..failure }
    })?;
    if document.clouds().is_empty() {
        let text = format!("{} has no cloud of the EC2 plugin", path.display());
        let remarks: Vec<String> = document.remarks().iter().map(ToString::to_string).collect();
        let hint = if remarks.is_empty() {
            "give Jenkins' config.xml, or configuration as code: whole, as exported, or in another \
                 program's file"
                .into()
        } else {
            remarks.join("; ")
        };
        return Err(Failure::usage(text).hint(hint));
    }
    let root_url = document.root_url().or_else(|| root_url_beside(path));
    Ok(ImportFile { shown: named_from(path, into), document, root_url })
}

/// Jenkins' root URL as its home folder has it, beside `config.xml`.
fn root_url_beside(path: &Path) -> Option<String> {
    let file = path.with_file_name("jenkins.model.JenkinsLocationConfiguration.xml");
    Document::parse(&fs::read(file).ok()?).ok()?.root_url()
}

/// The namespace of a new configuration.
fn namespace(args: &ImportArgs, files: &[ImportFile]) -> Result<String, Failure> {
    if let Some(namespace) = &args.namespace {
        return Ok(namespace.clone());
    }
    let url = surroundings::variable("JENKINS_URL");
    let file = args.files.first().and_then(|path| path.canonicalize().ok());
    let folder = file.as_deref().and_then(Path::parent);
    import::namespace(files, url.as_deref(), folder).ok_or_else(|| {
        Failure::usage("which controller these files belong to could not be determined")
            .hint("choose a namespace for its AMIs that no other controller has: --namespace NAME")
    })
}

/// A namespace that has AMIs of these templates already may be another controller's, whose agents would be
/// given these AMIs.
fn refuse_anothers(plan: &Plan, namespace: &Namespace, there: &BTreeSet<String>) -> Outcome {
    let both = plan.groups.iter().map(|group| group.name.as_str());
    let both: Vec<&str> = both.filter(|name| there.contains(*name)).collect();
    if both.is_empty() {
        return Ok(());
    }
    let text = format!("namespace {namespace} already has AMIs of {}", both.join(", "));
    Err(Failure::failed(text).hint(format!(
        "if they belong to this controller, confirm with --namespace {namespace}; if not, choose \
         another namespace"
    )))
}

/// A file as a configuration in a folder names it: relative, unless they have nothing in
/// common.
fn named_from(path: &Path, folder: &Path) -> String {
    let full = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        absolute.canonicalize().unwrap_or(absolute)
    };
    let (path, folder) = (full(path), full_of_new(folder));
    let ancestors = folder.ancestors().enumerate();
    let mut shared =
        ancestors.filter(|(_, above)| path.starts_with(above) && above.parent().is_some());
    match shared.next() {
        None => path.display().to_string(),
        Some((ups, above)) => {
            let below = path.strip_prefix(above).unwrap_or(&path);
            format!("{}{}", "../".repeat(ups), below.display())
        }
    }
}

/// The full path of a folder that may not be there yet.
fn full_of_new(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut above = absolute.as_path();
    while !above.exists() {
        let Some(parent) = above.parent() else { return absolute };
        above = parent;
    }
    let mut full = above.canonicalize().unwrap_or_else(|_| above.to_owned());
    for part in absolute.strip_prefix(above).unwrap_or(Path::new("")).components() {
        match part {
            Component::ParentDir => drop(full.pop()),
            other => full.push(other),
        }
    }
    full
}

/// Where the AMIs are: as the configuration that is there says, else as requested, else as
/// the first cloud that tells its region.
fn settings(
    args: &ImportArgs,
    config: Option<&Config>,
    files: &[ImportFile],
) -> Result<CloudSettings, Failure> {
    if let Some(config) = config {
        if args.endpoint.is_some() {
            let text = format!("{} already says where the cloud is", config.path.display());
            return Err(Failure::usage(text).hint("remove --endpoint"));
        }
        let own = config.cloud.region.clone();
        if let (Some(wanted), Some(own)) = (&args.region, &own)
            && wanted != own
        {
            let text = format!("{} is for {own}", config.path.display());
            return Err(Failure::usage(text).hint(
                "choose another folder with --into for another \
                                        region",
            ));
        }
        let region = own.or_else(|| args.region.clone()).or_else(|| first_region(files));
        return Ok(CloudSettings { region, ..config.cloud.clone() });
    }
    let endpoint = match args.endpoint.as_deref() {
        None => CloudEndpoint::Aws,
        Some("local") => CloudEndpoint::Local,
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            CloudEndpoint::Url(url.to_owned())
        }
        Some(other) => {
            let failure = Failure::usage(format!("`{other}` is not an endpoint"));
            return Err(failure.hint("write \"local\" or a URL, or remove it for AWS"));
        }
    };
    let region = args.region.clone().or_else(|| first_region(files));
    // The EC2 plugin takes this one where none is given.
    let region = region.or_else(|| Some("us-east-1".into()));
    let limits = endpoint.limits();
    Ok(CloudSettings { endpoint, region, profile: None, accounts: Vec::new(), limits })
}

fn first_region(files: &[ImportFile]) -> Option<String> {
    let mut clouds = files.iter().flat_map(|file| file.document.clouds());
    clouds.find_map(|cloud| match &cloud.region {
        Region::Named(region) => Some(region.clone()),
        Region::Variable(_) | Region::None => None,
    })
}

/// What is known of the AMIs, and the templates that a namespace has AMIs of; else why nothing is.
async fn look_up(
    args: &ImportArgs,
    cloud: &CloudSettings,
    (ids, namespace): (&[AmiId], &Namespace),
    console: &Console,
) -> Result<(BTreeMap<AmiId, KnownAmi>, BTreeSet<String>), String> {
    if args.offline {
        return Err("--offline".into());
    }
    // The hint tells what to do, and a repeat looks them up.
    let text = |failure: Failure| match failure.hint {
        Some(hint) => format!("{}\n  hint: {hint}", failure.message),
        None => failure.message,
    };
    let cloud = connect::cloud_of(cloud, console).await.map_err(text)?;
    let known = ami_lifecycle::look_up(&cloud, ids).await.map_err(|error| text(error.into()))?;
    let fleet = cloud.fleet(namespace).await.map_err(|error| text(error.into()))?;
    Ok((known, fleet.amis().iter().map(|ami| ami.template.clone()).collect()))
}

/// The scripts that are there already. What cannot be read is no script.
fn scripts(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let script = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        // One that is not text is in the way all the same.
        Some((name, fs::read_to_string(entry.path()).unwrap_or_default()))
    };
    entries.filter_map(script).collect()
}

fn new_text(
    path: &Path,
    config: Option<&Config>,
    (cloud, namespace): (&CloudSettings, &Namespace),
    plan: &Plan,
    amis: &BTreeMap<AmiId, KnownAmi>,
) -> Result<String, Failure> {
    if config.is_none() {
        return Ok(import::configuration(plan, (cloud, &namespace.0), amis));
    }
    let old = fs::read_to_string(path)
        .map_err(|error| Failure::failed(format!("failed to read {}: {error}", path.display())))?;
    let end = if old.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{old}{end}{}", import::tables(plan, amis, false)))
}

/// Writes the scripts, and the configuration once it is valid with them; else nothing.
fn write_all(
    into: &Path,
    path: &Path,
    text: &str,
    plan: &Plan,
    (is_there, waiting): (bool, usize),
    console: &Console,
) -> Outcome {
    let mut scripts = NewFiles::default();
    for (name, script) in &plan.scripts {
        scripts.write(into.join("init").join(name), script)?;
    }
    let mistakes = config::check(path, text);
    if !mistakes.is_empty() {
        let shown = config::render(path, text, &mistakes, false);
        return Err(Failure::failed("the configuration would not be valid; nothing was written")
            .details(vec![String::new(), shown]));
    }
    replace(into, path, text).map_err(|error| failed_to_write(path, &error))?;
    for file in scripts.keep() {
        console.message(&format!("wrote {}", file.display()));
    }
    let what = if is_there { "added to" } else { "wrote" };
    console.message(&format!("{what} {}", path.display()));
    let config = if into == Path::new(".") {
        String::new()
    } else {
        format!(" --config {}", path.display())
    };
    console.message(&match waiting {
        0 => format!("next: amiable update TEMPLATE{config}, which rolls its agents"),
        _ => format!(
            "next: set `base` of {waiting} of {} templates, which cannot be baked as they are; then \
             amiable update TEMPLATE{config}, which rolls its agents",
            plan.groups.len()
        ),
    });
    Ok(())
}

fn failed_to_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("failed to write {}: {error}", path.display()))
}

/// Puts the configuration in its place as a whole, with the mode that it had.
fn replace(into: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    let folder = if into.as_os_str().is_empty() { Path::new(".") } else { into };
    fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    let old = fs::metadata(path).map(|old| old.permissions());
    new.as_file().set_permissions(old.unwrap_or_else(|_| Permissions::from_mode(0o644)))?;
    new.persist(path)?;
    Ok(())
}

/// Files that go again unless they are kept.
#[derive(Default)]
struct NewFiles(Vec<PathBuf>);

impl NewFiles {
    fn write(&mut self, path: PathBuf, text: &str) -> Outcome {
        let mode = if import::seems_secret(text) { 0o700 } else { 0o755 };
        let open = || File::options().write(true).create_new(true).mode(mode).open(&path);
        let folder = path.parent().unwrap_or(Path::new("."));
        let file = fs::create_dir_all(folder).and_then(|()| open());
        let mut file = file.map_err(|error| failed_to_write(&path, &error))?;
        self.0.push(path.clone());
        file.write_all(text.as_bytes()).map_err(|error| failed_to_write(&path, &error))
    }

    fn keep(mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}
