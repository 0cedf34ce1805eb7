//! The files that Jenkins' configuration is in: its own, other programs', and templates of either; what is
//! changed in them, and that it comes back.

use crate::farm::Farm;
use crate::meanings::{ID, farm_with, file, has, import, lacks, read};

#[test]
fn configuration_in_other_programs_files_is_taken_over_and_rolled_in_place() {
    let config_map = "kind: ConfigMap\ndata:\n  jcasc-default-config.yaml: |-\n".to_owned()
        + &file!("nested-below-other-keys-vars.yml")
            .lines()
            .skip(1)
            .map(|line| format!("  {line}\n"))
            .collect::<String>();
    let xml = "data:\n  config.xml: |\n".to_owned()
        + &file!("xstream-reference-config.xml")
            .replace("<description>one<", "<description>builder<")
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>();
    for (name, text) in [
        ("values.yaml", file!("helm-values-values.yaml")),
        ("vars.yml", file!("nested-below-other-keys-vars.yml")),
        ("map.yaml", &config_map),
        ("xml.yaml", &xml),
    ] {
        let (_, config) = import(name, text);
        has(&config, &["[template.builder]", &format!("base = \"{ID}\"")]);
        let (farm, ami) = farm_with(name, text, "\"builder\"");
        farm.stdout(&["roll", "agent", "--write"]);
        assert_eq!(read(&farm, name), text.replace(ID, &ami));
        farm.stdout(&["roll", "agent", "--write", "--to", ID, "--force"]);
        assert_eq!(read(&farm, name), text);
    }
}

#[test]
fn templates_and_programs_are_refused_as_what_they_are() {
    let (told, _) = import("clouds.yaml.erb", file!("erb-template-clouds.yaml.erb"));
    let hint = "hint: give amiable the file generated from it, or let it take its AMI from an SSM \
                parameter or a tag";
    has(&told, &["it is a template (ERB), not a file that Jenkins reads", hint]);
}

#[test]
fn a_key_that_is_twice_elsewhere_is_no_matter() {
    let text = file!("key-twice-elsewhere-jenkins.yaml");
    has(&import("jenkins.yaml", text).1, &["[template.builder]"]);
    let (farm, ami) = farm_with("jenkins.yaml", text, "\"builder\"");
    farm.stdout(&["roll", "agent", "--write"]);
    assert_eq!(read(&farm, "jenkins.yaml"), text.replace(ID, &ami));
    let twice =
        text.replace("        remoteAdmin", "        remoteAdmin: root\n        remoteAdmin");
    has(&import("jenkins.yaml", &twice).0, &["line 19: `remoteAdmin` appears twice"]);
}

/// To the baked AMI with its boot script, and back to the original.
#[test]
fn a_boot_script_comes_back_as_it_was_written() {
    let text = file!("boot-script-wrapped-quotes-jenkins.yaml");
    let agents = ["wrapped", "folded", "single", "literal", "plain", "keep", "escaped"];
    let scripts = [
        "#!/bin/sh\necho one two\n",
        "echo one echo two\n",
        "echo one\necho two\n",
        "echo one\necho two\n",
        "echo one && echo two\n",
        "echo one\n\n\n",
        "echo \u{e9} \t A\n",
    ];
    for (number, (agent, script)) in std::iter::zip(agents, scripts).enumerate() {
        let farm = Farm::with_example(&[]);
        farm.write("jenkins.yaml", text);
        farm.write("boot", "#!/bin/sh\ntrue\n");
        farm.write("whole", script);
        let boot =
            "script = \"setup-agent\"\nboot_script = { baked = \"boot\", otherwise = \"whole\" }";
        farm.edit("amiable.toml", "script = \"setup-agent\"", boot);
        let config = read(&farm, "amiable.toml");
        let consumer = format!(
            "[[template.agent.consumer]]\njenkins = {{ file = \"jenkins.yaml\", agents = \
             [\"{agent}\"] }}\n"
        );
        farm.write("amiable.toml", &format!("{config}\n{consumer}"));
        let ami = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
        let there = read(&farm, "jenkins.yaml");
        assert!(there.contains(&ami) && there.contains("true"), "{there}");
        let old = format!("ami-0123456789abcdef{number}");
        farm.stdout(&["roll", "agent", "--to", &old, "--force", "--write"]);
        assert_eq!(read(&farm, "jenkins.yaml"), text, "{agent}");
    }
}

