//! Files that are made into Jenkins' by another program, and programs that set Jenkins up: their ids
//! stand in no XML and no YAML yet.

use crate::error::ProgramKind;

/// What a file that could not be read, or that has no clouds, seems to be. Pure.
pub(crate) fn recognised(text: &str) -> Option<ProgramKind> {
    let lines = || text.lines().map(str::trim_start);
    // What is indented may be a text within another file.
    let begins =
        |words: &[&str]| text.lines().any(|line| words.iter().any(|word| line.starts_with(word)));
    if text.contains("<%") && text.contains("%>") {
        return Some(ProgramKind::Erb);
    }
    let blocks = ["resource \"", "module \"", "variable \"", "data \"", "locals {", "provider \""];
    if begins(&blocks) || lines().any(|line| line.starts_with("%{")) {
        return Some(ProgramKind::Terraform);
    }
    // In the middle of a line, scripts have such braces of their own: `docker ps --format '{{.ID}}'`.
    let is_action = |line: &str| {
        let value = line.split_once(": ").map_or(line, |(_, value)| value);
        let value = value.trim_start_matches("- ");
        value.starts_with("{{") || value.starts_with("{%") || value.starts_with("{#")
    };
    let actions: Vec<&str> = lines().filter(|line| is_action(line)).collect();
    let is_go = |line: &&str| {
        let of_go = [
            "{{-",
            "{{ .",
            "{{.",
            "{{ include",
            "{{ template",
            "{{ define",
            "{{ if",
            "{{ range",
            "{{ with",
            "{{ end",
            "{{ toYaml",
            "{{ tpl",
            "{{/*",
            "{{ $",
        ];
        of_go.iter().any(|word| line.contains(word))
    };
    if !actions.is_empty() {
        let kind = if actions.iter().any(is_go) { ProgramKind::Go } else { ProgramKind::Jinja };
        return Some(kind);
    }
    let groovy = ["import hudson.", "import jenkins.", "new SlaveTemplate(", "new EC2Cloud("];
    let has = groovy.iter().any(|word| text.contains(word));
    (has || text.contains("new AmazonEC2Cloud(")).then_some(ProgramKind::Groovy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_called_what_they_are() {
        for (text, expected) in [
            ("<%- if @clouds -%>\njenkins:\n<%- end -%>", Some(ProgramKind::Erb)),
            ("{{- range .Values.agents }}\n- ami: {{ .ami }}\n{{- end }}", Some(ProgramKind::Go)),
            ("{% for a in agents %}\n- ami: {{ a.ami }}\n{% endfor %}", Some(ProgramKind::Jinja)),
            ("ami: {{ jenkins_ami }}\n", Some(ProgramKind::Jinja)),
            ("resource \"helm_release\" \"jenkins\" {\n}\n", Some(ProgramKind::Terraform)),
            ("import hudson.plugins.ec2.*\nnew SlaveTemplate(\n", Some(ProgramKind::Groovy)),
            ("docker ps --format '{{.ID}}'\n", None),
            ("jenkins:\n  clouds: []\n", None),
            ("<hudson/>", None),
        ] {
            assert_eq!(recognised(text), expected, "{text}");
        }
    }
}
