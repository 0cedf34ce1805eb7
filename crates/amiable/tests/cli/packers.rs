//! `amiable packer import`: templates of different shapes, written for this.

use std::fs;
use std::path::{Path, PathBuf};

use crate::farm::Farm;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/packer")
}

/// A farm with the templates, which has no configuration.
fn farm() -> Farm {
    let farm = Farm::without_endpoint();
    copy(&folder(), &farm.path("templates"));
    farm
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// The files below a folder, each with its content.
fn contents(folder: &Path, shown: &str) -> String {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut all = String::new();
    for path in entries {
        let shown = format!("{shown}/{}", path.file_name().unwrap().to_string_lossy());
        match path.is_dir() {
            true => all += &contents(&path, &shown),
            false => all += &format!("--- {shown}\n{}", fs::read_to_string(&path).unwrap()),
        }
    }
    all
}

/// Each is imported whole, and the configuration is valid.
#[test]
fn templates_of_different_shapes_are_imported_key_by_key() {
    let farm = farm();
    let mut count = 0;
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|it| it.ends_with(".pkr.hcl") || it.ends_with(".json"))
        .collect();
    names.sort();
    for name in names {
        count += 1;
        let into = name.split('.').next().unwrap();
        let told =
            farm.amiable(&["packer", "import", &format!("templates/{name}"), "--into", into]);
        let written = contents(&farm.path(into), into);
        let valid = farm.amiable(&["validate", "--config", &format!("{into}/amiable.toml")]);
        assert!(valid.contains("is valid") && valid.contains("status: 0"), "{name}: {valid}");
        let place = farm.path("").display().to_string();
        let all = format!("{told}\n{written}").replace(&place, "[FARM]/");
        insta::assert_snapshot!(format!("packer_{into}"), all);
    }
    assert!(count >= 25, "{count}");
}

#[test]
fn variables_are_given_and_secrets_are_not_written() {
    let farm = farm();
    let import = ["packer", "import", "templates/02-filter-and-variables.pkr.hcl", "--dry-run"];
    let told = farm
        .amiable(&[&import[..], &["--var", "version=1.2", "--var", "region=eu-west-1"]].concat());
    assert!(
        told.contains("region = \"eu-west-1\"") && told.contains("Version = \"1.2\""),
        "{told}"
    );
    assert!(told.contains("TOKEN = { from_env = \"PKR_VAR_token\" }"), "{told}");
    assert!(
        told.contains("PROXY = { from_env = \"HTTP_PROXY\" }") && !told.contains("hunter2"),
        "{told}"
    );
    assert!(!farm.path("amiable.toml").exists());
    let json = farm.amiable(&["packer", "import", "templates/08-legacy.json", "--dry-run"]);
    assert!(json.contains("TOKEN = { from_env = \"TOKEN\" }"), "{json}");
    assert!(!json.contains("AKIA"), "{json}");
}

