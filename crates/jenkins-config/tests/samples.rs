//! Files as people have them: what is found in them, and what is refused.

#![expect(clippy::print_stdout, reason = "tells which files it has seen")]

use jenkins_config::{
    Agent, AgentName, Change, Document, EditError, FindError, Format, Region, Remark, Selector,
};

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
    Change { agent, ami: Some(ami.into()), ..Change::default() }
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
    assert_eq!(config.clouds()[0].region, Region::Named("us-east-1".into()));
    let agent = &config.agents()[found(&config, "precise_hwpack_cloud")];
    assert_eq!(agent.labels, "precise hwpack");
    let field = |path: &str| agent.field(path).map(|field| field.value.as_str());
    assert_eq!(field("amiType.sshPort"), Some("22"));
    assert_eq!(field("amiType@class"), Some("hudson.plugins.ec2.UnixData"));
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
    let text = "- amazonEC2:\n    templates:\n    - description:\n      ami: \"ami-5678\"\n      \
                labelString: \"linux clear\"\n    - amiFilters: []\n";
    let document = parse(text);
    let agent = AgentName::Labels("clear  linux".into());
    assert_eq!(document.find(&Selector { cloud: None, agent: &agent }), Ok(0));
    let agent = AgentName::Description("clear".into());
    let error = document.find(&Selector { cloud: None, agent: &agent }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no agent template `clear`; there is labels \"linux clear\", an agent template \
         without description"
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
        "a (line 6) shares it through an anchor with b (line 7), which would change too"
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
    let text = "- amazonEC2:\n    templates:\n    - {ami: \"${AMI}\", description: a, initScript: \
                \"x ^${y}\"}\n";
    let document = parse(text);
    let refused = document.edit(&[to(0, "ami-2")]).unwrap_err();
    assert_eq!(refused.to_string(), "a (line 3) takes it from ${AMI}, which is set elsewhere");
    let change = Change { init_script: Some("echo ${HOME}\n".into()), ..Change::default() };
    let edited = String::from_utf8(document.edit(&[change]).unwrap()).unwrap();
    assert!(edited.contains("initScript: \"echo ^${HOME}\\n\""), "{edited}");
}

#[test]
fn a_script_goes_and_comes_back() {
    for bytes in [CONFIG, CASC] {
        let document = Document::parse(bytes).unwrap();
        let agent = found(&document, "precise_hwpack_cloud");
        let with = |document: &Document, script: &str| {
            let change =
                Change { agent, init_script: Some(script.to_owned()), ..Change::default() };
            document.edit(&[change]).unwrap()
        };
        let small = with(&document, "#!/bin/sh -e\nsudo apt-get -y upgrade && echo 'done'\n");
        let small = Document::parse(&small).unwrap();
        let script = small.agents()[agent].init_script.as_deref().unwrap();
        assert_eq!(script, "#!/bin/sh -e\nsudo apt-get -y upgrade && echo 'done'\n");
        let old = document.agents()[agent].init_script.as_deref().unwrap();
        assert_eq!(with(&small, old), bytes);
        let nothing = Change { agent: found(&document, "oneiric"), ..Change::default() };
        assert_eq!(document.edit(&[nothing]).unwrap(), bytes);
    }
}

#[test]
fn what_readers_take_in_two_ways_is_refused_where_it_is_read() {
    let agent = |inner: &str| {
        format!(
            "<hudson.plugins.ec2.EC2Cloud><templates><hudson.plugins.ec2.SlaveTemplate>{inner}\
             </hudson.plugins.ec2.SlaveTemplate></templates></hudson.plugins.ec2.EC2Cloud>"
        )
    };
    let twice = Document::parse(agent("<ami>ami-1</ami>\n<ami>ami-2</ami>").as_bytes());
    assert_eq!(twice.unwrap_err().to_string(), "line 2: `ami` appears twice");
    let null = parse("- amazonEC2:\n    templates:\n    - {ami: ami-1, description: ~}\n");
    assert_eq!(null.agents()[0].description, None);
    let yaml = |more: &str| {
        format!(
            "jenkins:\n  clouds:\n  - kubernetes:\n      args: a\n      args: b\n  - amazonEC2:\n      \
             templates:\n      - ami: ami-1\n        note: x\n        note: y\n{more}"
        )
    };
    let text = yaml("");
    let edited = parse(&text).edit(&[to(0, "ami-2")]).unwrap();
    assert_eq!(String::from_utf8(edited).unwrap(), text.replace("ami-1", "ami-2"));
    for (more, told) in [
        ("        ami: ami-2\n", "line 11: `ami` appears twice"),
        ("      region: a\n      region: b\n", "line 12: `region` appears twice"),
        ("  clouds: []\n", "line 11: `clouds` appears twice"),
        ("jenkins: {}\n", "line 11: `jenkins` appears twice"),
    ] {
        assert_eq!(Document::parse(yaml(more).as_bytes()).unwrap_err().to_string(), told);
    }
}

