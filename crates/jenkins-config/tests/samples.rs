//! Files as people have them: what is found in them, and what is refused.

#![expect(clippy::print_stdout, reason = "tells which files it has seen")]

use jenkins_config::{Agent, AgentName, Change, Document, EditError, FindError, Format, Selector};

const CONFIG: &[u8] = include_bytes!("files/ci-config.xml");
const CASC: &[u8] = include_bytes!("files/ci-jcasc.yml");
const MOVES: &str = include_str!("files/ami-moves.tsv");

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap()
}

fn found(document: &Document, description: &str) -> usize {
    let agent = AgentName::Description(description.into());
    document.find(&Selector { cloud: None, agent: &agent }).unwrap()
}

fn to(agent: usize, ami: &str) -> Change {
    Change { agent, ami: Some(ami.into()), init_script: None }
}

/// The agent templates with their AMIs.
fn amis(document: &Document) -> Vec<(String, String)> {
    let of = |agent: &Agent| (agent.title(), agent.ami.clone().unwrap_or_default());
    document.agents().iter().map(of).collect()
}

#[test]
fn both_files_of_one_farm_say_the_same() {
    let [config, casc] = [CONFIG, CASC].map(|bytes| Document::parse(bytes).unwrap());
    assert_eq!((config.format(), casc.format()), (Format::Xml, Format::Casc));
    assert_eq!(amis(&config), amis(&casc));
    assert_eq!(config.agents().len(), 7);
    let scripts = |it: &Document| -> Vec<Option<String>> {
        it.agents().iter().map(|agent| agent.init_script.clone()).collect()
    };
    assert_eq!(scripts(&config), scripts(&casc));
    assert_eq!(config.clouds()[0].name, "ec2-ci");
    assert_eq!(config.clouds()[0].region.as_deref(), Some("us-east-1"));
    let agent = &config.agents()[found(&config, "precise_hwpack_cloud")];
    assert_eq!(agent.labels, "precise hwpack");
    assert_eq!(agent.field("amiType.sshPort"), Some("22"));
    assert_eq!(agent.field("amiType@class"), Some("hudson.plugins.ec2.UnixData"));
}

#[test]
fn the_moves_of_the_table_change_the_ids_and_nothing_else_and_go_back() {
    let moves: Vec<Vec<&str>> =
        MOVES.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(moves.len(), 7);
    for bytes in [CONFIG, CASC] {
        let apply = |bytes: &[u8], column: usize| {
            let document = Document::parse(bytes).unwrap();
            let changes: Vec<Change> =
                moves.iter().map(|row| to(found(&document, row[0]), row[column])).collect();
            document.edit(&changes).unwrap()
        };
        let after = apply(bytes, 2);
        let document = Document::parse(&after).unwrap();
        let expected: Vec<(String, String)> =
            moves.iter().map(|row| (row[0].to_owned(), row[2].to_owned())).collect();
        assert_eq!(amis(&document), expected);
        let differ = std::iter::zip(bytes, &after).filter(|(left, right)| left != right).count();
        // Four ids of eight hexadecimal digits changed, two of them share some digits.
        assert!(bytes.len() == after.len() && differ <= 4 * 8, "{differ}");
        assert_eq!(apply(&after, 1), bytes);
    }
}

#[test]
fn clouds_are_found_by_all_their_names() {
    let text = "<hudson><clouds>\
        <hudson.plugins.ec2.AmazonEC2Cloud><cloudName>old</cloudName><templates>\
          <hudson.plugins.ec2.SlaveTemplate><ami>ami-1</ami><description>a</description></hudson.plugins.ec2.SlaveTemplate>\
        </templates></hudson.plugins.ec2.AmazonEC2Cloud>\
        <hudson.plugins.ec2.EC2Cloud><name>new</name><templates>\
          <hudson.plugins.ec2.SlaveTemplate><ami>ami-2</ami><description>a</description></hudson.plugins.ec2.SlaveTemplate>\
        </templates></hudson.plugins.ec2.EC2Cloud>\
        <hudson.plugins.ec2.EC2Cloud><templates class=\"empty-list\"/></hudson.plugins.ec2.EC2Cloud>\
        <other.Cloud><templates><x><ami>ami-3</ami></x></templates></other.Cloud>\
        </clouds></hudson>";
    let document = parse(text);
    let names: Vec<&str> = document.clouds().iter().map(|cloud| cloud.name.as_str()).collect();
    assert_eq!(names, ["old", "new", ""]);
    let agent = AgentName::Description("a".into());
    let find = |cloud| document.find(&Selector { cloud, agent: &agent });
    assert_eq!(find(Some("new")), Ok(1));
    assert!(matches!(find(None), Err(FindError::Several { .. })));
    assert!(matches!(find(Some("newer")), Err(FindError::NoCloud { .. })));
}

