//! The configuration that an import writes, and what it tells.

use super::source::{key, quoted};
use super::{Content, Draft};

/// The folder of a template's source, beside the configuration.
pub(crate) fn folder(draft: &Draft) -> String {
    format!("packer/{}", draft.name)
}

/// How AMIs are named where Packer's names cannot be kept.
const PATTERN: &str = "{namespace}-{template}-{date}-{generation}";

/// The configuration of all drafts.
pub(crate) fn configuration(drafts: &[Draft], namespace: &str, system: &str) -> String {
    let cloud = drafts.first().map(|it| it.cloud.clone()).unwrap_or_default();
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
    let [one] = drafts else { return PATTERN.into() };
    let allowed = |it: char| it.is_ascii_alphanumeric() || "()[] ./-'@_{}".contains(it);
    match &one.pattern {
        Some(own) if (3..=80).contains(&own.len()) && own.chars().all(allowed) => {
            format!("{}-{{generation}}", own.trim_end_matches('-'))
        }
        _ => PATTERN.into(),
    }
}

/// What became of each source, key by key.
pub(crate) fn report(drafts: &[Draft], remarks: &[String]) -> String {
    let mut lines = Vec::new();
    let region = drafts.first().and_then(|it| it.cloud.get("region"));
    for draft in drafts {
        lines.push(format!("template {}", draft.name));
        section("taken over", &draft.taken, &mut lines);
        section("by itself", &draft.own, &mut lines);
        section("not taken over", &draft.left, &mut lines);
        let own = draft.cloud.get("region");
        if own != region {
            let own = own.map_or("none", String::as_str);
            lines.push(format!(
                "  its region is {own}: a configuration has one, import it into another folder"
            ));
        }
    }
    lines.extend(remarks.iter().map(|it| format!("note: {it}")));
    if drafts.len() > 1 {
        lines.push(format!("note: the AMIs of all templates are named {PATTERN}"));
    }
    lines.push(
        "note: scripts run in their own folder, not in the home directory; those that Packer ran by \
         sudo run as root"
            .into(),
    );
    lines.join("\n")
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
