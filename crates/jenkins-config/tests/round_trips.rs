//! For any file: to another AMI and back is the file as it was, and parsers that this
//! library does not stand on see the intended values changed, and no others.

use jenkins_config::{Change, Document};
use proptest::prelude::*;
use proptest::sample::select;

/// An agent template of a generated file.
#[derive(Debug, Clone)]
struct Agent {
    description: Option<String>,
    ami: u32,
    /// How the id is written.
    style: usize,
    script: String,
}

fn agent() -> impl Strategy<Value = Agent> {
    let text = || {
        proptest::collection::vec(
            select(vec![
                "a", "é", "<", "&", "]]>", "\"", "'", " ", "ami-", "#", ": ", "${x}", "世",
            ]),
            1..6,
        )
        .prop_map(|parts| format!("d{}d", parts.concat()))
    };
    let line = select(vec!["#!/bin/sh", "  echo \"x\" && y", "", "a > b # c", "é 'q'", "\ttab"]);
    let script = proptest::collection::vec(line, 1..5).prop_map(|lines| lines.join("\n") + "\n");
    (proptest::option::of(text()), any::<u32>(), 0usize..6, script)
        .prop_map(|(description, ami, style, script)| Agent { description, ami, style, script })
}

/// What is the same in a whole file.
#[derive(Debug, Clone)]
struct Frame {
    marked: bool,
    line_end: &'static str,
    comments: bool,
    flow: bool,
    documents: usize,
}

fn frame() -> impl Strategy<Value = Frame> {
    (any::<bool>(), select(vec!["\n", "\r\n"]), any::<bool>(), any::<bool>(), 1usize..3).prop_map(
        |(marked, line_end, comments, flow, documents)| Frame {
            marked,
            line_end,
            comments,
            flow,
            documents,
        },
    )
}

fn finished(text: &str, frame: &Frame) -> Vec<u8> {
    let mark = if frame.marked { "\u{feff}" } else { "" };
    format!("{mark}{}", text.replace('\n', frame.line_end)).into_bytes()
}

fn xml_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn xml(agents: &[Agent], frame: &Frame) -> Vec<u8> {
    let mut text = String::from("<?xml version='1.0' encoding='UTF-8'?>\n<hudson>\n<clouds>\n");
    text += "<hudson.plugins.ec2.EC2Cloud plugin=\"ec2@1.36\">\n <name>c</name>\n <templates>\n";
    for agent in agents {
        let id = format!("ami-{:08x}", agent.ami);
        text += "  <hudson.plugins.ec2.SlaveTemplate>\n";
        if frame.comments {
            text += &format!("    <!-- not {id} & < -->\n");
        }
        text += &match agent.style {
            0 => format!("    <ami>{id}</ami>\n"),
            1 => format!("    <ami><![CDATA[{id}]]></ami>\n"),
            2 => format!("    <ami>\n      {id}\n    </ami >\n"),
            3 => format!("    <ami><!-- was {id} -->{id}</ami>\n"),
            4 => format!("    <ami x='{id}' >{id}<?pi {id}?></ami>\n"),
            _ => format!("    <ami>{id}</ami><note>{id}</note>\n"),
        };
        if let Some(description) = &agent.description {
            text += &format!("    <description>{}</description>\n", xml_text(description));
        }
        text += &format!("    <initScript>{}</initScript>\n", xml_text(&agent.script));
        text += "    <userData/>\n  </hudson.plugins.ec2.SlaveTemplate>\n";
    }
    text +=
        " </templates>\n</hudson.plugins.ec2.EC2Cloud>\n</clouds>\n<label></label>\n</hudson>\n";
    finished(&text, frame)
}

fn yaml_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn yaml(agents: &[Agent], frame: &Frame) -> Vec<u8> {
    let mut text = String::new();
    for document in 0..frame.documents {
        text += "---\njenkins:\n  clouds:\n  - amazonEC2:\n      name: c\n      templates:\n";
        for (number, agent) in agents.iter().enumerate() {
            if number % frame.documents == document {
                text += &yaml_agent(agent, number, frame);
            }
        }
        text += "unclassified: {}\n";
    }
    finished(&text, frame)
}

fn yaml_agent(agent: &Agent, number: usize, frame: &Frame) -> String {
    let id = format!("ami-{:08x}", agent.ami);
    let description = agent.description.as_deref().map(yaml_quoted).unwrap_or_default();
    if frame.flow && agent.style < 3 {
        let quoted = [id.clone(), format!("'{id}'"), format!("\"{id}\"")][agent.style].clone();
        let description = if description.is_empty() { "~" } else { &description };
        return format!("      - {{ami: {quoted}, description: {description}}}\n");
    }
    let comment = if frame.comments { format!("  # not {id}") } else { String::new() };
    let ami = match agent.style {
        0 => format!("ami: {id}{comment}"),
        1 => format!("ami: '{id}'{comment}"),
        2 => format!("ami: \"{id}\"{comment}"),
        3 => format!("ami: |-{comment}\n          {id}"),
        4 => format!("ami: &ami{number} {id}{comment}"),
        _ => format!("\"ami\" : !!str {id}{comment}"),
    };
    let script: String = agent
        .script
        .lines()
        .map(|line| if line.is_empty() { "\n".into() } else { format!("          {line}\n") })
        .collect();
    let needs_indicator = agent.script.starts_with([' ', '\t', '\n']);
    let header = if needs_indicator { "|2" } else { "|" };
    format!(
        "      - {ami}\n        description: {description}\n        initScript: {header}\n{script}        zone: z\n"
    )
}

