//! Each format there and back, and what is refused.

use ami_in_file::{Format, Marks, Path, Pattern, Place, PlaceError, all_ids, exchange, find};

const OLD: &str = "ami-0123456789abcdef0";
const OTHER: &str = "ami-0aaaaaaaaaaaaaaaa";
const NEW: &str = "ami-0fedcba9876543210";

fn at(format: Format, path: &str) -> Place {
    Place::At(format, vec![Path::parse(path).unwrap()])
}

/// Files in which `OLD` is at the place and `OTHER` elsewhere.
fn samples() -> Vec<(&'static str, &'static str, Place)> {
    vec![
        (
            "RunsOn, with CRLF and a comment",
            "# images\r\nimages:\r\n  linux-x64:   \r\n    ami: 'OLD' # keep\r\n    name: OTHER\r\n  arm:\r\n    ami: OTHER\r\n",
            at(Format::Yaml, "images.linux-x64.ami"),
        ),
        (
            "YAML in several documents, with lists, flow and anchors",
            "a: [x, {ami: OTHER}]\n---\nregions: &r\n  - {name: us, ami: \"OLD\"}\n  - OTHER\nmore: *r2\n",
            at(Format::Yaml, "regions[0].ami"),
        ),
        (
            "a key with dots, a literal block",
            "\"a.b\":\n  script: |\n    start OLD\n    now\n  ami: OTHER\n",
            at(Format::Yaml, "\"a.b\".script"),
        ),
        (
            "JSON by tabs",
            "{\n\t\"amis\": {\n\t\t\"us-east-1\": \"OLD\",\n\t\t\"eu-west-1\": \"OTHER\"\n\t}\n}\n",
            at(Format::Json, "amis.us-east-1"),
        ),
        (
            "JSON in one line",
            "[{\"ami\":\"OTHER\"},{\"ami\":\"OLD\",\"token\":\"secret\"}]",
            at(Format::Json, "[1].ami"),
        ),
        (
            "TOML",
            "title = 'é'\n[workers.\"x.y\"]\nami = \"OLD\" # current\n[[list]]\nami = 'OTHER'\n",
            at(Format::Toml, "workers.\"x.y\".ami"),
        ),
        (
            "TOML, an array of tables",
            "[[list]]\nami = \"OTHER\"\n[[list]]\nami = '''OLD'''\n",
            at(Format::Toml, "list[1].ami"),
        ),
        (
            "Terraform's variables",
            "variable \"other\" {\n  default = \"OTHER\"\n}\nvariable \"agent_ami\" {\n  type    = string\n  default = \"OLD\" // now\n}\n",
            at(Format::Hcl, "variable.agent_ami.default"),
        ),
        (
            "HCL, a map of regions and repeated blocks",
            "locals {\n  amis = {\n    us-east-1 = \"OLD\"\n    \"eu-west-1\" : \"OTHER\"\n  }\n}\nlocals {\n  x = [\"OTHER\"]\n}\n",
            at(Format::Hcl, "locals.amis.us-east-1"),
        ),
        (
            "HCL, the second of two blocks",
            "group {\n  ami = \"OTHER\"\n}\ngroup {\n  ami = \"OLD\"\n}\n",
            at(Format::Hcl, "group[1].ami"),
        ),
        (
            "properties",
            "# ami.id=OTHER\nami.other = OTHER\n  ami.id : \\\n     OLD\npassword=x\n",
            at(Format::Properties, "ami.id"),
        ),
        (
            "TypeScript",
            "export const amis = {\n  linux: 'OLD', // linux\n  mac: 'OTHER',\n};\n",
            Place::Pattern(Pattern::new("linux: '(ami-[0-9a-f]+)'", 1).unwrap()),
        ),
        (
            "Groovy",
            "def a = 'OTHER'\n// amiable: begin\ndef ami = \"OLD\"\n// amiable: end\ndef b = 'OTHER'\n",
            Place::Between(Marks {
                begin: "// amiable: begin".into(),
                end: "// amiable: end".into(),
                count: 1,
            }),
        ),
    ]
}

#[test]
fn each_format_goes_there_and_back() {
    for (name, text, place) in samples() {
        let text = text.replace("OLD", OLD).replace("OTHER", OTHER).replace(": *r2", ": 1");
        let spans = find(&text, &place).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: Vec<&str> = spans.iter().map(|span| &text[span.clone()]).collect();
        assert_eq!(found, [OLD], "{name}");
        let changed = exchange(&text, &spans, NEW);
        assert_eq!(changed, text.replace(OLD, NEW), "{name}: nothing else changes");
        let back = exchange(&changed, &find(&changed, &place).unwrap(), OLD);
        assert_eq!(back, text, "{name}");
        assert!(all_ids(&text).contains(&OTHER), "{name}");
    }
}

#[test]
fn ids_of_another_length_take_their_place() {
    let text = "{\"a\": \"ami-12345678\", \"b\": 1}";
    let spans = find(text, &at(Format::Json, "a")).unwrap();
    assert_eq!(exchange(text, &spans, NEW), format!("{{\"a\": \"{NEW}\", \"b\": 1}}"));
}

