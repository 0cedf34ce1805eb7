//! The configuration that an import writes, and what it tells.

use std::collections::BTreeMap;

use super::model::{Content, Draft};
use super::value::shown;
use crate::toml_text::{key, quoted};

/// The folder of a template's source, beside the configuration.
pub(crate) fn folder(draft: &Draft) -> String {
    format!("packer/{}", draft.name)
}

/// How AMIs are named where Packer's names cannot be kept.
const PATTERN: &str = "{namespace}-{template}-{date}-{generation}";

/// What a configuration has once is the first template's; the report says so of others. And
/// names that are not kept are no longer said to be taken over.
pub(crate) fn settle(drafts: &mut [Draft]) {
    let cloud = cloud(drafts);
    let is_kept = is_own(drafts);
    for draft in drafts {
        let others: Vec<(&str, String)> = draft
            .cloud
            .iter()
            .filter(|(key, value)| cloud.get(*key) != Some(value))
            .map(|(key, value)| (*key, value.clone()))
            .collect();
        for (key, value) in others {
            let key = if key == "endpoint" { "custom_endpoint_ec2" } else { key };
            draft.taken.retain(|(name, _)| name != key);
            draft.left(
                key,
                format!("it is {value}: a configuration has one, import it into another folder"),
            );
        }
        if !is_kept && draft.taken.iter().any(|(name, _)| name == "ami_name") {
            draft.taken.retain(|(name, _)| name != "ami_name");
            draft.left("ami_name", format!("AMIs are named {PATTERN}"));
        }
    }
}

fn cloud(drafts: &[Draft]) -> BTreeMap<&'static str, String> {
    drafts.first().map(|it| it.cloud.clone()).unwrap_or_default()
}

/// The configuration of all drafts.
pub(crate) fn configuration(drafts: &[Draft], namespace: &str, system: &str) -> String {
    let cloud = cloud(drafts);
    let mut text = String::from(
        "# Written by `amiable packer import`. Check it with `amiable validate`.\n\n[cloud]\n",
    );
    for (key, value) in cloud {
        text += &format!("{key} = {}\n", quoted(&value));
    }
    text += &format!(
        "\n[naming]\n# The tag that tells these AMIs apart from all others in the account.\n\
         namespace = {}\npattern = {}\n",
        quoted(namespace),
        quoted(&pattern(drafts))
    );
    for draft in drafts {
        text += &format!("\n[template.{}]\nsystem = {}\n", key(&draft.name), quoted(system));
        text += &lines(draft);
    }
    text
}

/// What people look for first.
const ORDER: [&str; 8] = ["os", "arch", "base", "source", "script", "env", "run_as", "ssh_user"];

fn lines(draft: &Draft) -> String {
    let source = format!("{{ path = {} }}", quoted(&folder(draft)));
    let mut all: Vec<(&str, &str)> = vec![("source", &source)];
    all.extend(draft.lines.iter().map(|(key, value)| (*key, value.as_str())));
    let place = |key: &str| ORDER.iter().position(|it| *it == key).unwrap_or(ORDER.len());
    all.sort_by_key(|(key, _)| place(key));
    let line = |(key, value): (&str, &str)| {
        format!("{key} = {}\n", value.replace("{SOURCE}", &folder(draft)))
    };
    all.into_iter().map(line).collect()
}

/// Packer's own names, where there is one template and they are names here.
fn pattern(drafts: &[Draft]) -> String {
    match drafts {
        [Draft { pattern: Some(own), .. }] if is_own(drafts) => {
            format!("{}-{{generation}}", own.trim_end_matches('-'))
        }
        _ => PATTERN.into(),
    }
}

/// Whether Packer's names are kept.
fn is_own(drafts: &[Draft]) -> bool {
    let allowed = |it: char| it.is_ascii_alphanumeric() || "()[] ./-'@_{}".contains(it);
    let [Draft { pattern: Some(own), .. }] = drafts else { return false };
    (3..=80).contains(&own.len()) && own.chars().all(allowed)
}

/// What became of each source, key by key.
pub(crate) fn report(drafts: &[Draft], remarks: &[String]) -> String {
    let mut lines = Vec::new();
    for draft in drafts {
        lines.push(format!("template {}", draft.name));
        section("taken over", &draft.taken, &mut lines);
        section("by itself", &draft.own, &mut lines);
        section("not taken over", &draft.left, &mut lines);
    }
    lines.extend(remarks.iter().map(|it| format!("note: {it}")));
    lines.push(
        "note: a script's file runs in the checkout, not in the home directory; what Packer ran by sudo \
         runs as root"
            .into(),
    );
    shown(&lines.join("\n"))
}

fn section(title: &str, all: &[(String, String)], lines: &mut Vec<String>) {
    if all.is_empty() {
        return;
    }
    lines.push(format!("  {title}:"));
    lines.extend(all.iter().map(|(what, text)| format!("    {what}: {text}")));
}

/// Whether a file's content is a program.
pub(crate) fn is_program(content: &Content) -> bool {
    matches!(content, Content::Text(_, true))
}