const CLOUD: &str = "jenkins:\n  clouds:\n  - amazonEC2:\n      name: c\n      templates:\n      \
                     - ami: \"ami-1\" # ami-1, built nightly\n        description: a\n        \
                     initScript: \"x\"\n";

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

/// Helm's values, ConfigMaps, and variables of Ansible's and Salt's.
#[test]
fn configuration_in_files_of_other_programs_is_edited_in_place() {
    let xml = "<?xml version='1.1' encoding='UTF-8'?>\n<hudson><clouds><hudson.plugins.ec2.EC2Cloud>\
        <name>c</name><templates><hudson.plugins.ec2.SlaveTemplate>\n<ami>ami-1</ami>\
        <description>a</description></hudson.plugins.ec2.SlaveTemplate></templates>\
        </hudson.plugins.ec2.EC2Cloud></clouds></hudson>\n";
    let quoted = CLOUD.replace('"', "\\\"").replace('\n', "\\n");
    for (text, line, place) in [
        (format!("jenkins_jcasc:\n{}", indented(CLOUD, 2)), 7, None),
        (format!("a:\n- b: {{}}\n  c:\n{}", indented(CLOUD, 4)), 9, None),
        (
            format!(
                "controller:\n  JCasC:\n    configScripts:\n      agents: |  # ami-1\n{}\n  x: 1\n",
                indented(CLOUD, 8)
            ),
            10,
            Some("controller.JCasC.configScripts.agents"),
        ),
        (
            format!(
                "kind: ConfigMap\n---\ndata:\n  jcasc-default-config.yaml: |-\n{}",
                indented(CLOUD, 5)
            ),
            10,
            Some("data.jcasc-default-config.yaml"),
        ),
        (format!("data:\n  config.xml: |2\n{}", indented(xml, 4)), 4, Some("data.config.xml")),
        (format!("Master:\n  JCasC: \"{quoted}\"\n"), 2, Some("Master.JCasC")),
    ] {
        let document = parse(&text);
        assert_eq!(amis(&document), [("a".to_owned(), "ami-1".to_owned())], "{text}");
        assert_eq!(document.agents()[0].line, line, "{text}");
        assert_eq!(document.texts().next(), place, "{text}");
        let there = document.edit(&[to(0, "ami-0123456789abcdef0")]).unwrap();
        let there = String::from_utf8(there).unwrap();
        let places = [
            ("\"ami-1\"", "\"ami-0123456789abcdef0\""),
            ("\\\"ami-1\\\"", "\\\"ami-0123456789abcdef0\\\""),
            ("<ami>ami-1<", "<ami>ami-0123456789abcdef0<"),
        ];
        let expected = places.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
        assert_eq!(there, expected);
        let back = parse(&there).edit(&[to(0, "ami-1")]).unwrap();
        assert_eq!(String::from_utf8(back).unwrap(), text);
    }
}

#[test]
fn the_script_of_a_text_within_a_file_goes_and_comes_back() {
    let text = format!("data:\n  casc.yaml: |\n{}  other: |\n    x\n", indented(CLOUD, 4));
    let document = parse(&text);
    let with = |document: &Document, script: &str, written: Option<&str>| {
        let (script, written) = (script.to_owned(), written.map(String::from));
        let change = Change { init_script: Some(script), written, ..Change::default() };
        String::from_utf8(document.edit(&[change]).unwrap()).unwrap()
    };
    let there = with(&document, "echo ${HOME}\n", None);
    assert_eq!(there, text.replace("initScript: \"x\"", "initScript: \"echo ^${HOME}\\n\""));
    assert_eq!(with(&parse(&there), "x", document.written_script(0)), text);
}

