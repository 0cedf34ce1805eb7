//! What becomes of Jenkins' agent templates: AMI templates, scripts in files, consumers, and
//! a report. Pure: files were read before, and are written afterwards.

mod agent;
mod fields;
pub(crate) mod file;
mod namespace;
mod release;
mod report;
mod secrets;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ami_lifecycle::jenkins_config::{Agent, Region};
use ami_lifecycle::{AmiId, Base, Consumer, KnownAmi, Repository, Script, Template};

pub(crate) use agent::{Candidate, Left, Wanted};
pub(crate) use namespace::namespace;
pub(crate) use release::release;
pub(crate) use report::{report, without_base};
pub(crate) use write::{configuration, tables};

use crate::config::settings::Config;
use crate::import::file::ImportFile;

/// What there is already where it is imported to.
#[derive(Default)]
pub(crate) struct Existing<'a> {
    pub(crate) config: Option<&'a Config>,
    /// The init scripts, by their names below `init/`.
    pub(crate) scripts: BTreeMap<String, String>,
    /// The folder that they are in.
    pub(crate) init: PathBuf,
}

/// An AMI template, and the agents that share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The release, where a word told it.
    pub(crate) release: Option<String>,
    /// The script's name below `init/`.
    pub(crate) script: String,
    /// The template is there already, and gets consumers only.
    pub(crate) is_there: bool,
    /// At least one.
    pub(crate) agents: Vec<Candidate>,
}

impl Group {
    fn first(&self) -> &Candidate {
        &self.agents[0]
    }

    fn ami(&self) -> &str {
        &self.first().ami
    }
}

/// All that becomes of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) groups: Vec<Group>,
    /// The scripts to be written, by their names below `init/`.
    pub(crate) scripts: BTreeMap<String, String>,
    /// Agent templates that are consumers already: what they are called, and of which template.
    pub(crate) known: Vec<(String, String)>,
    pub(crate) left: Vec<Left>,
    /// What else files have that is left alone, with the file.
    pub(crate) remarks: Vec<(String, String)>,
}

/// Whether a script seems to hold a secret.
pub(crate) fn seems_secret(script: &str) -> bool {
    secrets::line_with_secret(script).is_some()
}

/// Decides.
pub(crate) fn plan(
    files: &[ImportFile],
    existing: &Existing<'_>,
    wanted: &Wanted<'_>,
    amis: &BTreeMap<AmiId, KnownAmi>,
) -> Plan {
    let mut plan = Plan::default();
    let mut names = Names::new(existing);
    for file in files {
        let (candidates, left) = agent::read(file, wanted);
        plan.left.extend(left);
        let remarks = file.document.remarks().iter();
        plan.remarks.extend(remarks.map(|remark| (file.shown.clone(), remark.to_string())));
        for candidate in candidates {
            match existing.template_of(&candidate) {
                Some(template) => plan.known.push((candidate.title.clone(), template)),
                None => add(&mut plan.groups, candidate),
            }
        }
    }
    for group in &mut plan.groups {
        if let Some(template) = existing.template_for(group.first()) {
            group.name = template.name.clone();
            group.script = template.scripts[0].path.clone();
            group.release = Some(template.os.clone());
            group.is_there = true;
            continue;
        }
        group.name = names.template(&common_name(&group.agents));
        let script = group.first().script.clone();
        group.script = names.script(&group.name, &script, &mut plan.scripts);
        let ami_name = amis.get(group.ami()).and_then(|ami| ami.name.as_deref());
        let texts = group.agents.iter().flat_map(|it| [it.labels.as_str(), it.title.as_str()]);
        let texts: Vec<&str> = texts.chain(ami_name).collect();
        group.release = release::release(&texts);
    }
    plan
}

/// The AMIs of a region that agent templates boot from, taken over or not, each once.
pub(crate) fn amis(files: &[ImportFile], wanted: &Wanted<'_>) -> Vec<AmiId> {
    let agents = files.iter().flat_map(|file| {
        let here = |agent: &&Agent| match &file.document.clouds()[agent.cloud].region {
            Region::Named(region) => region == wanted.region,
            Region::Variable(_) => wanted.region_is_given,
            Region::None => true,
        };
        file.document.agents().iter().filter(here)
    });
    let ids = agents.filter_map(|agent| AmiId::parse(agent.ami.as_ref()?));
    let mut amis: Vec<AmiId> = ids.collect();
    amis.sort();
    amis.dedup();
    amis
}