#[test]
fn several_places_are_changed_together() {
    let text = format!("a: {OLD}\nb: {OTHER}\nc: {OTHER}\n");
    let paths = ["c", "a"].map(|path| Path::parse(path).unwrap());
    let place = Place::At(Format::Yaml, paths.to_vec());
    let spans = find(&text, &place).unwrap();
    assert_eq!(exchange(&text, &spans, NEW), format!("a: {NEW}\nb: {OTHER}\nc: {NEW}\n"));
    let twice = Place::Pattern(Pattern::new("[ac]: (ami-\\S+)", 2).unwrap());
    let spans = find(&text, &twice).unwrap();
    assert_eq!(exchange(&text, &spans, NEW), format!("a: {NEW}\nb: {OTHER}\nc: {NEW}\n"));
}

#[test]
fn what_is_not_as_it_should_be_is_refused() {
    use PlaceError::{
        Count, GroupWithoutId, Invalid, Mark, Missing, NoId, NotValue, Several, SeveralIds, Shared,
    };
    let id = OLD;
    let marks = |begin: &str, end: &str| {
        Place::Between(Marks { begin: begin.into(), end: end.into(), count: 1 })
    };
    let pattern = |text: &str| Place::Pattern(Pattern::new(text, 1).unwrap());
    let refused = |text: &str, place: Place| find(text, &place).unwrap_err();
    for format in [Format::Yaml, Format::Json, Format::Toml, Format::Hcl] {
        let bad = refused("a = [\n", at(format, "a"));
        assert!(matches!(bad, Invalid { .. } | Missing(_)), "{format:?}: {bad:?}");
    }
    assert_eq!(refused("a: 1\n", at(Format::Yaml, "b")), Missing("b".into()));
    assert_eq!(refused("a: none\n", at(Format::Yaml, "a")), NoId("a".into()));
    assert_eq!(refused("a: {b: 1}\n", at(Format::Yaml, "a")), NotValue("a".into()));
    let twice = format!("a: {id}\n---\na: {id}\n");
    assert_eq!(refused(&twice, at(Format::Yaml, "a")), Several("a".into()));
    let twice = format!("{{\"a\": \"{id}\", \"a\": \"{id}\"}}");
    assert_eq!(refused(&twice, at(Format::Json, "a")), Several("a".into()));
    let two = format!("a: {id} {id}\n");
    assert_eq!(refused(&two, at(Format::Yaml, "a")), SeveralIds("a".into()));
    for shared in [format!("a: &x {id}\nb: *x\n"), format!("b: &x {id}\na: *x\n")] {
        assert_eq!(refused(&shared, at(Format::Yaml, "a")), Shared("a".into()));
    }
    for shared in
        [format!("a: &x {{b: {id}}}\nc: *x\n"), format!("a: &x\n  b: {id}\nc:\n  <<: *x\n  d: 1\n")]
    {
        assert_eq!(refused(&shared, at(Format::Yaml, "a.b")), Shared("a.b".into()));
    }
    let twins = format!("{{\"a\":{{\"b\":\"{id}\"}},\"a\":{{\"x\":1}}}}");
    assert_eq!(refused(&twins, at(Format::Json, "a.b")), Several("a.b".into()));
    let escaped = format!("{{\"a\":\"{id}\\n{id}\"}}");
    assert_eq!(refused(&escaped, at(Format::Json, "a")), SeveralIds("a".into()));
    let part = Place::Pattern(Pattern::new("(ami-[0-9a-f]{8})", 1).unwrap());
    assert_eq!(refused(id, part), GroupWithoutId { line: 1 });
    let continued = "a = ami-01234567\\\n   89abcdef0\n";
    assert_eq!(refused(continued, at(Format::Properties, "a")), NoId("a".into()));
    let twice = format!("v \"a\" {{\n x = \"{id}\"\n}}\nv \"a\" {{\n x = \"{id}\"\n}}\n");
    assert_eq!(refused(&twice, at(Format::Hcl, "v.a.x")), Several("v.a.x".into()));
    assert_eq!(refused("a {\n}\n", at(Format::Hcl, "a")), NotValue("a".into()));
    let twice = format!("a={id}\na={id}\n");
    assert_eq!(refused(&twice, at(Format::Properties, "a")), Several("a".into()));
    let begin = || "<".to_owned();
    let text = format!("< {id} > <");
    assert_eq!(refused(&text, marks("<", ">")), Mark { mark: begin(), times: 2 });
    assert_eq!(refused("x", marks("<", ">")), Mark { mark: begin(), times: 0 });
    let (what, expected) = ("between the marks", 1);
    assert_eq!(refused("< >", marks("<", ">")), Count { what, expected, found: 0 });
    let what = "the pattern";
    let text = format!("{id} {id}");
    assert_eq!(refused(&text, pattern("(ami-\\S+)")), Count { what, expected, found: 2 });
    assert_eq!(refused("\nx: y", pattern("x: (.)")), GroupWithoutId { line: 2 });
    assert!(Pattern::new("ami", 1).unwrap_err().contains("no group"));
    assert!(Pattern::new("(a)(b)", 1).unwrap_err().contains("more than one group"));
    assert!(Pattern::new("(", 1).is_err());
}

/// No message shows what the file has beside the place.
#[test]
fn messages_show_no_secrets() {
    let text = "a: {token: sesame}\nb: sesame\nc: [sesame\n";
    for place in
        [at(Format::Yaml, "a"), at(Format::Json, "b"), at(Format::Toml, "a"), at(Format::Hcl, "a")]
    {
        let message = find(text, &place).unwrap_err().to_string();
        assert!(!message.contains("sesame"), "{message}");
    }
    let pattern = Place::Pattern(Pattern::new("b: (.*)", 1).unwrap());
    assert!(!find(text, &pattern).unwrap_err().to_string().contains("sesame"));
}
