use proptest::prelude::*;

use super::*;
use crate::config::settings::{CloudEndpoint, Config, Need};

const GOOD: &str = r#"
[cloud]
endpoint = "local"

[naming]
namespace = "ci"
pattern = "{template}-{generation}"

[defaults]
instance_type = "t3.small"
ssh_user = "debian"
timeouts = { boot = "5m" }
[defaults.metadata]
team = "build"

[template.agent]
system = "jenkins"
os = "debian-12"
base = { owner = "self", name = "debian-*" }
source = { git = "https://host/x.git", revision = "v1" }
script = "node/setup"
[template.agent.metadata]
contact = "ci@example.org"

[template.tools]
system = "jenkins"
os = "debian-12"
base = { template = "agent" }
source = { bzr = "lp:x", on = "instance" }
script = "setup"
ssh_user = "admin"
"#;

fn read(text: &str) -> Result<Config, Vec<Diagnostic>> {
    schema::read(Path::new("/nowhere/amiable.toml"), text, Need::Bake)
}

fn messages(text: &str) -> Vec<String> {
    read(text).expect_err("a mistake").into_iter().map(|it| it.message).collect()
}

#[test]
fn a_template_has_its_own_keys_and_the_defaults() {
    let config = read(GOOD).unwrap();
    assert_eq!(config.cloud.endpoint, CloudEndpoint::Local);
    let [agent, tools] = config.templates.as_slice() else { panic!("two templates") };
    assert_eq!(agent.launch.instance_types, ["t3.small"]);
    assert_eq!((agent.ssh_user.as_str(), tools.ssh_user.as_str()), ("debian", "admin"));
    assert_eq!(agent.ssh_port, 2222);
    assert_eq!(agent.timeouts.boot.as_secs(), 300);
    assert_eq!(agent.metadata.keys().collect::<Vec<_>>(), ["contact", "team"]);
    assert_eq!(tools.source.on, ami_lifecycle::CheckoutOn::Instance);
}

