//! One agent template: what of it becomes a template of amiable's, and why it does not.

use std::collections::BTreeSet;

use ami_lifecycle::AmiId;
use ami_lifecycle::jenkins_config::{
    Agent, AgentName, Cloud, Document, Field, Format, Region, Selector, resolved,
};

use super::fields::Fields;
use super::secrets::line_with_secret;
use crate::import::file::ImportFile;

/// An agent template that a template can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The file that it is in, as the configuration names it.
    pub(super) file: String,
    pub(super) title: String,
    pub(super) name: AgentName,
    /// It has a description, whether it is named by that or not.
    pub(super) is_described: bool,
    /// The cloud that must be named with it, as another one has an agent of that name.
    pub(super) cloud: Option<String>,
    pub(super) labels: String,
    pub(super) ami: AmiId,
    pub(super) script: String,
    /// `None` where only Jenkins knows it.
    pub(super) ssh_user: Option<String>,
    pub(super) ssh_port: Option<u16>,
    pub(super) run_as: Option<String>,
    pub(super) instance_type: Option<String>,
    pub(super) security_groups: Vec<String>,
    pub(super) subnet: Option<String>,
    pub(super) instance_profile: Option<String>,
    pub(super) remote_root: Option<String>,
    /// What has to be looked at: the field and what is to be known of it.
    pub(super) notable: Vec<(String, String)>,
    /// The fields that concern the agent and not its AMI.
    pub(super) stays: BTreeSet<String>,
}

/// An agent template that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(super) file: String,
    pub(super) title: String,
    pub(super) line: usize,
    pub(super) why: String,
}

/// What decides which agents are taken over.
pub(crate) struct Wanted<'a> {
    /// The region of the configuration.
    pub(crate) region: &'a str,
    /// Somebody has said so: it is meant where a file has a variable for it.
    pub(crate) region_is_given: bool,
    /// Scripts that seem to hold a secret are taken over, too.
    pub(crate) with_secrets: bool,
}

/// Looks at each agent template of a file.
pub(super) fn read(file: &ImportFile, wanted: &Wanted<'_>) -> (Vec<Candidate>, Vec<Left>) {
    let document = &file.document;
    let (mut candidates, mut left) = (Vec::new(), Vec::new());
    for (number, agent) in document.agents().iter().enumerate() {
        match candidate(file, number, wanted) {
            Ok(candidate) => candidates.push(candidate),
            Err(why) => left.push(Left {
                file: file.shown.clone(),
                title: agent.title(),
                line: agent.line,
                why,
            }),
        }
    }
    (candidates, left)
}

fn candidate(file: &ImportFile, number: usize, wanted: &Wanted<'_>) -> Result<Candidate, String> {
    let document = &file.document;
    let agent = &document.agents()[number];
    let its_cloud = &document.clouds()[agent.cloud];
    let mut fields = Fields::of(agent);
    if let Some(why) = elsewhere(&its_cloud.region, wanted) {
        return Err(why);
    }
    if let Some(system) = fields.foreign_system() {
        return Err(system);
    }
    let ami = ami(agent)?;
    let (name, cloud) = named(document, number)?;
    let script = script(agent, &ami, wanted)?;
    let mut fields = Fields::of(agent);
    let ssh_user = fields.ssh_user();
    let run_as = fields.run_as(ssh_user.as_deref());
    let (ssh_port, instance_type) = (fields.ssh_port(), fields.instance_type());
    let (subnet, security_groups) = fields.network();
    let instance_profile = fields.instance_profile();
    let remote_root = fields.remote_root();
    fields.note_others();
    let stays = fields.others().collect();
    let mut notable = fields.notes.0;
    notable.extend(of_cloud(its_cloud, wanted));
    Ok(Candidate {
        file: file.shown.clone(),
        title: agent.title(),
        name,
        is_described: agent.description.is_some(),
        cloud,
        labels: agent.labels.clone(),
        ami,
        script,
        ssh_user,
        ssh_port,
        run_as,
        instance_type,
        security_groups,
        subnet,
        instance_profile,
        remote_root,
        notable,
        stays,
    })
}

/// Why an agent of a region is not of this configuration, if so.
fn elsewhere(region: &Region, wanted: &Wanted<'_>) -> Option<String> {
    match region {
        Region::Named(region) if region != wanted.region => Some(format!(
            "its cloud is in {region}: import it into a configuration of its own, with --region \
             {region}"
        )),
        Region::Variable(unknown) if !wanted.region_is_given => Some(format!(
            "the region of its cloud is {unknown}, whose value only Jenkins knows: give it with \
             --region"
        )),
        Region::Named(_) | Region::Variable(_) | Region::None => None,
    }
}