/// Agents that start from one AMI, by one script and as one user, share what comes of it.
fn add(groups: &mut Vec<Group>, candidate: Candidate) {
    let key = |it: &Candidate| {
        (it.ami.clone(), it.script.clone(), it.ssh_user.clone(), it.run_as.clone(), it.ssh_port)
    };
    match groups.iter_mut().find(|group| key(group.first()) == key(&candidate)) {
        Some(group) => group.agents.push(candidate),
        None => groups.push(Group {
            name: String::new(),
            release: None,
            script: String::new(),
            is_there: false,
            agents: vec![candidate],
        }),
    }
}

impl Existing<'_> {
    fn templates(&self) -> &[Template] {
        self.config.map(|config| config.templates.as_slice()).unwrap_or_default()
    }

    /// The template that makes what an agent needs already.
    fn template_for(&self, candidate: &Candidate) -> Option<&Template> {
        let script = |template: &Template| match &template.source.repository {
            Repository::Path(folder) => {
                let [Script { path, args }] = template.scripts.as_slice() else { return None };
                let name = folder.join(Some(path).filter(|_| args.is_empty())?);
                let name = name.strip_prefix(&self.init).ok()?.to_str()?.to_owned();
                self.scripts.get(&name).cloned()
            }
            Repository::Vcs { .. } => None,
        };
        self.templates().iter().find(|template| {
            template.base == Base::Ami(candidate.ami.clone())
                && Some(&template.ssh_user) == candidate.ssh_user.as_ref()
                && template.run_as == candidate.run_as
                && script(template).as_ref() == Some(&candidate.script)
        })
    }

    /// The template that an agent is a consumer of already.
    fn template_of(&self, candidate: &Candidate) -> Option<String> {
        let found = self.templates().iter().find(|template| {
            template.consumers.iter().any(|consumer| match consumer.bare() {
                Consumer::Jenkins(jenkins) => {
                    jenkins.shown == candidate.file
                        && jenkins.agents.contains(&candidate.name)
                        && (jenkins.cloud.is_none() || jenkins.cloud == candidate.cloud)
                }
                _ => false,
            })
        });
        found.map(|template| template.name.clone())
    }
}

/// What several agents' names have in common, else the first one's.
fn common_name(agents: &[Candidate]) -> String {
    let names: Vec<String> = agents.iter().map(|agent| file_name(&agent.title)).collect();
    let first = &names[0];
    let common = names.iter().fold(first.len(), |length, name| {
        let same = first.bytes().zip(name.bytes()).take_while(|(left, right)| left == right);
        length.min(same.count())
    });
    let is_whole = names.iter().all(|name| name.len() == common);
    let prefix = match is_whole {
        true => first.as_str(),
        // Only whole words count.
        false => first[..common].rfind(['_', '-', '.']).map_or("", |at| &first[..at]),
    };
    let prefix = prefix.trim_end_matches(['_', '-', '.']);
    if prefix.is_empty() { first.clone() } else { prefix.to_owned() }
}

/// A name for a template and a file: letters, digits, `-`, `_` and `.`.
fn file_name(title: &str) -> String {
    let title = title.strip_prefix("labels ").unwrap_or(title);
    let allowed = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
    let name: String = title.chars().map(|it| if allowed(it) { it } else { '-' }).collect();
    let name: String = name.trim_matches(['-', '.']).chars().take(60).collect();
    if name.is_empty() { "agent".into() } else { name }
}

/// The names that are taken.
struct Names<'a> {
    templates: Vec<String>,
    existing: &'a BTreeMap<String, String>,
}

impl<'a> Names<'a> {
    fn new(existing: &'a Existing<'_>) -> Names<'a> {
        let names = existing.templates().iter().map(|template| template.name.clone());
        Names { templates: names.collect(), existing: &existing.scripts }
    }

    fn template(&mut self, wanted: &str) -> String {
        let name = first_free(wanted, |name| self.templates.iter().any(|it| it == name));
        self.templates.push(name.clone());
        name
    }

    /// The file that has the script already, else a new one.
    fn script(&self, wanted: &str, text: &str, new: &mut BTreeMap<String, String>) -> String {
        let mut all = self.existing.iter().chain(new.iter());
        if let Some((name, _)) = all.find(|(_, script)| *script == text) {
            return name.clone();
        }
        let taken = |name: &str| self.existing.contains_key(name) || new.contains_key(name);
        let name = first_free(wanted, taken);
        new.insert(name.clone(), text.to_owned());
        name
    }
}

fn first_free(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{wanted}-{number}"));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    names.find(|name| !is_taken(name)).expect("there are more numbers than names")
}