#[test]
fn configuration_as_code_is_found_whole_and_in_parts() {
    let cloud =
        "- amazonEC2:\n    name: c\n    templates:\n    - ami: ami-1\n      description: a\n";
    let indented = |by: usize| -> String {
        cloud.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
    };
    for text in [
        cloud.to_owned(),
        format!("clouds:\n{cloud}"),
        format!("jenkins:\n  clouds:\n{}", indented(4)),
        format!("jenkins:\n  mode: NORMAL\n---\njenkins:\n  clouds:\n{}", indented(4)),
    ] {
        assert_eq!(amis(&parse(&text)), [("a".to_owned(), "ami-1".to_owned())], "{text}");
    }
}

#[test]
fn an_agent_without_description_is_named_by_its_labels() {
    let text = "- amazonEC2:\n    templates:\n    - description:\n      ami: \"ami-5678\"\n      labelString: \"linux clear\"\n    - amiFilters: []\n";
    let document = parse(text);
    let agent = AgentName::Labels("clear  linux".into());
    assert_eq!(document.find(&Selector { cloud: None, agent: &agent }), Ok(0));
    let agent = AgentName::Description("clear".into());
    let error = document.find(&Selector { cloud: None, agent: &agent }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no agent template `clear`; there is labels \"linux clear\", an agent template without description"
    );
    let refused = document.edit(&[to(1, "ami-9")]).unwrap_err();
    assert!(matches!(refused, EditError::NoAmi { line: 6, .. }), "{refused}");
}

#[test]
fn what_others_share_by_an_anchor_changes_with_them_or_not_at_all() {
    let text = "x-base: &base\n  ami: &ami ami-1\nclouds:\n- amazonEC2:\n    templates:\n    \
                - {<<: *base, description: a}\n    - {ami: *ami, description: b}\n";
    let document = parse(text);
    let refused = document.edit(&[to(0, "ami-2")]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a (line 6) shares it, by an anchor, with b (line 7), which would change too"
    );
    let both = document.edit(&[to(0, "ami-2"), to(1, "ami-2")]).unwrap();
    assert_eq!(String::from_utf8(both).unwrap(), text.replace("ami-1", "ami-2"));
    let contradiction = document.edit(&[to(0, "ami-2"), to(1, "ami-3")]).unwrap_err();
    assert!(matches!(contradiction, EditError::Contradiction { .. }), "{contradiction}");
    let elsewhere =
        parse(&format!("note: *ami\n{text}").replace("note: *ami\n", "").replace("x-base", "base"));
    let refused = elsewhere.edit(&[to(0, "ami-2"), to(1, "ami-2")]).unwrap_err();
    assert!(refused.to_string().contains("something that is no agent template"), "{refused}");
}

#[test]
fn a_variable_of_configuration_as_code_is_not_overwritten() {
    let text = "- amazonEC2:\n    templates:\n    - {ami: \"${AMI}\", description: a, initScript: \"x ^${y}\"}\n";
    let document = parse(text);
    let refused = document.edit(&[to(0, "ami-2")]).unwrap_err();
    assert_eq!(refused.to_string(), "a (line 3) takes it from ${AMI}, which is set elsewhere");
    let change = Change { agent: 0, ami: None, init_script: Some("echo ${HOME}\n".into()) };
    let edited = String::from_utf8(document.edit(&[change]).unwrap()).unwrap();
    assert!(edited.contains("initScript: \"echo ^${HOME}\\n\""), "{edited}");
}

