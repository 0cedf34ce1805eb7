//! Ids in any file as consumers.

use std::os::unix::fs::PermissionsExt;

use crate::farm::Farm;

const OLD: &str = "ami-0123456789abcdef0";
const OTHER: &str = "ami-0aaaaaaaaaaaaaaaa";

/// A file, the id's place in it, and the file's text, in which OLD is at the place.
const FILES: [(&str, &str, &str); 8] = [
    (
        "runs-on.yml",
        "at = 'images.\"linux.x64\".ami'",
        "images:\r\n  linux.x64: {ami: 'OLD'} # now\r\n  mac: OTHER\r\ntoken: sesame\r\n",
    ),
    (
        "amis.json",
        "at = \"[1].ami\"",
        "[{\"ami\":\"OTHER\"},{\"ami\":\"OLD\",\"token\":\"sesame\"}]",
    ),
    (
        "pool.toml",
        "at = \"workers[0].ami\"",
        "token = 'sesame'\n[[workers]]\nami = '''OLD'''\n[[workers]]\nami = 'OTHER'\n",
    ),
    (
        "ami.auto.tfvars",
        "at = \"amis.{region}\"",
        "amis = {\n  us-east-1 = \"OLD\" // now\n  eu-west-1 = \"OTHER\"\n}\ntoken = \"sesame\"\n",
    ),
    (
        "main.tf",
        "at = \"variable.agent_ami.default\"",
        "variable \"agent_ami\" {\n  default = \"OLD\"\n}\nvariable \"x\" {\n  default = \"OTHER\"\n}\n",
    ),
    (
        "ci.properties",
        "at = \"ami.agent.id\"",
        "ami.other = OTHER\nami.agent.id : \\\n   OLD\npassword=sesame\n",
    ),
    (
        "amis.ts",
        "pattern = \"linux: '(ami-[0-9a-f]+)'\"",
        "export const amis = {\n  linux: 'OLD',\n  mac: 'OTHER',\n};\n",
    ),
    (
        "Jenkinsfile",
        "between = [\"// amiable: begin\", \"// amiable: end\"]\ncount = 2",
        "def x = 'OTHER'\n// amiable: begin\ndef a = 'OLD'\ndef b = 'OLD'\n// amiable: end\n",
    ),
];

fn text(of: &str, id: &str) -> String {
    of.replace("OLD", id).replace("OTHER", OTHER)
}

fn farm_of(files: &[(&str, &str, &str)]) -> Farm {
    let farm = Farm::with_example(&[]);
    let mut config = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    for (file, place, content) in files {
        farm.write(file, &text(content, OLD));
        config += &format!("\n[[template.agent.consumer]]\nfile = \"{file}\"\n{place}\n");
    }
    farm.write("amiable.toml", &config);
    farm
}

fn read(farm: &Farm, file: &str) -> String {
    std::fs::read_to_string(farm.path(file)).unwrap()
}

