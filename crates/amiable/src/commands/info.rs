//! `amiable info`.

use ami_lifecycle::{
    AmiId, Ancestor, ConsumerState, Info, InfoRequest, Naming, OlderAgent, Place, RegionalCopy,
    Sight, User,
};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::args::{Global, Output};
use crate::commands::support::load_config_for;
use crate::complete;
use crate::config::settings::Need;
use crate::connect;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::render::json::json;

/// Show everything about an AMI, or about a template's current one
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// An AMI's id, or a template's name
    #[arg(value_name = "AMI|TEMPLATE", add = ArgValueCompleter::new(complete::amis_or_templates))]
    subject: String,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(crate) async fn info(args: InfoArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config_for(global, Need::Look)?;
    let cloud = connect::cloud(&config, console).await?;
    let fleet = cloud.fleet(&config.namespace).await?;
    let jenkins = connect::jenkins(&config);
    let consumers = connect::consumers(&config, jenkins.as_ref());
    let (first, subject) = ((&cloud, &*fleet), args.subject.as_str());
    let request = InfoRequest { first, at: first, consumers, subject };
    let mut found = ami_lifecycle::info(&request).await?;
    let elsewhere = if found.is_none() && subject.starts_with(AmiId::PREFIX) {
        ami_lifecycle::elsewhere(&config.templates, &cloud)
    } else {
        Vec::new()
    };
    for Place { cloud: there, .. } in &elsewhere {
        if found.is_none() {
            let fleet = there.fleet(&config.namespace).await?;
            let request = InfoRequest { first, at: (there, &fleet), consumers, subject };
            found = ami_lifecycle::info(&request).await?;
        }
    }
    let found = found.ok_or_else(|| match fleet.in_doubt(subject) {
        Some(doubt) => doubt.into(),
        None => not_found(subject, &config, cloud.region()),
    })?;
    for text in &found.dangling {
        console.complain(&format!("warning: {text}"));
    }
    match args.output {
        Output::Json => console.result(&json(&found)),
        Output::Text => console.result(&as_text(&found)),
    }
    Ok(())
}

fn not_found(subject: &str, config: &crate::config::settings::Config, region: &str) -> Failure {
    let place = format!("namespace {} in {region}", config.namespace);
    if subject.starts_with(AmiId::PREFIX) {
        return Failure::failed(format!("there is no {subject} in {place}"));
    }
    match config.template(subject) {
        Ok(_) => Failure::failed(format!("template {subject} has no current AMI in {place}"))
            .hint(format!("run `amiable create {subject}` to bake it")),
        Err(meant) => crate::commands::support::no_template(config, subject, meant),
    }
}

fn as_text(info: &Info) -> String {
    let ami = &info.ami;
    let mut lines = Vec::new();
    let mut add = |label: &str, value: &str| add_line(&mut lines, label, &harmless(value));
    add("AMI", &ami.ami);
    add("name", &ami.name);
    add("description", ami.description.as_deref().unwrap_or_default());
    add("template", &ami.template);
    add("generation", &ami.generation.to_string());
    add("status", ami.status.as_str());
    add("state", &ami.state);
    add("reason", ami.state_reason.as_deref().unwrap_or_default());
    add("system", &ami.system);
    add("os", &ami.os);
    add("arch", &ami.arch);
    add("region", &ami.region);
    add("created", &ami.created);
    add("promoted", ami.promoted.as_deref().unwrap_or("never"));
    add("verified", ami.verified.as_deref().unwrap_or("never"));
    add("quarantined", ami.quarantined.as_deref().unwrap_or_default());
    add("because", &info.because);
    add("boot script", ami.boot_script.as_deref().unwrap_or_default());
    let origin = ami.backup_of.as_deref().or(ami.copy_of.as_deref());
    add("copy of", origin.unwrap_or_default());
    for copy in &info.copies {
        add("copy in", &copy_text(copy));
    }
    add("shared with", &info.shared_with.join(", "));
    add("deprecated", ami.deprecation.as_deref().unwrap_or_default());
    if let Some(retired) = ami.retired {
        add("retired", &format!("{} since {}", retired.stage.as_str(), retired.since));
    }
    add("launched", ami.last_launched.as_deref().unwrap_or_default());
    add("encrypted", if ami.encrypted { "yes" } else { "" });
    add("protected", if ami.protected { "from deregistration" } else { "" });
    add("operator", &ami.operator);
    add("bake", &ami.bake);
    add("amiable", &ami.amiable_version);
    add("source", &format!("{} {}", ami.source.kind, ami.source.url));
    add("revision", &ami.source.revision);
    add("script", &ami.script);
    for device in &ami.block_devices {
        add(
            "block device",
            &format!("{} {} {} GiB", device.device, device.snapshot, device.size_gib),
        );
    }
    for (key, value) in &ami.metadata {
        add("metadata", &format!("{key} = {value}"));
    }
    for (depth, ancestor) in info.lineage.iter().enumerate() {
        let label = if depth == 0 { "baked from" } else { "based on" };
        add(label, &ancestor_text(ancestor));
    }
    for user in &info.users {
        add("used by", &user_text(user));
    }
    // What programs and servers have said has lines, and is harmless already.
    for (what, error) in &info.unknown_users {
        let text = format!("{what}: could not be determined: {error}");
        add_line(&mut lines, "may be used by", &text);
    }
    for state in &info.consumers {
        for text in state_texts(state, &ami.ami) {
            add_line(&mut lines, "consumer", &format!("{}: {text}", state.consumer));
        }
    }
    for agent in &info.older_agents {
        add_line(&mut lines, "older agent", &harmless(&agent_text(agent)));
    }
    lines.join("\n")
}