#[test]
fn each_mistake_is_found_in_the_same_run() {
    for (from, to, expected) in [
        ("endpoint = \"local\"", "endpoint = \"here\"", "`here` is not an endpoint"),
        (
            "namespace = \"ci\"",
            "namespace = 5",
            "`namespace` must be a string, and this is a number",
        ),
        (
            "{template}-{generation}",
            "{template}-{generations}",
            "`pattern`: unknown placeholder {generations}: there are {namespace}, {template}, {system}, {os}, {arch}, {date}, {generation}",
        ),
        ("instance_type", "instance_typ", "[defaults] has no key `instance_typ`"),
        ("boot = \"5m\"", "boot = \"soon\"", "`soon` is not a duration"),
        ("owner = \"self\", ", "", "`base` needs `owner`"),
        (
            "{ template = \"agent\" }",
            "{ template = \"agnt\" }",
            "[template.tools] is based on `agnt`, which is not a template",
        ),
        (
            "{ template = \"agent\" }",
            "{ template = \"tools\" }",
            "[template.tools] is based on itself: tools",
        ),
        ("\"v1\"", "\"-v1\"", "`-v1` is not a revision"),
        (
            "{template}-{generation}",
            "{system}-{generation}",
            "[template.tools] and [template.agent] would give their AMIs the same name",
        ),
        (
            "script = \"setup\"",
            "script = \"../setup\"",
            "`../setup` is not a path inside the source",
        ),
        (
            "system = \"jenkins\"\nos = \"debian-12\"\nbase = { template",
            "base = { template",
            "[template.tools] needs `system`",
        ),
        ("contact =", "\"amiable:x\" =", "`amiable:x` is a key reserved by amiable or AWS"),
        ("ssh_user = \"admin\"", "ssh_port = 70000", "`ssh_port` must be from 1 to 65535"),
        ("[cloud]", "[clout]", "the file has no key `clout`"),
        ("on = \"instance\"", "path = \"x\"", "`source` does not name exactly one place"),
        (
            "ssh_user = \"admin\"",
            "security_groups = [\"a\"]\nsubnet = \"subnet-1\"",
            "the security group `a` is given by name together with a subnet",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let found = messages(&GOOD.replacen(from, to, 1));
        assert!(found.contains(&expected.to_owned()), "{from} -> {to}: {found:#?}");
    }
}

#[test]
fn a_script_is_a_path_a_table_or_several_of_both() {
    let scripts = |value: &str| {
        let config = read(&GOOD.replace("\"node/setup\"", value)).unwrap();
        let shown = config.templates[0].scripts.iter().map(|it| it.to_string());
        shown.collect::<Vec<String>>().join(", ")
    };
    assert_eq!(scripts("\"node/setup\""), "node/setup");
    assert_eq!(scripts("{ path = \"a\", args = [\"--x\", \"y z\"] }"), "a --x 'y z'");
    assert_eq!(scripts("[\"b\", { path = \"a\" }, \"b\"]"), "b, a, b");
    for (value, mistake) in [
        ("[]", "`script` is empty"),
        ("5", "`script` must name a script"),
        ("[\"a\", 5]", "`script` must name a script"),
        ("[\"\"]", "`` is not a path inside the source"),
        ("{ args = [\"x\"] }", "`script` needs `path`"),
        ("{ path = \"a\", arg = \"x\" }", "`script` has no key `arg`"),
    ] {
        assert_eq!(messages(&GOOD.replace("\"node/setup\"", value)), [mistake]);
    }
}

#[test]
fn a_syntax_error_is_told_alone() {
    let found = messages("[naming\nnamespace = 1");
    assert!(
        !found.is_empty() && found.iter().all(|it| it.starts_with("this is not TOML: ")),
        "{found:?}"
    );
}

#[test]
fn the_nearest_template_is_offered() {
    let config = read(GOOD).unwrap();
    assert_eq!(config.template("agnet").unwrap_err(), Some("agent"));
    assert_eq!(config.template("zzz").unwrap_err(), None);
}

/// Any value that TOML knows.
fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|it| it.to_string()),
        "[a-z0-9./:*{}é -]{0,20}".prop_map(|text| format!("\"{text}\"")),
        Just("1.5".to_owned()),
        Just("2026-11-24".to_owned()),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let key = prop::sample::select(vec![
            "git", "bzr", "path", "owner", "name", "ssm", "keep", "on", "x",
        ]);
        let pair = (key, inner.clone()).prop_map(|(key, value)| format!("{key} = {value}"));
        prop_oneof![
            proptest::collection::vec(inner, 0..3).prop_map(|all| format!("[{}]", all.join(", "))),
            proptest::collection::vec(pair, 0..3)
                .prop_map(|all| format!("{{ {} }}", all.join(", "))),
        ]
    })
}