#[test]
fn each_format_goes_there_and_back() {
    let farm = farm_of(&FILES);
    let link = farm.path("link.ts");
    std::os::unix::fs::symlink("amis.ts", &link).unwrap();
    farm.edit("amiable.toml", "file = \"amis.ts\"", "file = \"link.ts\"");
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(farm.path("amis.json"), mode).unwrap();
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    for (file, _, content) in FILES {
        assert_eq!(read(&farm, file), text(content, &first), "{file}");
    }
    let looked = farm.amiable(&["info", "agent"]);
    let second = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    for (file, _, content) in FILES {
        assert_eq!(read(&farm, file), text(content, &second), "{file}");
    }
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = std::fs::metadata(farm.path("amis.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let mut told = vec![looked, farm.amiable(&["roll", "agent", "--write"])];
    told.push(farm.amiable(&["roll", "agent", "--to", "1", "--diff"]));
    // What the files have beside the ids is shown nowhere.
    assert!(!told.join("").contains("sesame"));
    told.push(farm.amiable(&["rollback", "agent"]));
    for (file, _, content) in FILES {
        assert_eq!(read(&farm, file), text(content, &first), "{file}: the same bytes again");
    }
    insta::assert_snapshot!(told.join("\n"));
    // All ids in a file are in use.
    let refused = farm.amiable(&["delete", &first, "--dry-run", "--force"]);
    assert!(refused.contains("amis.json"), "{refused}");
}

/// Each mistake is told with what can be done, before anything is baked.
#[test]
fn what_is_not_as_it_should_be_is_told_and_left() {
    let cases = [
        ("a.yml", "at = \"a.b\"", "a: {c: 1}\n"),
        ("a.yml", "at = \"a\"", "a: none\nsecret: sesame\n"),
        ("a.yml", "at = \"a\"", "a: &x OLD\nb: *x\n"),
        ("a.yml", "at = \"a\"", "a: [\n"),
        ("a.json", "at = \"a\"", "{\"a\": \"OLD\", \"a\": \"OLD\"}"),
        ("a.ts", "pattern = \"'(ami-[0-9a-f]+)'\"", "x = 'OLD'\ny = 'OLD'\n"),
        ("a.ts", "between = [\"<\", \">\"]", "< OLD > <\n"),
    ];
    let mut told = Vec::new();
    for case in cases {
        let farm = farm_of(&[case]);
        let (file, _, content) = case;
        told.push(farm.amiable(&["update", "agent"]));
        assert_eq!(read(&farm, file), text(content, OLD), "it is left");
        assert_eq!(farm.stdout(&["list", "--output", "json"]).trim(), "[]", "nothing is baked");
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_place_that_is_none_is_a_mistake_of_the_configuration() {
    let mut told = Vec::new();
    for (file, place) in [
        ("a.yml", ""),
        ("a.yml", "at = \"a\"\npattern = \"(a)\""),
        ("a.txt", "at = \"a\""),
        ("a.txt", "at = \"a\"\nformat = \"ini\""),
        ("a.yml", "at = \"a..b\""),
        ("a.ts", "pattern = \"ami\""),
        ("a.ts", "pattern = \"(\""),
        ("a.ts", "between = [\"x\"]"),
        ("a.yml", "at = \"a\"\ncount = 2"),
    ] {
        let farm = farm_of(&[(file, place, "")]);
        told.push(farm.amiable(&["validate"]));
    }
    let farm = farm_of(&[("a.yml", "at = \"a\"", "a: OLD\n"), ("a.yml", "at = \"a\"", "a: OLD\n")]);
    told.push(farm.amiable(&["validate"]));
    farm.edit("amiable.toml", "file = \"a.yml\"\nat = \"a\"\n\n", "ssm = \"/x\"\nat = \"a\"\n\n");
    told.push(farm.amiable(&["validate"]));
    insta::assert_snapshot!(told.join("\n"));
}

/// Two regions, of which each has its place in one file.
#[test]
fn a_map_of_regions_has_the_ami_of_each() {
    let content = "amis:\n  us-east-1: OLD\n  eu-west-1: OTHER\n";
    let farm = farm_of(&[("amis.yml", "at = \"amis.{region}\"", content)]);
    farm.edit(
        "amiable.toml",
        "[template.agent]\n",
        "[template.agent]\nregions = [\"us-east-1\", \"eu-west-1\"]\n",
    );
    let text = read(&farm, "amiable.toml");
    farm.write("amiable.toml", &format!(
        "{text}\n[[template.agent.consumer]]\nfile = \"amis.yml\"\nat = \"amis.{{region}}\"\nregion = \"eu-west-1\"\n"
    ));
    farm.stdout(&["create", "agent", "-q"]);
    let amis: Vec<serde_json::Value> =
        serde_json::from_str(&farm.stdout(&["list", "--all-regions", "--output", "json"])).unwrap();
    let of = |region: &str| {
        let ami = amis.iter().find(|ami| ami["region"] == region).unwrap();
        ami["ami"].as_str().unwrap().to_owned()
    };
    let [us, eu] = ["us-east-1", "eu-west-1"].map(of);
    assert_eq!(read(&farm, "amis.yml"), format!("amis:\n  us-east-1: {us}\n  eu-west-1: {eu}\n"));
}

/// Rolls twenty templates by twenty commands at once, each of which has its place in one file: the lines
/// `tNUMBER: ID` of `amis.yml`. `more` is said of each consumer. Returns the AMI that all are rolled to.
pub(crate) fn roll_twenty_at_once(farm: &Farm, more: &str) -> String {
    let mut config = read(farm, "amiable.toml");
    let keys = config.split_once("[template.agent]\n").unwrap().1.to_owned();
    let keys = keys.split_once("[template.agent.metadata]").unwrap().0.to_owned();
    for number in 0..20 {
        let consumer = format!("file = \"amis.yml\"\nat = \"t{number}\"\n{more}");
        config += &format!(
            "\n[template.t{number}]\n{keys}\n[[template.t{number}.consumer]]\n{consumer}\n"
        );
    }
    farm.write("amiable.toml", &config.replace("{date}-{generation}", "{template}-{generation}"));
    let base = farm.base();
    let roll =
        |number| farm.spawn(&["roll", &format!("t{number}"), "--to", &base, "--force", "--write"]);
    let rolls: Vec<_> = (0..20).map(roll).collect();
    for roll in rolls {
        let output = roll.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    base
}

/// The file that these have their places in.
pub(crate) fn twenty_places() -> String {
    (0..20).map(|number| format!("t{number}: {OLD}\n")).collect()
}

#[test]
fn twenty_rolls_of_one_file_lose_nothing() {
    let farm = Farm::with_example(&[]);
    farm.write("amis.yml", &twenty_places());
    let ami = roll_twenty_at_once(&farm, "");
    assert_eq!(read(&farm, "amis.yml"), twenty_places().replace(OLD, &ami));
}

/// Of whatever encoding the rest of a file is.
#[test]
fn a_file_of_another_encoding_keeps_its_bytes() {
    let farm = farm_of(&[("a.properties", "at = \"ami@linux\"", "")]);
    let content = |id: &str| [b"name = caf\xe9\nami@linux = ", id.as_bytes(), b"\n"].concat();
    std::fs::write(farm.path("a.properties"), content(OLD)).unwrap();
    let ami = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    assert_eq!(std::fs::read(farm.path("a.properties")).unwrap(), content(&ami));
}
