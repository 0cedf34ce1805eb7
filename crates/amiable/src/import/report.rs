//! What an import tells: what was made of what, what differs, and what was not taken over.

use std::collections::{BTreeMap, BTreeSet};

use ami_lifecycle::jenkins_config::AgentName;
use ami_lifecycle::{AmiId, KnownAmi};
use similar::{ChangeTag, TextDiff};

use super::release::published_base;
use super::secrets::line_with_secret;
use super::{Group, Plan};

/// As many differing lines of two scripts as a report shows.
const MOST_LINES: usize = 8;

/// The report. `amis` is what was looked up; `None` when nothing could be, and why.
pub(crate) fn report(plan: &Plan, amis: Result<&BTreeMap<AmiId, KnownAmi>, &str>) -> String {
    let mut lines = Vec::new();
    templates(plan, &mut lines);
    looked_up(plan, amis, &mut lines);
    consolidation(plan, &mut lines);
    not_carried(plan, &mut lines);
    lines.join("\n")
}

fn templates(plan: &Plan, lines: &mut Vec<String>) {
    for group in &plan.groups {
        let release = group.release.as_deref().unwrap_or("an unknown release: set `os`");
        lines.push(format!(
            "template {}{}: base {}, script init/{}, {release}",
            group.name,
            if group.is_there { ", which is there already" } else { "" },
            group.ami(),
            group.script
        ));
        lines.push(format!("  used by {}", agents(group)));
    }
    for (agent, template) in &plan.known {
        lines.push(format!("{agent} is a consumer of template {template} already"));
    }
}

fn agents(group: &Group) -> String {
    let several = group.agents.iter().any(|agent| agent.file != group.first().file);
    let names = group.agents.iter().map(|agent| {
        let labels = match &agent.name {
            AgentName::Labels(labels) if agent.is_described => {
                format!(" with the labels `{labels}`")
            }
            _ => String::new(),
        };
        let cloud = agent.cloud.as_ref().map(|cloud| format!(" of cloud {cloud}"));
        let file = several.then(|| format!(" in {}", agent.file));
        format!("{}{labels}{}{}", agent.title, cloud.unwrap_or_default(), file.unwrap_or_default())
    });
    names.collect::<Vec<String>>().join(", ")
}

/// What is known of each base, with advice.
fn looked_up(plan: &Plan, amis: Result<&BTreeMap<AmiId, KnownAmi>, &str>, lines: &mut Vec<String>) {
    lines.push(String::new());
    let amis = match amis {
        Ok(amis) => amis,
        Err(why) => {
            lines.push(format!("the AMIs were not looked up: {why}"));
            return;
        }
    };
    // Those of templates first, as they stand above.
    let of_groups = plan.groups.iter().map(Group::ami);
    let mut ids: Vec<&str> = of_groups.chain(amis.keys().map(AmiId::as_str)).collect();
    let mut seen = BTreeSet::new();
    ids.retain(|id| seen.insert(*id));
    for id in ids {
        let Some(ami) = amis.get(id) else { continue };
        lines.push(format!("{id}: {}", verdict(ami)));
        let group = plan.groups.iter().find(|group| group.ami() == id);
        let published = group.and_then(|group| published_base(group.release.as_deref()?));
        if let Some(base) = published.filter(|_| !ami.can_be_base()) {
            lines.push(format!("  the publisher of its release names its AMIs like this: {base}"));
        }
    }
}

/// How many templates wait for another base.
pub(crate) fn without_base(plan: &Plan, amis: &BTreeMap<AmiId, KnownAmi>) -> usize {
    let lacks = |group: &&Group| amis.get(group.ami()).is_some_and(|ami| !ami.can_be_base());
    plan.groups.iter().filter(lacks).count()
}