/// To another script and back, however it is written.
#[test]
fn a_script_comes_back_as_it_was_written() {
    for (script, written) in [
        ("#!/bin/sh\necho one two\n", "\"#!/bin/sh\\necho one \\\n          two\\n\"\n"),
        ("echo one echo two\n", ">\n          echo one\n          echo two\n\n"),
        ("echo one\necho two\n", "'echo one\n\n          echo two\n\n          '\n"),
        ("echo one && echo two", "echo one &&\n          echo two\n"),
        ("echo one\n\n\n", "|+\n          echo one\n\n\n"),
        ("echo \u{e9} \t A\n", "\"echo \\u00e9 \\t \\x41\\n\"\n"),
        ("a\nb\n", "|\n          a\r\n          b\n"),
    ] {
        let text = format!(
            "jenkins:\n  clouds:\n  - amazonEC2:\n      templates:\n      - ami: ami-1\n        \
             initScript: {written}        mode: NORMAL\n"
        );
        let document = parse(&text);
        assert_eq!(document.agents()[0].init_script.as_deref(), Some(script), "{text}");
        // One that cannot be a block, too.
        for other in ["#!/bin/sh\ntrue\n", "  x\u{2028}\n"] {
            let with = |document: &Document, script: &str, written: Option<&str>| {
                let (script, written) = (script.to_owned(), written.map(String::from));
                let change = Change { init_script: Some(script), written, ..Change::default() };
                document.edit(&[change]).unwrap()
            };
            let there = Document::parse(&with(&document, other, None)).unwrap();
            let back = with(&there, script, document.written_script(0));
            assert_eq!(String::from_utf8(back).unwrap(), text);
            // What reads as another script is not put back.
            let back = with(&there, "other\n", document.written_script(0));
            let back = Document::parse(&back).unwrap();
            assert_eq!(back.agents()[0].init_script.as_deref(), Some("other\n"));
        }
    }
    let xml = "<hudson.plugins.ec2.EC2Cloud><templates>\r\n<hudson.plugins.ec2.SlaveTemplate><initScript>a&#10;&#x62;\r\nc\n&quot;</initScript>\
        </hudson.plugins.ec2.SlaveTemplate></templates></hudson.plugins.ec2.EC2Cloud>";
    let document = parse(xml);
    assert_eq!(document.agents()[0].init_script.as_deref(), Some("a\nb\nc\n\""));
    let with = |document: &Document, script: &str, written: Option<&str>| {
        let (script, written) = (script.to_owned(), written.map(String::from));
        document
            .edit(&[Change { init_script: Some(script), written, ..Change::default() }])
            .unwrap()
    };
    let there = Document::parse(&with(&document, "x\n", None)).unwrap();
    let back = with(&there, "a\nb\nc\n\"", document.written_script(0));
    assert_eq!(String::from_utf8(back).unwrap(), xml);
}

#[test]
fn what_is_left_alone_is_told() {
    let remarks = |text: &str| -> Vec<String> {
        parse(text).remarks().iter().map(Remark::to_string).collect()
    };
    let fleet = "a cloud of the EC2 Fleet plugin names no AMI: its auto scaling group or fleet \
                 starts agents from a launch template, which a `launch_template` consumer follows";
    let astray =
        "has `templates` where Jenkins does not look: it must be a list below the cloud's own keys";
    for (text, expected) in [
        (
            "clouds:\n- amazonEC2:\n    name: c\n",
            "cloud c (line 3) has no agent templates".to_owned(),
        ),
        (
            "clouds:\n- amazonEC2:\n    name: c\n    templates:\n",
            "cloud c (line 3) has no agent templates".to_owned(),
        ),
        (
            "clouds:\n- amazonEC2:\n    name: c\n  templates:\n  - ami: ami-1\n",
            format!("cloud c (line 3) {astray}"),
        ),
        (
            "clouds:\n- amazonEC2:\n  name: c\n  templates:\n  - ami: ami-1\n",
            format!("cloud a cloud without name (line 2) {astray}"),
        ),
        (
            "clouds:\n- amazonEC2:\n    templates:\n      ami: ami-1\n",
            format!("cloud a cloud without name (line 3) {astray}"),
        ),
        ("clouds:\n- eC2Fleet:\n    name: f\n", format!("line 3: {fleet}")),
        (
            "<a><com.amazon.jenkins.ec2fleet.EC2FleetCloud><name>f</name></com.amazon.jenkins.ec2fleet.EC2FleetCloud></a>",
            format!("line 1: {fleet}"),
        ),
        (
            "<hudson.plugins.ec2.EC2Cloud><name>c</name><hudson.plugins.ec2.SlaveTemplate><ami>ami-1</ami></hudson.plugins.ec2.SlaveTemplate></hudson.plugins.ec2.EC2Cloud>",
            format!("cloud c (line 1) {astray}"),
        ),
    ] {
        assert_eq!(remarks(text), [expected], "{text}");
    }
    let two = format!("a: |\n{}b: |\n  amazonEC2: [\n", indented(CLOUD, 2));
    let [remark] = &remarks(&two)[..] else { panic!() };
    assert!(remark.starts_with("the text at b: it is not valid YAML: line 1"), "{remark}");
    let broken = Document::parse(b"a:\n  b: |\n    amazonEC2: [\n").unwrap_err().to_string();
    assert!(broken.starts_with("the text at a.b: it is not valid YAML: line 3: "), "{broken}");
}