#[test]
fn a_script_goes_and_comes_back() {
    for bytes in [CONFIG, CASC] {
        let document = Document::parse(bytes).unwrap();
        let agent = found(&document, "precise_hwpack_cloud");
        let with = |document: &Document, script: &str| {
            let change = Change { agent, ami: None, init_script: Some(script.to_owned()) };
            document.edit(&[change]).unwrap()
        };
        let small = with(&document, "#!/bin/sh -e\nsudo apt-get -y upgrade && echo 'done'\n");
        let small = Document::parse(&small).unwrap();
        let script = small.agents()[agent].init_script.as_deref().unwrap();
        assert_eq!(script, "#!/bin/sh -e\nsudo apt-get -y upgrade && echo 'done'\n");
        let old = document.agents()[agent].init_script.as_deref().unwrap();
        assert_eq!(with(&small, old), bytes);
        let nothing = Change { agent: found(&document, "oneiric"), ami: None, init_script: None };
        assert_eq!(document.edit(&[nothing]).unwrap(), bytes);
    }
}

#[test]
fn what_readers_take_in_two_ways_is_refused() {
    let agent = |inner: &str| {
        format!(
            "<hudson.plugins.ec2.EC2Cloud><templates><hudson.plugins.ec2.SlaveTemplate>{inner}\
             </hudson.plugins.ec2.SlaveTemplate></templates></hudson.plugins.ec2.EC2Cloud>"
        )
    };
    let twice = Document::parse(agent("<ami>ami-1</ami>\n<ami>ami-2</ami>").as_bytes());
    assert_eq!(twice.unwrap_err().to_string(), "line 1: `ami` is there twice");
    let null = parse("- amazonEC2:\n    templates:\n    - {ami: ami-1, description: ~}\n");
    assert_eq!(null.agents()[0].description, None);
}

/// Latin-1 has no place for what another reader would take for something else.
#[test]
fn a_script_in_latin_1_is_written_in_ascii() {
    let xml = "<?xml version='1.0' encoding='ISO-8859-1'?><hudson.plugins.ec2.EC2Cloud><templates>\
        <hudson.plugins.ec2.SlaveTemplate><description>\u{e9}</description><initScript>x</initScript>\
        </hudson.plugins.ec2.SlaveTemplate></templates></hudson.plugins.ec2.EC2Cloud>";
    let bytes: Vec<u8> = xml.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect();
    let document = Document::parse(&bytes).unwrap();
    let agent = found(&document, "\u{e9}");
    let change = Change { agent, ami: None, init_script: Some("5 \u{20ac} \u{e9}\n".into()) };
    let edited = document.edit(&[change]).unwrap();
    let text: String = edited.iter().map(|byte| char::from(*byte)).collect();
    assert!(text.contains("<initScript>5 &#x20ac; &#xe9;\n</initScript>"), "{text}");
}

#[test]
fn five_hundred_agent_templates_are_one_file() {
    let agents: String = (0..500)
        .map(|number| format!("    - ami: ami-{number:08x}\n      description: agent-{number}\n"))
        .collect();
    let text = format!("- amazonEC2:\n    templates:\n{agents}");
    let document = parse(&text);
    let changes: Vec<Change> = (0..500).map(|number| to(number, "ami-0123456789abcdef0")).collect();
    let edited = Document::parse(&document.edit(&changes).unwrap()).unwrap();
    assert!(amis(&edited).iter().all(|(_, ami)| ami == "ami-0123456789abcdef0"));
}

/// Samples that are not ours to keep here, such as the EC2 plugin's own: a folder of them
/// may be named.
#[test]
#[ignore = "takes a folder of such files: AMIABLE_TEST_JENKINS_FILES"]
fn other_peoples_files_are_read_and_edited() {
    let folder = std::env::var_os("AMIABLE_TEST_JENKINS_FILES").expect("it names the folder");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let document = Document::parse(&bytes).unwrap();
        println!("{}: {} agents", path.display(), document.agents().len());
        for (number, agent) in document.agents().iter().enumerate() {
            let Some(old) = &agent.ami else { continue };
            let there = document.edit(&[to(number, "ami-0fedcba9876543210")]).unwrap();
            let edited = Document::parse(&there).unwrap();
            assert_eq!(edited.agents()[number].ami.as_deref(), Some("ami-0fedcba9876543210"));
            assert_eq!(edited.edit(&[to(number, old)]).unwrap(), bytes);
            println!("  {}: {old}", agent.title());
        }
    }
}