/// What of a cloud concerns a bake and is not taken over.
fn of_cloud(cloud: &Cloud, wanted: &Wanted<'_>) -> Vec<(String, String)> {
    let mut notable = Vec::new();
    if let Region::Variable(unknown) = &cloud.region {
        let text = format!("{unknown} is taken to be {}, as you specified", wanted.region);
        notable.push(("region".to_owned(), text));
    }
    let filled = |field: &&Field| field.path == "altEC2Endpoint" && !field.value.trim().is_empty();
    if let Some(field) = cloud.fields.iter().find(filled)
        && !field.value.contains(&format!("//ec2.{}.amazonaws.com", wanted.region))
    {
        let text =
            "its cloud has its own endpoint: set `endpoint` under [cloud] if bakes should use it";
        notable.push((field.path.clone(), text.to_owned()));
    }
    notable
}

/// How a consumer can name it: by its description, else by its labels, with its cloud where
/// it must be.
fn named(document: &Document, number: usize) -> Result<(AgentName, Option<String>), String> {
    let agent = &document.agents()[number];
    let labels = Some(&agent.labels).filter(|labels| !labels.trim().is_empty());
    let description = agent.description.clone().map(AgentName::Description);
    let labels = labels.cloned().map(AgentName::Labels);
    let names: Vec<AgentName> = description.into_iter().chain(labels).collect();
    let cloud = document.clouds()[agent.cloud].name.clone();
    let clouds = [None, Some(cloud).filter(|name| !name.is_empty())];
    for name in &names {
        for cloud in [&clouds[0], &clouds[1]] {
            if document.find(&Selector { cloud: cloud.as_deref(), agent: name }) == Ok(number) {
                return Ok((name.clone(), cloud.clone()));
            }
        }
    }
    match names.first() {
        None => Err("it has neither a description nor labels to identify it: give it one".into()),
        Some(name) => Err(format!(
            "several agent templates are called {name}: give each its own description or labels"
        )),
    }
}

fn ami(agent: &Agent) -> Result<AmiId, String> {
    match &agent.ami {
        Some(ami) => {
            let unknown = |it| format!("its AMI is {it}, which is set elsewhere");
            let ami = agent.format.known(ami).map_err(unknown)?;
            let odd = || format!("its AMI is {ami}, which is not an AMI id");
            AmiId::parse(&ami).ok_or_else(odd)
        }
        None if agent.search.is_empty() => Err("it names no AMI".into()),
        None => Err(by_filters(agent)),
    }
}

/// A tag that the plugin looks for can follow the current AMI.
fn by_filters(agent: &Agent) -> String {
    let tag = agent.search.filters.iter().find_map(|(name, values)| {
        let key = name.strip_prefix("tag:")?;
        let value = values.first().filter(|value| !value.contains(['*', '?']))?;
        Some(format!("`tag = {{ {key:?} = {value:?} }}`"))
    });
    match tag {
        Some(tag) => format!(
            "it finds its AMI by filters: a consumer {tag} sets that tag on the current AMI, and \
             only there"
        ),
        None => "it finds its AMI by filters: let it filter by a tag, which a consumer `tag = { … \
                 }` sets on the current AMI"
            .into(),
    }
}

/// The script as Jenkins runs it.
fn script(agent: &Agent, ami: &str, wanted: &Wanted<'_>) -> Result<String, String> {
    let Some(written) = &agent.init_script else {
        return Err(format!(
            "it has no init script: it boots {ami} as it is, so there is nothing to bake. To roll \
             it too, write a template with a script for it"
        ));
    };
    let script = match agent.format {
        Format::Xml => written.clone(),
        Format::Casc => resolved(written).map_err(|variable| match variable.split_once(':') {
            Some(("readFile" | "readFileBase64", file)) => {
                format!(
                    "its init script is already a file, {file}: use that as a template's script"
                )
            }
            _ => format!(
                "its init script has the variable ${{{variable}}}, whose value only Jenkins knows: \
                 let the script read it at boot"
            ),
        })?,
    };
    match line_with_secret(&script) {
        Some(line) if !wanted.with_secrets => Err(format!(
            "line {line} of its init script seems to contain a secret, which no AMI should have: \
             remove it, or copy it anyway with --with-secrets"
        )),
        _ => Ok(script),
    }
}