/// An instance that still runs an older AMI.
pub(super) fn agent_text(agent: &OlderAgent) -> String {
    let OlderAgent { id, state, ami, generation, since, title } = agent;
    let title = title.as_deref().map(|it| format!("{it}, ")).unwrap_or_default();
    format!("{title}{id} ({state}) runs {ami} (generation {generation}) since {since}")
}

fn add_line(lines: &mut Vec<String>, label: &str, value: &str) {
    if !value.is_empty() {
        lines.push(format!("{label:<14}{}{value}", if label.len() < 14 { "" } else { " " }));
    }
}

/// Whoever may write tags may write control characters: each is shown, and none obeyed.
fn harmless(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default())
        } else {
            shown.push(character)
        }
    }
    shown
}

fn copy_text(copy: &RegionalCopy) -> String {
    let region = &copy.region;
    match (&copy.ami, copy.status, &copy.unknown) {
        (Some(id), Some(status), _) => format!("{region}: {id} ({})", status.as_str()),
        (_, _, Some(error)) => format!("{region}: could not be determined: {error}"),
        _ => format!("{region}: none"),
    }
}

fn user_text(user: &User) -> String {
    match user {
        User::Instance { id, state } => format!("instance {id} ({state})"),
        User::Consumer { place } => place.clone(),
        _ => user.to_string(),
    }
}

/// What a consumer of the AMI's template names.
fn state_texts(state: &ConsumerState, ami: &str) -> Vec<String> {
    match &state.sight {
        Sight::Silent => vec!["is notified, and cannot be queried".into()],
        Sight::Unreadable(error) => vec![format!("cannot be read: {error}")],
        Sight::Names(namings) if namings.is_empty() => vec!["names nothing yet".into()],
        Sight::Names(namings) => {
            let text = |naming: &Naming| {
                let what = if naming.ami == ami { "this AMI" } else { naming.ami.as_str() };
                if naming.is_all {
                    format!("names {what}")
                } else {
                    format!("{} names {what}", naming.short)
                }
            };
            namings.iter().map(text).collect()
        }
    }
}

fn ancestor_text(ancestor: &Ancestor) -> String {
    let id = &ancestor.ami;
    let name = ancestor.name.as_deref();
    match (name, &ancestor.template, ancestor.generation) {
        (Some(name), Some(template), Some(generation)) => {
            format!("{id} {name} (template {template}, generation {generation})")
        }
        (Some(name), ..) => {
            format!("{id} {name} (owner {})", ancestor.owner.as_deref().unwrap_or("unknown"))
        }
        (None, ..) => format!("{id} (no longer exists)"),
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn control_characters_are_shown_and_break_no_table() {
        assert_eq!(harmless("one\ntwo\u{1b}[31m"), "one\\ntwo\\u{1b}[31m");
        assert_eq!(harmless("Büro 3"), "Büro 3");
    }
}