fn verdict(ami: &KnownAmi) -> String {
    let name = ami.name.as_deref().unwrap_or("without name");
    if !ami.exists {
        return "does not exist in this region, or is not shared with you: nothing can be baked \
                from it, and no new agent can boot from it"
            .into();
    }
    if !ami.is_ebs {
        return format!(
            "{name} is backed by instance store: move off such AMIs, because nothing can be baked \
             from them"
        );
    }
    if let Some((template, generation)) = &ami.baked_as {
        return format!(
            "{name} was baked by amiable for template {template} (generation {generation}): choose \
             its base instead, so that AMIs do not stack up on each other"
        );
    }
    if ami.is_own {
        format!("{name} is yours")
    } else {
        format!(
            "{name} is public and belongs to account {}, which may withdraw it; what you bake from \
             it is yours",
            ami.owner
        )
    }
}

/// Where a release has more AMIs than it needs, and what differs between them.
fn consolidation(plan: &Plan, lines: &mut Vec<String>) {
    let mut releases: BTreeMap<&str, Vec<&Group>> = BTreeMap::new();
    for group in &plan.groups {
        if let Some(release) = &group.release {
            releases.entry(release).or_default().push(group);
        }
    }
    for (release, groups) in releases.into_iter().filter(|(_, groups)| groups.len() > 1) {
        lines.push(String::new());
        lines.push(format!(
            "{release}: {} AMIs where one may be enough. Compared with template {}:",
            groups.len(),
            groups[0].name
        ));
        for group in &groups[1..] {
            lines.push(format!("  {}: {}", group.name, differences(groups[0], group).join(", ")));
            lines.extend(script_lines(groups[0], group));
        }
    }
}

fn differences(left: &Group, right: &Group) -> Vec<String> {
    let mut differ = Vec::new();
    let base = if left.ami() == right.ami() { "the same base" } else { "another base" };
    differ.push(if left.ami() == right.ami() {
        base.to_owned()
    } else {
        format!("{base} ({})", right.ami())
    });
    differ.push(if left.script == right.script {
        "the same script, so that on one base they would share an AMI".to_owned()
    } else {
        "another script:".to_owned()
    });
    let (one, other) = (left.first(), right.first());
    if (&one.ssh_user, &one.run_as) != (&other.ssh_user, &other.run_as) {
        differ.insert(1, "another user".to_owned());
    }
    differ
}

/// The lines that two scripts do not have in common.
fn script_lines(left: &Group, right: &Group) -> Vec<String> {
    let (one, other) = (&left.first().script, &right.first().script);
    if [one, other].iter().any(|script| line_with_secret(script).is_some()) {
        return vec!["    (not shown, because one of them seems to contain a secret)".into()];
    }
    let diff = TextDiff::from_lines(one.as_str(), other.as_str());
    let changes = diff.iter_all_changes().filter_map(|change| {
        let sign = match change.tag() {
            ChangeTag::Equal => return None,
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        Some(format!("    {sign} {}", change.value().trim_end()))
    });
    let mut lines: Vec<String> = changes.collect();
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(format!("    and {more} more"));
    }
    lines
}

fn not_carried(plan: &Plan, lines: &mut Vec<String>) {
    let mut notable: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut stays: BTreeSet<&str> = BTreeSet::new();
    for agent in plan.groups.iter().flat_map(|group| &group.agents) {
        for (field, text) in &agent.notable {
            notable.entry((field, text)).or_default().push(&agent.title);
        }
        stays.extend(agent.stays.iter().map(String::as_str));
    }
    let is_some = !plan.left.is_empty() || !plan.remarks.is_empty();
    if is_some || !notable.is_empty() || !stays.is_empty() {
        lines.push(String::new());
    }
    for (file, remark) in &plan.remarks {
        lines.push(format!("not changed: {file}: {remark}"));
    }
    for left in &plan.left {
        lines.push(format!(
            "not changed: {} ({}:{}): {}",
            left.title, left.file, left.line, left.why
        ));
    }
    for ((field, text), agents) in notable {
        lines.push(format!("not taken over: {field} of {}: {text}", agents.join(", ")));
    }
    if !stays.is_empty() {
        let fields: Vec<&str> = stays.into_iter().collect();
        lines.push(format!(
            "stays in Jenkins, because it concerns agents and not their AMI: {}",
            fields.join(", ")
        ));
        lines.push(
            "stays in Jenkins: the clouds with their credentials and keys; amiable uses \
                    AWS' usual credential chain"
                .into(),
        );
    }
}
