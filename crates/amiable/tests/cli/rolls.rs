//! Consumers: rolled with an AMI that becomes current, by hand, and back.

use std::os::unix::fs::PermissionsExt;

use crate::farm::{Farm, wait_for_line};

const CONFIG: &str = include_str!("../../../jenkins-config/tests/files/ci-config.xml");
const CASC: &str = include_str!("../../../jenkins-config/tests/files/ci-jcasc.yml");
const MOVES: &str = include_str!("../../../jenkins-config/tests/files/ami-moves.tsv");

/// A farm whose template has these lines more, and Jenkins' files beside it.
pub(crate) fn consuming_farm(more: &str) -> Farm {
    let farm = Farm::with_example(&[]);
    farm.write("jenkins/config.xml", CONFIG);
    farm.write("jenkins/casc.yml", CASC);
    farm.edit("amiable.toml", "[template.agent.metadata]\ncontact = \"ci@example.org\"", "");
    let text = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    farm.write("amiable.toml", &format!("{text}\n{more}"));
    farm
}

const PRECISE: &str = "[[template.agent.consumer]]\n\
    jenkins = { file = \"jenkins/config.xml\", agents = [\"precise_cloud\", \"precise_kernel_cloud\"] }\n";
const CHANNEL: &str = "[[template.agent.consumer]]\ntag = { channel = \"stable\" }\n";

fn read(farm: &Farm, name: &str) -> String {
    std::fs::read_to_string(farm.path(name)).unwrap()
}

#[test]
fn update_and_rollback_roll_and_info_tells() {
    let farm = consuming_farm(&format!("{PRECISE}{CHANNEL}"));
    let mut all = vec![
        farm.amiable(&["update", "agent", "-q"]),
        farm.amiable(&["info", "agent"]),
        farm.amiable(&["update", "agent", "--output", "json", "-q"]),
        farm.amiable(&["list"]),
        farm.amiable(&["rollback", "agent"]),
        farm.amiable(&["info", "agent"]),
        farm.amiable(&["rollback", "agent", "--to", "2", "--no-roll"]),
        farm.amiable(&["info", "agent"]),
        farm.amiable(&["list", "--output", "json"]),
    ];
    assert_eq!(read(&farm, "jenkins/config.xml").len(), CONFIG.len() + 2 * 9);
    all.push(farm.amiable(&["roll", "agent"]));
    all.push(farm.amiable(&["roll", "agent", "--diff"]));
    all.push(farm.amiable(&["roll", "agent", "--write"]));
    all.push(farm.amiable(&["roll", "agent", "--write"]));
    all.push(farm.amiable(&["roll", "agent", "--write", "--to", "1", "--output", "json"]));
    insta::assert_snapshot!(all.join("\n"));
}

