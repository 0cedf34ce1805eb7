//! What Jenkins has, taken over.

use crate::farm::Farm;

const CONFIG: &str = include_str!("../../../jenkins-config/tests/files/ci-config.xml");
const CASC: &str = include_str!("../../../jenkins-config/tests/files/ci-jcasc.yml");

/// All files below a folder, by their names, with what they hold.
fn tree(farm: &Farm, folder: &str) -> String {
    let mut text = String::new();
    let mut folders = vec![farm.path(folder)];
    let mut files = Vec::new();
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    for file in files {
        let name = file.strip_prefix(farm.path(folder)).unwrap().display().to_string();
        text += &format!("=== {name}\n{}", std::fs::read_to_string(&file).unwrap());
    }
    text
}

#[test]
fn the_farm_of_the_spec_is_taken_over() {
    let farm = Farm::new(&[]);
    farm.write("jenkins.xml", CONFIG);
    let all = [
        farm.amiable(&[
            "jenkins",
            "import",
            "jenkins.xml",
            "--into",
            "ci",
            "--endpoint",
            "local",
            "--namespace",
            "jenkins",
        ]),
        tree(&farm, "ci"),
        farm.amiable(&["validate", "-q", "--config", "ci/amiable.toml"]),
        farm.amiable(&["jenkins", "import", "jenkins.xml", "--into", "ci"]),
    ];
    assert_eq!(std::fs::read_to_string(farm.path("jenkins.xml")).unwrap(), CONFIG);
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_second_file_joins_the_templates_that_are_there() {
    let farm = Farm::without_endpoint();
    farm.write("ci/config.xml", CONFIG);
    farm.write("ci/casc.yml", CASC);
    let import =
        |file: &str| farm.amiable(&["jenkins", "import", file, "--into", "ci", "--offline"]);
    farm.stdout(&["jenkins", "import", "ci/config.xml", "--into", "ci", "--offline", "-q"]);
    let before = std::fs::read_to_string(farm.path("ci/amiable.toml")).unwrap();
    let refused =
        farm.amiable(&["jenkins", "import", "ci/casc.yml", "--into", "ci", "--endpoint", "local"]);
    let told = import("ci/casc.yml");
    let after = std::fs::read_to_string(farm.path("ci/amiable.toml")).unwrap();
    let added = after.strip_prefix(&before).unwrap();
    let valid = farm.amiable(&["validate", "-q", "--config", "ci/amiable.toml", "precise_cloud"]);
    insta::assert_snapshot!([refused, told, added.to_owned(), valid].join("\n"));
}

/// What is not taken over, each for its own reason, and nothing of it silently.
#[test]
fn what_is_not_taken_over_is_told_and_no_secret_is_copied() {
    let farm = Farm::new(&[]);
    let own = farm.base();
    let agent = |ami: &str, name: &str, more: &str| {
        format!(
            "      - ami: \"{ami}\"\n        description: \"{name}\"\n        remoteAdmin: root\n{more}"
        )
    };
    let script = |text: &str| format!("        initScript: \"{text}\"\n");
    let text = [
        "jenkins:\n  clouds:\n  - amazonEC2:\n      name: one\n      region: eu-west-1\n      privateKey: \"hunter2-key\"\n      templates:\n".to_owned(),
        agent(&own, "a-one", &script("make\\n")),
        agent(&own, "a-two", &script("make\\n")),
        agent(&own, "secret", &script("x\\nexport TOKEN=hunter2-token\\n")),
        agent(&own, "variable", &script("echo ${TOKEN}\\n")),
        agent("${AMI}", "by-variable", &script("make\\n")),
        agent(&own, "windows", &format!("{}        amiType:\n          windowsData: {{password: hunter2-windows}}\n", script("make\\n"))),
        agent(&own, "rich", &format!("{}        userData: \"hunter2-data\"\n        customDeviceMapping: \"/dev/sdb\"\n        subnetId: subnet-1\n        securityGroups: \"default, sg-1\"\n        type: DEFAULT\n        iamInstanceProfile: \"arn:aws:iam::1:instance-profile/ci\"\n", script("rich ^${x}\\n"))),
        agent(&own, "same", &script("make\\n")),
        "      - description: filters\n        amiOwners: self\n        initScript: \"make\"\n".to_owned(),
        format!("      - ami: \"{own}\"\n        labelString: \"by labels\"\n        initScript: \"other\\n\"\n"),
        format!("      - ami: \"{own}\"\n        initScript: \"other\\n\"\n"),
        "  - amazonEC2:\n      name: two\n      region: eu-west-1\n      templates:\n".to_owned(),
        agent(&own, "same", &script("make\\n")),
        "  - amazonEC2:\n      name: far\n      region: us-west-2\n      templates:\n".to_owned(),
        agent(&own, "far", &script("make\\n")),
    ];
    farm.write("casc.yml", &text.concat());
    let import = ["jenkins", "import", "casc.yml", "--endpoint", "local", "--namespace", "jenkins"];
    let all = [
        farm.amiable(&import),
        tree(&farm, "init"),
        std::fs::read_to_string(farm.path("amiable.toml")).unwrap(),
    ];
    assert!(!all.concat().contains("hunter2"), "{}", all.concat());
    let all = all.join("\n").replace(&own, "[AMI]");
    insta::assert_snapshot!(all);
    let also = farm.amiable(&["jenkins", "import", "casc.yml", "--with-secrets", "--dry-run"]);
    assert!(also.contains("[template.secret]"), "{also}");
    assert!(!farm.path("init/secret").exists());
}

#[test]
fn what_is_no_file_of_jenkins_is_refused() {
    let farm = Farm::without_endpoint();
    farm.write("broken.xml", "<hudson>\n<clouds>\n</hudson>");
    farm.write("other.yml", "a: b\n");
    farm.write("tabs.yml", "a:\n\t- b\n");
    let import = |file: &str| farm.amiable(&["jenkins", "import", file, "--offline"]);
    let all = ["broken.xml", "other.yml", "tabs.yml", "none.xml"].map(import);
    insta::assert_snapshot!(all.join("\n"));
}