#[test]
fn a_file_in_one_line_shows_its_ids() {
    let agents: String = (0..30)
        .map(|number| {
            format!("{{\"ami\": \"ami-{number:017x}\", \"description\": \"d{number}\"}}, ")
        })
        .collect();
    let text = format!(
        "{{\"jenkins\": {{\"clouds\": [{{\"amazonEC2\": {{\"templates\": [{agents}]}}}}]}}}}\n"
    );
    let (farm, ami) = farm_with("jenkins.json", &text, "\"d1\"");
    let told = farm.amiable(&["roll", "agent", "--diff"]);
    let column = text.find("ami-00000000000000001").unwrap() + 1;
    has(&told, &[&format!("line 1, column {column}: ")]);
    lacks(&told, &["d29", "too long"]);
    farm.stdout(&["roll", "agent", "--write"]);
    assert_eq!(read(&farm, "jenkins.json"), text.replace("ami-00000000000000001", &ami));
}

/// Clouds in the file itself and in its texts, and texts that only speak of clouds.
#[test]
fn clouds_of_all_places_of_a_file_are_seen() {
    let own = file!("two-controllers-B-jenkins.yaml");
    let text = format!("{own}---\n{}", file!("helm-values-values.yaml"));
    let (_, config) = import("jenkins.yaml", &text);
    has(&config, &["[template.zeta]", "[template.builder]"]);
    let (farm, ami) = farm_with("jenkins.yaml", &text, "\"builder\", \"zeta\"");
    farm.stdout(&["roll", "agent", "--write"]);
    assert_eq!(
        read(&farm, "jenkins.yaml"),
        text.replace(ID, &ami).replace("ami-0123456789abcdef9", &ami)
    );
    for only_words in [
        "this sets up hudson.plugins.ec2.EC2Cloud for you",
        "|\n  import hudson.plugins.ec2.EC2Cloud\n  new EC2Cloud(\"x\")\n",
    ] {
        let (told, _) = import("values.yaml", &format!("a: {only_words}"));
        has(&told, &["values.yaml"]);
        lacks(&told, &["overflow"]);
    }
    let fleet =
        "data:\n  casc: |\n    jenkins:\n      clouds:\n      - eC2Fleet:\n          name: f\n";
    has(&import("map.yaml", fleet).0, &["line 6: a cloud of the EC2 Fleet plugin names no AMI"]);
    let json = "data:\n  casc: |\n    {\"jenkins\": {\"clouds\": [{\"amazonEC2\": {\"templates\": \
                [{\"ami\": \"ami-12345678\", \"description\": \"a\", \"initScript\": \
                \"x\"}]}}]}}\n";
    has(&import("map.yaml", json).1, &["[template.a]"]);
    for (twice, name) in [
        (
            file!("helm-values-values.yaml").to_owned()
                + &file!("helm-values-values.yaml")
                    .lines()
                    .skip(3)
                    .map(|line| format!("{line}\n"))
                    .collect::<String>(),
            "agent-settings",
        ),
        (file!("nested-below-other-keys-vars.yml").repeat(2), "jenkins_jcasc"),
        (own.replace("  - amazonEC2:", "  - amazonEC2: {}\n    amazonEC2:"), "amazonEC2"),
    ] {
        has(&import("values.yaml", &twice).0, &[&format!("`{name}` appears twice")]);
    }
}

#[test]
fn what_has_nothing_to_take_over_is_told() {
    let fleet = "jenkins:\n  clouds:\n  - eC2Fleet:\n      name: f\n";
    has(
        &import("jenkins.yaml", fleet).0,
        &["has no cloud of the EC2 plugin", "line 4: a cloud of the EC2 Fleet plugin names no AMI"],
    );
    let text = file!("same-description-jenkins.yaml").replace(
        "  - amazonEC2",
        "  - eC2Fleet:\n      name: f\n  - amazonEC2:\n      name: idle\n  - amazonEC2",
    );
    has(
        &import("jenkins.yaml", &text).0,
        &[
            "not changed: jenkins.yaml: line 4: a cloud of the EC2 Fleet plugin",
            "not changed: jenkins.yaml: cloud idle (line 6) has no agent templates",
        ],
    );
    let astray = file!("same-description-jenkins.yaml").replace("      templates", "    templates");
    has(&import("jenkins.yaml", &astray).0, &["has `templates` where Jenkins does not look"]);
}
