//! The configuration that an import writes.

use std::collections::BTreeMap;

use ami_lifecycle::jenkins_config::AgentName;
use ami_lifecycle::{AmiId, KnownAmi};

use super::release::{UNKNOWN, published_base};
use super::{Candidate, Group, Plan};
use crate::config::settings::{CloudEndpoint, CloudSettings};
use crate::toml_text::{key, quoted};

/// The head of a new configuration.
fn head(cloud: &CloudSettings, namespace: &str) -> String {
    let mut text = String::from(
        "# Written by `amiable jenkins import`. Check it with `amiable validate`.\n\n[cloud]\n",
    );
    match &cloud.endpoint {
        CloudEndpoint::Aws => {}
        CloudEndpoint::Local => text += "endpoint = \"local\"\n",
        CloudEndpoint::Url(url) => text += &format!("endpoint = {}\n", quoted(url)),
    }
    if let Some(region) = &cloud.region {
        text += &format!("region = {}\n", quoted(region));
    }
    text += "\n[naming]\n\
             # The tag that tells these AMIs apart from all others in the account.\n";
    text += &format!("namespace = {}\n", quoted(namespace));
    text + "pattern = \"{namespace}-{template}-{arch}-{date}-{generation}\"\n\n\
            [defaults]\nsystem = \"jenkins\"\nsource = { path = \"init\" }\n"
}

/// A whole new configuration.
pub(crate) fn configuration(
    plan: &Plan,
    (cloud, namespace): (&CloudSettings, &str),
    amis: &BTreeMap<AmiId, KnownAmi>,
) -> String {
    format!("{}{}", head(cloud, namespace), tables(plan, amis, true))
}

/// The tables of the templates. `has_defaults` when the file has what [`head`] writes.
pub(crate) fn tables(plan: &Plan, amis: &BTreeMap<AmiId, KnownAmi>, has_defaults: bool) -> String {
    plan.groups.iter().map(|group| table(group, amis, has_defaults)).collect()
}

fn table(group: &Group, amis: &BTreeMap<AmiId, KnownAmi>, has_defaults: bool) -> String {
    let agent = group.first();
    let name = key(&group.name);
    if group.is_there {
        return format!("\n{}", consumers(group, &name));
    }
    let mut text = format!("\n[template.{name}]\n");
    let mut add = |key: &str, value: String| text += &format!("{key} = {value}\n");
    if !has_defaults {
        add("system", quoted("jenkins"));
        add("source", "{ path = \"init\" }".into());
    }
    add("os", quoted(group.release.as_deref().unwrap_or(UNKNOWN)));
    if let Some(arch) = amis.get(group.ami()).and_then(|ami| ami.architecture.as_deref()) {
        add("arch", quoted(arch));
    }
    add("base", quoted(group.ami()));
    add("script", quoted(&group.script));
    add("ssh_user", quoted(agent.ssh_user.as_deref().unwrap_or(UNKNOWN)));
    if let Some(user) = &agent.run_as {
        add("run_as", quoted(user));
    }
    if let Some(port) = agent.ssh_port {
        add("ssh_port", port.to_string());
    }
    if let Some(kind) = group.agents.iter().find_map(|agent| agent.instance_type.as_deref()) {
        add("instance_type", quoted(kind));
    }
    if !agent.security_groups.is_empty() {
        let groups: Vec<String> = agent.security_groups.iter().map(|it| quoted(it)).collect();
        add("security_groups", format!("[{}]", groups.join(", ")));
    }
    if let Some(subnet) = &agent.subnet {
        add("subnet", quoted(subnet));
    }
    if let Some(profile) = &agent.instance_profile {
        add("instance_profile", quoted(profile));
    }
    if let Some(base) = group.release.as_deref().and_then(published_base) {
        text += &format!("# base = {base}   # how its publisher names its AMIs\n");
    }
    let root = agent.remote_root.as_deref().unwrap_or_default();
    let root =
        if root.is_empty() { String::new() } else { format!(", remote_root = {}", quoted(root)) };
    text += &format!("# agent = {{ kind = \"jenkins\"{root} }}   # verify what Jenkins needs\n");
    text += "# boot_script = \"init/boot\"   # what agents still run at boot, once the rest is in \
             the AMI\n";
    text + &consumers(group, &name)
}

/// A file, and a cloud in it.
type Place<'a> = (&'a str, Option<&'a str>);

/// A consumer for each file and cloud.
fn consumers(group: &Group, name: &str) -> String {
    let mut places: Vec<(Place<'_>, Vec<&Candidate>)> = Vec::new();
    for agent in &group.agents {
        let place = (agent.file.as_str(), agent.cloud.as_deref());
        match places.iter_mut().find(|(other, _)| *other == place) {
            Some((_, agents)) => agents.push(agent),
            None => places.push((place, vec![agent])),
        }
    }
    let consumer = |((file, cloud), agents): &(Place<'_>, Vec<&Candidate>)| {
        let agents: Vec<String> = agents.iter().map(|agent| agent_name(&agent.name)).collect();
        let cloud = cloud.map(|it| format!(", cloud = {}", quoted(it))).unwrap_or_default();
        format!(
            "[[template.{name}.consumer]]\njenkins = {{ file = {}{cloud}, agents = [{}] }}\n",
            quoted(file),
            agents.join(", ")
        )
    };
    places.iter().map(consumer).collect()
}

fn agent_name(name: &AgentName) -> String {
    match name {
        AgentName::Description(text) => quoted(text),
        AgentName::Labels(text) => format!("{{ labels = {} }}", quoted(text)),
    }
}