/// The moves that were made by hand once, and the way back.
#[test]
fn the_moves_of_the_table_are_carried_out_and_undone() {
    let farm = consuming_farm("");
    let config = read(&farm, "amiable.toml");
    let template = config.split_once("[template.agent]").unwrap().1.to_owned();
    let rows: Vec<Vec<&str>> =
        MOVES.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let mut text = config.clone().replace("{system}-", "{system}-{template}-");
    for row in &rows {
        let name = row[0];
        text += &format!(
            "\n[template.{name}]{template}[[template.{name}.consumer]]\n\
             jenkins = {{ file = \"jenkins/config.xml\", agents = [\"{name}\"] }}\n\
             [[template.{name}.consumer]]\n\
             jenkins = {{ file = \"jenkins/casc.yml\", agents = [\"{name}\"] }}\n"
        );
    }
    farm.write("amiable.toml", &text);
    let mut all = Vec::new();
    let mut roll = |column: usize, how: &str| {
        for ami in ["ami-d78f57be", "ami-87c31aee", "ami-a29943cb"] {
            let names = rows.iter().filter(|row| row[2] == ami).map(|row| (row[0], row[column]));
            let mut targets: Vec<(&str, Vec<&str>)> = Vec::new();
            for (name, to) in names {
                match targets.iter_mut().find(|(target, _)| *target == to) {
                    Some((_, names)) => names.push(name),
                    None => targets.push((to, vec![name])),
                }
            }
            for (to, names) in targets {
                let args = [&["roll"], &names[..], &["--to", to, "--force", how]].concat();
                all.push(farm.amiable(&args));
            }
        }
    };
    roll(2, "--diff");
    roll(2, "--write");
    let (config, casc) = (read(&farm, "jenkins/config.xml"), read(&farm, "jenkins/casc.yml"));
    for row in &rows {
        assert!(
            config.contains(&format!("<ami>{}</ami>\n          <description>{}<", row[2], row[0]))
        );
        assert!(casc.contains(&format!("\"{}\"\n            description: \"{}\"", row[2], row[0])));
    }
    roll(1, "--write");
    assert_eq!(read(&farm, "jenkins/config.xml"), CONFIG);
    assert_eq!(read(&farm, "jenkins/casc.yml"), CASC);
    all.push(farm.amiable(&["roll", "oneiric", "--to", "ami-baba68d3"]));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_consumer_that_fails_leaves_the_others_done_and_a_repeat_finishes() {
    let command = "[[template.agent.consumer]]\ncommand = [\"./notify\", \"{ami}\", \"{template}-{generation}\"]\n";
    let farm = consuming_farm(&format!("{PRECISE}{command}{CHANNEL}"));
    farm.edit("amiable.toml", "precise_kernel_cloud", "precise_kernel_clod");
    farm.write(
        "notify",
        "#!/bin/sh\nexec >&2\necho \"told $*\"\n[ -e well ] || { echo unwell; exit 3; }\n",
    );
    std::fs::set_permissions(farm.path("notify"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut all = vec![farm.amiable(&["update", "agent"]), farm.amiable(&["list"])];
    all.push(farm.amiable(&["update", "agent", "-q", "--no-roll"]));
    all.push(farm.amiable(&["roll", "agent", "--write"]));
    assert_eq!(read(&farm, "jenkins/config.xml"), CONFIG);
    farm.edit("amiable.toml", "precise_kernel_clod", "precise_kernel_cloud");
    all.push(farm.amiable(&["update", "agent", "-q"]));
    farm.write("well", "");
    all.push(farm.amiable(&["roll", "agent", "--write"]));
    all.push(farm.amiable(&["info", "agent"]));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_a_consumer_names_is_kept_and_what_cannot_be_read_counts() {
    let query = "[[template.agent.consumer]]\ncommand = [\"true\"]\nquery = [\"cat\", \"used\"]\n";
    let farm = consuming_farm(&format!("{PRECISE}{query}"));
    farm.write("used", "");
    let first = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    // An agent template that no consumer names.
    farm.edit("jenkins/config.xml", "ami-baba68d3", &first);
    let mut all = vec![farm.amiable(&["delete", &first, "--yes"])];
    farm.edit("jenkins/config.xml", &first, "ami-baba68d3");
    farm.write("used", &format!("one {first}\n"));
    all.push(farm.amiable(&["delete", &first, "--yes"]));
    std::fs::remove_file(farm.path("used")).unwrap();
    farm.edit("jenkins/config.xml", "</hudson>", "");
    all.push(farm.amiable(&["delete", &first, "--dry-run"]));
    all.push(farm.amiable(&["info", "agent"]));
    all.push(farm.amiable(&["list"]));
    farm.write("used", "");
    farm.write("jenkins/config.xml", CONFIG);
    all.push(farm.amiable(&["delete", &first, "--yes"]));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn the_boot_script_comes_with_an_ami_that_needs_no_more() {
    let farm = consuming_farm(PRECISE);
    let old = "#!/bin/sh -e\nsudo apt-get update\nsudo apt-get install -y git-core bzr openjdk-6-jre-headless\n";
    farm.write("init/setup-agent", old);
    farm.write("init/boot", "#!/bin/sh -e\nsudo apt-get -y upgrade && true\n");
    let mut all = vec![farm.amiable(&["update", "agent"])];
    let before = read(&farm, "jenkins/config.xml");
    farm.edit(
        "amiable.toml",
        "script = \"setup-agent\"",
        "script = \"setup-agent\"\nboot_script = \"init/boot\"",
    );
    all.push(farm.amiable(&["roll", "agent", "--diff"]));
    all.push(farm.amiable(&["update", "agent"]));
    assert!(read(&farm, "jenkins/config.xml").contains("upgrade &amp;&amp; true\n</initScript>"));
    all.push(farm.amiable(&["rollback", "agent"]));
    assert_eq!(read(&farm, "jenkins/config.xml"), before);
    // One that is kept nowhere would be lost.
    farm.edit("jenkins/config.xml", "git-core bzr openjdk-6-jre-headless\n<", "git-core\n<");
    all.push(farm.amiable(&["rollback", "agent", "--to", "2"]));
    all.push(farm.amiable(&["roll", "agent", "--write", "--force"]));
    // A boot script of before is known by the AMIs that were baked with it.
    farm.write("init/boot", "#!/bin/sh\n");
    all.push(farm.amiable(&["roll", "agent", "--write"]));
    // Without the key the boot script would stay with an AMI that was not baked with it.
    farm.write("init/boot", "#!/bin/sh -e\nsudo apt-get -y upgrade && true\n");
    farm.stdout(&["roll", "--all", "--write"]);
    farm.edit("amiable.toml", "boot_script = \"init/boot\"", "");
    all.push(farm.amiable(&["rollback", "agent"]));
    all.push(farm.amiable(&["doctor"]).lines().filter(|line| line.contains("jenkins/")).collect());
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_boot_script_that_linux_would_not_run_is_a_mistake() {
    let farm = consuming_farm(PRECISE);
    let script = "script = \"setup-agent\"";
    farm.edit("amiable.toml", script, &format!("{script}\nboot_script = \"init/boot\""));
    let all = ["#!/bin/sh\r\ntrue\r\n", "\u{feff}#!/bin/sh\ntrue\n"].map(|text| {
        farm.write("init/boot", text);
        farm.amiable(&["validate"])
    });
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn mistakes_of_consumers_are_told_at_once() {
    let more = "boot_script = \"init/none\"\n\
        [[template.agent.consumer]]\njenkins = { file = \"c.xml\" }\n\
        [[template.agent.consumer]]\nssm = \"/aws/x\"\nquery = [\"x\"]\n\
        [[template.agent.consumer]]\nssm = \"/ci/x\"\ntag = { a = \"b\" }\n\
        [[template.agent.consumer]]\ncommand = [\"x\", \"{amy}\"]\n\
        [[template.agent.consumer]]\ntag = { contact = \"x\" }\n\
        [[template.agent.consumer]]\ntag = { \"amiable:x\" = \"y\" }\n\
        [[template.agent.consumer]]\njenkins = { file = \"c.xml\", agents = [\"a\", { label = \"b\" }] }\n\
        [[template.agent.consumer]]\njenkinz = { }\n\
        [[template.agent.consumer]]\nlaunch_template = \"\"\n";
    let farm = Farm::without_endpoint();
    farm.stdout(&["init"]);
    let text = read(&farm, "amiable.toml");
    let text = text.replace("[template.agent.metadata]\ncontact = \"ci@example.org\"", more);
    farm.write("amiable.toml", &format!("{text}[template.agent.metadata]\ncontact = \"c\"\n[jenkins]\nurl = \"ci\"\nuser = \"me\"\n"));
    let mut all = vec![farm.amiable(&["validate"])];
    let twice = "[[template.agent.consumer]]\nssm = \"/ci/x\"\n[[template.agent.consumer]]\nssm = \"/ci/x\"\n";
    let text = read(&farm, "amiable.toml");
    let text = text.split_once("boot_script").unwrap().0.replace("-{date}-{generation}", "");
    farm.write("amiable.toml", &format!("{text}{twice}"));
    all.push(farm.amiable(&["validate"]));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn an_ami_of_others_is_named_only_by_force() {
    let farm = consuming_farm(PRECISE);
    let all = [
        farm.amiable(&["roll", "agent", "--write"]),
        farm.amiable(&["roll", "agent", "--write", "--to", "ami-12345678"]),
        farm.amiable(&["roll", "agent", "--write", "--to", "7"]),
        farm.amiable(&["roll", "agent", "--write", "--to", "nonsense"]),
        farm.amiable(&["roll", "agnt"]),
        {
            farm.stdout(&["update", "agent", "-q", "--no-verify"]);
            let text = farm.stdout(&["list", "--output", "json"]);
            let list: serde_json::Value = serde_json::from_str(&text).unwrap();
            let pending = list[0]["ami"].as_str().unwrap().to_owned();
            farm.amiable(&["roll", "agent", "--write", "--to", &pending])
        },
        farm.amiable(&["verify", "agent"]),
        farm.amiable(&["roll", "agent", "--write"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

/// Agents that look their AMI up may have any, unless a consumer's tag is what they look for.
#[test]
fn what_agents_look_up_may_be_in_use() {
    let casc =
        "[[template.agent.consumer]]\njenkins = { file = \"found.yml\", agents = [\"a\"] }\n";
    let farm = consuming_farm(&format!("{CHANNEL}{casc}"));
    let found = |filter: &str| {
        format!(
            "- amazonEC2:\n    templates:\n    - {{ami: ami-12345678, description: a}}\n    \
             - description: b\n      amiFilters:\n      - {filter}\n"
        )
    };
    farm.write("found.yml", &found("{name: \"name\", values: \"jenkins-*\"}"));
    let first = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    let mut all = vec![farm.amiable(&["delete", &first, "--dry-run"])];
    farm.write("found.yml", &found("{name: \"tag:channel\", values: \"stable\"}"));
    all.push(farm.amiable(&["delete", &first, "--dry-run"]));
    insta::assert_snapshot!(all.join("\n"));
}

/// A file on one line would be shown with all of its secrets.
#[test]
fn a_diff_shows_no_line_that_is_no_line_for_people() {
    let one_line: String = CONFIG.lines().map(str::trim).collect();
    let farm = consuming_farm(PRECISE);
    farm.write("jenkins/config.xml", &one_line);
    let all = [
        farm.amiable(&["roll", "agent", "--to", "ami-12345678", "--force", "--diff"]),
        farm.amiable(&["roll", "agent", "--to", "ami-12345678", "--force", "--write"]),
    ];
    let edited = read(&farm, "jenkins/config.xml");
    assert_eq!(edited.matches("<ami>ami-12345678</ami>").count(), 2);
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn one_place_follows_one_template_however_it_is_named() {
    let again = PRECISE.replace("jenkins/config.xml", "./jenkins/../jenkins/config.xml");
    let farm = consuming_farm(&format!("{PRECISE}{again}"));
    insta::assert_snapshot!(farm.amiable(&["validate"]));
}

/// What a dead bake has left is not removed while a consumer names it: neither by a sweep
/// nor by the next bake.
#[test]
fn no_clean_up_takes_what_a_consumer_names() {
    let farm = consuming_farm(PRECISE);
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--delays", "image=60s"]);
    let mut bake = farm.spawn(&["update", "agent"]);
    let seen = wait_for_line(&mut bake, "  image ami-");
    bake.kill().unwrap();
    bake.wait().unwrap();
    let left = seen.split("  image ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    farm.edit("jenkins/config.xml", "ami-baba68d3", &left);
    let mut all = vec![farm.amiable(&["sweep", "--dry-run"])];
    // Another recipe, so that the image is not gone on with.
    farm.write("init/setup-agent", "#!/bin/sh\necho other\n");
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--delays", "image=0s"]);
    let again = farm.amiable(&["update", "agent"]);
    let tells = |line: &&str| line.contains("stays") || line.contains("removed");
    all.extend(again.lines().filter(tells).map(String::from));
    farm.edit("jenkins/config.xml", &left, "ami-baba68d3");
    all.push(farm.amiable(&["sweep", "--dry-run"]));
    insta::assert_snapshot!(all.join("\n"));
}