#[test]
fn what_cannot_be_imported_is_told_and_nothing_is_written() {
    let farm = farm();
    farm.write("broken.pkr.hcl", "source \"amazon-ebs\" {\n");
    farm.write("empty/readme", "");
    farm.write("there/amiable.toml", "");
    farm.write("docker.json", "{ \"builders\": [{ \"type\": \"docker\" }] }");
    let all = [
        farm.amiable(&["packer", "import", "broken.pkr.hcl"]),
        farm.amiable(&["packer", "import", "nosuch.json"]),
        farm.amiable(&["packer", "import", "empty"]),
        farm.amiable(&["packer", "import", "docker.json"]),
        farm.amiable(&["packer", "import", "templates/01-minimal.pkr.hcl", "--into", "there"]),
        farm.amiable(&["packer", "import", "templates/01-minimal.pkr.hcl", "--var", "x"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
    assert!(!farm.path("amiable.toml").exists() && !farm.path("packer").exists());
}

/// What is imported bakes: on simulated machines, as the local endpoint has the base.
#[test]
fn an_imported_template_bakes() {
    let farm = Farm::with_example(&[]);
    copy(&folder(), &farm.path("templates"));
    let base = farm.base();
    farm.edit("templates/05-files.pkr.hcl", "ami-0123456789abcdef0", &base);
    farm.stdout(&["packer", "import", "templates/05-files.pkr.hcl", "--into", "farm"]);
    farm.edit("farm/amiable.toml", "[cloud]\n", "[cloud]\nendpoint = \"local\"\n");
    let baked = farm.amiable(&["create", "files", "--config", "farm/amiable.toml"]);
    assert!(baked.contains("status: 0") && baked.contains("script 4 of 4: 04-shell"), "{baked}");
}

/// Whatever is said of a variable, a sensitive value is in no file; and what is given for it neither.
#[test]
fn no_sensitive_value_is_in_a_file() {
    let farm = farm();
    let given = ["--var", "password=hunter1", "--var", "dsn=hunter5", "--var", "tpyo=1"];
    let import = ["packer", "import", "templates/21-secrets.pkr.hcl", "--into", "new"];
    let told = farm.amiable(&[&import[..], &given].concat());
    assert!(told.contains("there is no variable `tpyo`"), "{told}");
    let written = contents(&farm.path("new"), "new");
    assert!(!written.contains("hunter"), "{written}");
    assert!(written.contains("PASSWORD = { from_env = \"PKR_VAR_password\" }"), "{written}");
    // In the older language, a variable need not be declared to be one.
    farm.write(
        "old.json",
        "{ \"sensitive-variables\": [\"token\"], \"builders\": [{ \"type\": \"amazon-ebs\", \"region\": \"us-east-1\", \
         \"source_ami\": \"ami-0123456789abcdef0\", \"instance_type\": \"t3.micro\", \"ssh_username\": \"admin\", \
         \"ami_name\": \"old\" }], \"provisioners\": [{ \"type\": \"shell\", \"inline\": [\"echo {{user `token`}}\"] }] }",
    );
    let given = ["packer", "import", "old.json", "--into", "old", "--var", "token=hunter2"];
    let told = farm.amiable(&given);
    assert!(told.contains("inline: its value is sensitive"), "{told}");
    assert!(!contents(&farm.path("old"), "old").contains("hunter"), "{told}");
}

/// Files of variables in the template's folder, and files that are named.
#[test]
fn values_are_taken_from_files_of_variables() {
    let farm = Farm::without_endpoint();
    let template = fs::read_to_string(folder().join("22-not-decided.pkr.hcl")).unwrap();
    farm.write("web/web.pkr.hcl", &template.replace('\n', "\r\n"));
    let values = "env = \"prod\"\nlist = [\"LISTED=1\"]\ntags = null\n";
    farm.write("web/a.auto.pkrvars.hcl", values);
    let told = farm.amiable(&["packer", "import", "web", "--dry-run"]);
    assert!(!told.contains("null"), "{told}");
    // The template's folder is where it is, not where its variables are.
    farm.write("above/b.pkrvars.hcl", values);
    let files = ["web/web.pkr.hcl", "above/b.pkrvars.hcl", "--only", "amazon-ebs.undecided"];
    let same = farm.amiable(&[&["packer", "import", "--dry-run"][..], &files].concat());
    assert_eq!(told.split_once("status: 0").unwrap().1, same.split_once("status: 0").unwrap().1);
    let other = farm.amiable(&["packer", "import", "web", "--only", "webb"]);
    assert!(other.contains("there are: undecided") && other.contains("status: 2"), "{other}");
    assert!(told.contains("instance_profile = \"prod-role\""), "{told}");
    assert!(!told.contains("LOWER") && told.contains("`LISTED=1` is not a number"), "{told}");
}

/// What cannot be read is named, and a folder is not copied into itself.
#[test]
fn files_are_copied_as_they_are() {
    let farm = Farm::without_endpoint();
    farm.write(
        "web.pkr.hcl",
        "source \"amazon-ebs\" \"web\" {\n region = \"us-east-1\"\n source_ami = \"ami-0123456789abcdef0\"\n \
         ssh_username = \"admin\"\n instance_type = \"t3.micro\"\n ami_name = \"web-{{timestamp}}\"\n}\n\
         build {\n sources = [\"source.amazon-ebs.web\"]\n provisioner \"file\" {\n source = \"./\"\n \
         destination = \"/srv\"\n }\n}\n",
    );
    farm.write("app/file", "x");
    std::os::unix::fs::symlink("nowhere", farm.path("app/broken")).unwrap();
    std::os::unix::fs::symlink(".", farm.path("app/itself")).unwrap();
    let told = farm.amiable(&["packer", "import", "web.pkr.hcl"]);
    assert!(told.contains("status: 0"), "{told}");
    let link = |path: &str| fs::read_link(farm.path("packer/web/files").join(path)).unwrap();
    let found: Vec<PathBuf> =
        fs::read_dir(farm.path("packer/web/files")).unwrap().map(|it| it.unwrap().path()).collect();
    let copied = found[0].file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(link(&format!("{copied}/app/broken")), Path::new("nowhere"), "{told}");
    assert_eq!(link(&format!("{copied}/app/itself")), Path::new("."));
}