proptest! {
    /// Whatever stands behind a key, it is taken or named.
    #[test]
    fn no_value_panics(line in any::<prop::sample::Index>(), value in any_value()) {
        let mut lines: Vec<String> = GOOD.lines().map(String::from).collect();
        let index = line.index(lines.len());
        if let Some((key, _)) = lines[index].clone().split_once(" = ") {
            lines[index] = format!("{key} = {value}");
        }
        let text = lines.join("\n");
        if let Err(mistakes) = read(&text) {
            prop_assert!(!mistakes.is_empty());
            let shown = render(Path::new("amiable.toml"), &text, &mistakes, false);
            prop_assert!(shown.contains("amiable.toml"), "{shown}");
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        if let Err(mistakes) = read(&text) {
            prop_assert!(!render(Path::new("amiable.toml"), &text, &mistakes, false).is_empty());
        }
    }

    /// Whatever is done to a file, reading it ends in a configuration or in mistakes
    /// that can be shown.
    #[test]
    fn a_damaged_file_never_panics(at in 0usize..GOOD.len(), length in 0usize..30, with in "[a-z0-9\"={}\\[\\]\n. é-]{0,12}") {
        let start = (0..=at).rev().find(|it| GOOD.is_char_boundary(*it)).unwrap();
        let end = (start + length..=GOOD.len()).find(|it| GOOD.is_char_boundary(*it)).unwrap_or(GOOD.len());
        let text = format!("{}{with}{}", &GOOD[..start], &GOOD[end..]);
        if let Err(mistakes) = read(&text) {
            prop_assert!(!mistakes.is_empty());
            prop_assert!(!render(Path::new("amiable.toml"), &text, &mistakes, false).is_empty());
        }
    }
}

/// The tables of keys.rs, each with a file that has one where `{}` stands.
fn tables() -> Vec<(&'static keys::Table, String)> {
    let file = |cloud: &str, naming: &str, jenkins: &str, defaults: &str, template: &str| {
        format!(
            "[cloud]\nendpoint = \"local\"\n{cloud}\n[naming]\nnamespace = \"ci\"\n{naming}\n{jenkins}\n\
             [defaults]\n{defaults}\n[template.agent]\nsystem = \"jenkins\"\nos = \"debian-12\"\n\
             base = \"ami-0123456789abcdef0\"\nsource = {{ git = \"https://host/x.git\" }}\n\
             script = \"setup\"\nssh_user = \"admin\"\n{template}\n"
        )
    };
    let template = |text: &str| file("", "", "", "", text);
    let consumer = |text: &str| template(&format!("[[template.agent.consumer]]\n{text}"));
    vec![
        (&keys::CLOUD, file("{}", "", "", "", "")),
        (&keys::NAMING, file("", "{}", "", "", "")),
        (&keys::JENKINS, file("", "", "[jenkins]\n{}", "", "")),
        (&keys::DEFAULTS, file("", "", "", "{}", "")),
        (&keys::TEMPLATE, template("{}")),
        (&keys::BASE, template("base = { {} }")),
        (&keys::SCRIPT, template("script = { {} }")),
        (&keys::SPOT, template("spot = { {} }")),
        (&keys::TAGGED, template("subnet = { {} }")),
        (&keys::VOLUME, template("volume = { {} }")),
        (&keys::FURTHER_VOLUME, template("volumes = [{ {} }]")),
        (&keys::VARIABLE, template("env = { TOKEN = { {} } }")),
        (&keys::SOURCE, template("source = { {} }")),
        (&keys::TIMEOUTS, template("timeouts = { {} }")),
        (&keys::CONNECT, template("connect = { {} }")),
        (&keys::SEAL, template("seal = { {} }")),
        (&keys::AGENT, template("agent = { {} }")),
        (&keys::BOOT_SCRIPT, template("boot_script = { {} }")),
        (&keys::CONSUMER, consumer("{}")),
        (&keys::JENKINS_AGENTS, consumer("jenkins = { {} }")),
        (&keys::GIT, consumer("file = \"x.yml\"\nat = \"a\"\ngit = { {} }")),
        (&keys::CLOUDFORMATION, consumer("cloudformation = { {} }")),
        (&keys::REFRESH, consumer("auto_scaling_group = \"x\"\nrefresh = { {} }")),
        (&keys::AGENT_NAME, consumer("jenkins = { file = \"x\", agents = [{ {} }] }")),
    ]
}

/// The file with a key of that table, and with what the table needs besides.
fn with(table: &keys::Table, file: &str, key: &str, value: &str) -> String {
    let mut lines = vec![format!("{key} = {value}")];
    match (table.title, key) {
        ("a consumer", "query" | "timeout") => lines.push("command = [\"x\"]".into()),
        ("a consumer", "refresh") => lines.push("auto_scaling_group = \"x\"".into()),
        ("a consumer", "git") => {
            lines.extend(["file = \"x.yml\"".into(), "at = \"a\"".into()]);
        }
        ("a consumer", "file") => lines.push("at = \"a\"".into()),
        ("a consumer", "format") => {
            lines.extend(["at = \"a\"".into(), "file = \"x.yml\"".into()]);
        }
        ("a consumer", "at" | "pattern" | "between") => lines.push("file = \"x.yml\"".into()),
        ("a consumer", "count") => {
            lines.extend(["file = \"x\"".into(), "pattern = \"(a)\"".into()]);
        }
        ("a consumer", "after") => lines.push("ssm = \"/ci/x\"".into()),
        ("a consumer", "region") => lines.push("ssm = \"/ci/x\"".into()),
        _ => {}
    }
    let is_needed = |it: &&keys::Key| it.default == keys::Default::Required && it.name != key;
    let needed = table.keys.iter().filter(is_needed);
    let is_given = |it: &&keys::Key| file.contains(&format!("\n{} = ", it.name));
    lines.extend(
        needed.filter(|it| !is_given(it)).map(|it| format!("{} = {}", it.name, it.example)),
    );
    let is_inline = file.contains("{ {} }");
    let file = file.replace("{}", &lines.join(if is_inline { ", " } else { "\n" }));
    // A template has no key of its own whose default is asked for; of two lines with one key in a
    // table, the last counts.
    let name_of = |line: &str| line.split_once(" = ").map(|(name, _)| name.to_owned());
    let (before, template) = file.split_once("[template.agent]").unwrap();
    let is_shadow = |it: &&str| table.title == "[defaults]" && name_of(it).as_deref() == Some(key);
    let template = template.lines().filter(|it| !is_shadow(it)).collect::<Vec<&str>>().join("\n");
    let file = format!("{before}[template.agent]{template}");
    let all: Vec<&str> = file.lines().collect();
    let is_last = |index: usize| {
        let name = name_of(all[index]);
        let mut later = all[index + 1..].iter().take_while(|it| !it.starts_with('['));
        name.is_none() || later.all(|it| name_of(it) != name)
    };
    (0..all.len()).filter(|it| is_last(*it)).map(|it| all[it]).collect::<Vec<&str>>().join("\n")
}

/// A date is no value of any key, so whoever reads the key refuses it.
#[test]
fn every_key_that_is_described_is_read() {
    for (table, file) in tables() {
        for key in table.keys {
            let text = with(table, &file, key.name, "1979-05-27");
            let found = messages(&text);
            let is_refused = |it: &String| it.contains(key.name) && !it.contains("has no key");
            assert!(
                found.iter().any(is_refused),
                "{} {}: {found:?}\n{text}",
                table.title,
                key.name
            );
        }
    }
}

#[test]
fn every_example_is_of_the_type_that_is_described() {
    let schema = json_schema::json_schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (table, file) in tables() {
        for key in table.keys {
            let text = with(table, &file, key.name, key.example);
            let is_type = |it: &&String| it.contains("must be") || it.contains("has no key");
            if let Err(mistakes) = read(&text) {
                let found: Vec<String> = mistakes.into_iter().map(|it| it.message).collect();
                assert_eq!(found.iter().find(is_type), None, "{text}");
            }
            let value: serde_json::Value = toml::from_str(&text).expect(&text);
            let described = validator.iter_errors(&value).map(|it| it.to_string());
            let described: Vec<String> =
                described.filter(|it| !it.contains("required property")).collect();
            assert_eq!(described, Vec::<String>::new(), "{text}");
        }
    }
}

#[test]
fn the_schema_takes_good_files_and_refuses_bad_ones() {
    let validator = jsonschema::validator_for(&json_schema::json_schema()).unwrap();
    let errors = |text: &str| -> Vec<String> {
        let value: serde_json::Value = toml::from_str(text).unwrap();
        validator.iter_errors(&value).map(|it| format!("{}: {it}", it.instance_path)).collect()
    };
    assert_eq!(errors(GOOD), Vec::<String>::new());
    for (from, to, place) in [
        ("instance_type", "instance_typ", "/defaults"),
        ("namespace = \"ci\"", "namespace = 5", "/naming/namespace"),
        ("on = \"instance\"", "on = \"there\"", "/template/tools/source/on"),
        ("namespace = \"ci\"\n", "", "/naming"),
    ] {
        let found = errors(&GOOD.replacen(from, to, 1));
        assert!(found.iter().any(|it| it.starts_with(&format!("{place}: "))), "{to}: {found:?}");
    }
}

/// docs/reference/configuration.md is written by this test.
#[test]
fn the_reference_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
    let text = reference::markdown();
    if std::env::var_os("AMIABLE_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/reference/configuration.md is to be written anew");
}

/// Every configuration of the documents; a part of one is marked as a fragment.
#[test]
fn every_configuration_of_the_documents_is_valid() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut folders = vec![docs];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let page = std::fs::read_to_string(&path).unwrap();
            let blocks = page.split("```toml\n").skip(1).filter_map(|it| it.split_once("```"));
            for (text, _) in blocks {
                count += 1;
                let file = Path::new("/nowhere/amiable.toml");
                if let Err(mistakes) = schema::read(file, text, Need::Look) {
                    panic!("{}: {}", path.display(), render(file, text, &mistakes, false));
                }
            }
        }
    }
    assert!(count > 5, "{count}");
}