/// Every element and attribute with its own text, as another parser sees it.
fn xml_seen(bytes: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(bytes).unwrap();
    let document = roxmltree::Document::parse(text).unwrap();
    let mut seen = Vec::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let text = node.children().filter(roxmltree::Node::is_text);
        let own: String = text.filter_map(|it| it.text()).collect();
        seen.push((node.tag_name().name().to_owned(), own));
        for attribute in node.attributes() {
            seen.push((format!("@{}", attribute.name()), attribute.value().to_owned()));
        }
    }
    seen
}

/// Every scalar with its key, as another parser sees it.
fn yaml_seen(bytes: &[u8]) -> Vec<(String, String)> {
    use serde::Deserialize;
    use serde_yaml_ng::Value;
    fn walk(key: &str, value: &Value, seen: &mut Vec<(String, String)>) {
        match value {
            Value::Sequence(items) => items.iter().for_each(|item| walk(key, item, seen)),
            Value::Mapping(entries) => {
                for (key, value) in entries {
                    walk(key.as_str().unwrap_or("?"), value, seen);
                }
            }
            Value::Tagged(tagged) => walk(key, &tagged.value, seen),
            scalar => seen.push((key.to_owned(), serde_yaml_ng::to_string(scalar).unwrap())),
        }
    }
    let text = std::str::from_utf8(bytes).unwrap().trim_start_matches('\u{feff}');
    let mut seen = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        walk("", &Value::deserialize(document).unwrap(), &mut seen);
    }
    seen
}

fn goes_and_comes_back(
    bytes: &[u8],
    chosen: &[bool],
    new: &str,
    seen: fn(&[u8]) -> Vec<(String, String)>,
) -> Result<(), TestCaseError> {
    let document = Document::parse(bytes).unwrap();
    let chosen: Vec<usize> =
        (0..document.agents().len()).filter(|number| chosen.get(*number) == Some(&true)).collect();
    let changes = |to: &dyn Fn(usize) -> String| -> Vec<Change> {
        let change =
            |agent: &usize| Change { agent: *agent, ami: Some(to(*agent)), ..Change::default() };
        chosen.iter().map(change).collect()
    };
    let old = |number: usize| document.agents()[number].ami.clone().unwrap();
    let there = document.edit(&changes(&|_| new.to_owned())).unwrap();
    let mut expected = seen(bytes);
    let amis = expected.iter_mut().filter(|(key, _)| key == "ami");
    for (number, (_, value)) in amis.enumerate() {
        if chosen.contains(&number) {
            *value = value.replace(&old(number), new);
        }
    }
    prop_assert_eq!(seen(&there), expected);
    let back = Document::parse(&there).unwrap().edit(&changes(&old)).unwrap();
    prop_assert_eq!(back, bytes);
    Ok(())
}

/// Another init script, and the old one again: parsers see just that.
fn script_goes_and_comes_back(
    bytes: &[u8],
    new: &str,
    seen: fn(&[u8]) -> Vec<(String, String)>,
) -> Result<(), TestCaseError> {
    let document = Document::parse(bytes).unwrap();
    for (number, agent) in document.agents().iter().enumerate() {
        let Some(old) = &agent.init_script else { continue };
        let to = |script: &str, written: Option<&str>| Change {
            agent: number,
            ami: None,
            init_script: Some(script.into()),
            written: written.map(String::from),
        };
        let there = Document::parse(&document.edit(&[to(new, None)]).unwrap()).unwrap();
        let script = there.agents()[number].init_script.clone().unwrap();
        let script = match there.format() {
            jenkins_config::Format::Xml => script,
            jenkins_config::Format::Casc => jenkins_config::resolved(&script).unwrap(),
        };
        prop_assert_eq!(&script, new);
        let back = there.edit(&[to(old, None)]).unwrap();
        prop_assert_eq!(seen(&back), seen(bytes));
        let back = there.edit(&[to(old, document.written_script(number))]).unwrap();
        prop_assert_eq!(back, bytes);
    }
    Ok(())
}

proptest! {
    #[test]
    fn xml_goes_and_comes_back(
        agents in proptest::collection::vec(agent(), 1..6),
        frame in frame(),
        chosen in proptest::collection::vec(any::<bool>(), 6),
        new in "ami-[0-9a-f]{17}",
    ) {
        goes_and_comes_back(&xml(&agents, &frame), &chosen, &new, xml_seen)?;
    }

    #[test]
    fn yaml_goes_and_comes_back(
        agents in proptest::collection::vec(agent(), 1..6),
        frame in frame(),
        chosen in proptest::collection::vec(any::<bool>(), 6),
        new in "ami-[0-9a-f]{17}",
    ) {
        goes_and_comes_back(&yaml(&agents, &frame), &chosen, &new, yaml_seen)?;
    }

    #[test]
    fn scripts_go_and_come_back(
        agents in proptest::collection::vec(agent(), 1..4),
        frame in frame(),
        new in agent(),
    ) {
        // A blank script counts as none.
        prop_assume!(!new.script.trim().is_empty());
        script_goes_and_comes_back(&xml(&agents, &frame), &new.script, xml_seen)?;
        script_goes_and_comes_back(&yaml(&agents, &frame), &new.script, yaml_seen)?;
    }

    /// Whatever is fed to it.
    #[test]
    fn no_file_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[-:<>{}&*|a\n \"']{0,80}") {
        let _ = Document::parse(&bytes);
        for text in [text.clone(), format!("<a>{text}</a>"), format!("- amazonEC2: {{templates: [{text}]}}"), format!("- amazonEC2:\n    templates:\n    - {text}\n")] {
            if let Ok(document) = Document::parse(text.as_bytes()) {
                for agent in 0..document.agents().len() {
                    let change = Change { agent, ami: Some("ami-1".into()), init_script: Some(text.clone()), ..Change::default() };
                    let _ = document.edit(&[change]);
                }
            }
        }
    }
}