#[test]
fn templates_and_programs_are_called_what_they_are() {
    for (text, told) in [
        (
            "<%- if @x -%>\njenkins:\n<%- end -%>\n",
            "it is a template (ERB), not a file that Jenkins reads",
        ),
        (
            "{% if x %}\njenkins:\n  clouds:\n{% endif %}\n",
            "it is a template (Jinja), not a file that Jenkins reads",
        ),
        (
            "data:\n{{- range .Values.x }}\n  a: b\n{{- end }}\n",
            "it is a template (Go, as Helm's charts have them), not a file that Jenkins reads",
        ),
        (
            "variable \"ami\" {\n  default = \"ami-1\"\n}\nlocals {\n  casc = \"amazonEC2: \
             {}\"\n}\n",
            "it is a configuration of Terraform, not a file that Jenkins reads",
        ),
    ] {
        assert_eq!(Document::parse(text.as_bytes()).unwrap_err().to_string(), told, "{text}");
    }
}

#[test]
fn what_finds_amis_beside_their_ids_is_read() {
    let xml = "<hudson.plugins.ec2.EC2Cloud><templates><hudson.plugins.ec2.SlaveTemplate><amiOwners>self 1</amiOwners>\
        <amiFilters><hudson.plugins.ec2.EC2Filter><name>name</name><values>a* &apos;b c&apos;</values></hudson.plugins.ec2.EC2Filter>\
        <hudson.plugins.ec2.EC2Filter><values>x</values><name>tag:k</name></hudson.plugins.ec2.EC2Filter></amiFilters>\
        </hudson.plugins.ec2.SlaveTemplate></templates></hudson.plugins.ec2.EC2Cloud>";
    let yaml = "- amazonEC2:\n    templates:\n    - amiOwners: self 1\n      amiFilters:\n      - \
                name: name\n        values: \"a* 'b c'\"\n      - {values: x, name: \"tag:k\"}\n";
    for text in [xml, yaml] {
        let search = parse(text).agents()[0].search.clone();
        assert_eq!(search.keys(), ["amiOwners", "amiFilters"]);
        assert_eq!(search.owners, ["self", "1"]);
        let filter = |name: &str, values: &[&str]| {
            (name.to_owned(), values.iter().map(|it| (*it).to_owned()).collect::<Vec<String>>())
        };
        assert_eq!(search.filters, [filter("name", &["a*", "b c"]), filter("tag:k", &["x"])]);
    }
    let unknown = parse("- amazonEC2:\n    templates:\n    - {amiUsers: \"${USER}\"}\n");
    let search = &unknown.agents()[0].search;
    assert_eq!(search.unknown, Some(("amiUsers", "${USER}".into())));
    assert_eq!(search.keys(), ["amiUsers"]);
    assert!(!search.is_empty());
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
    let change =
        Change { agent, init_script: Some("5 \u{20ac} \u{e9}\n".into()), ..Change::default() };
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

/// A file may be converted between two rolls.
#[test]
fn a_script_of_before_is_not_put_back_with_other_line_ends() {
    let text = "- amazonEC2:\n    templates:\n    - ami: ami-1\n      initScript: |\n        a\n        b\n";
    let with = |text: &str, script: &str, written: Option<&str>| {
        let (script, written) = (script.to_owned(), written.map(String::from));
        let change = Change { init_script: Some(script), written, ..Change::default() };
        String::from_utf8(parse(text).edit(&[change]).unwrap()).unwrap()
    };
    let crlf = text.replace('\n', "\r\n");
    for (from, to) in [(text, &*crlf), (&*crlf, text)] {
        let before = parse(from);
        let there = with(to, "x\n", None);
        assert_eq!(with(&there, "a\nb\n", before.written_script(0)), to);
    }
    // The last line of a file may have no end.
    let text = text.trim_end();
    let there = with(text, "x\n", None);
    let before = parse(text);
    let script = before.agents()[0].init_script.clone().unwrap();
    assert_eq!(with(&there, &script, before.written_script(0)), text);
}
