//! What Jenkins' files mean to the EC2 plugin, and not only what they say: small files, each with one thing
//! that is easily misread.

use crate::farm::Farm;

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("meaning/", $name))
    };
}
pub(crate) use file;

pub(crate) fn read(farm: &Farm, name: &str) -> String {
    std::fs::read_to_string(farm.path(name)).unwrap()
}

/// Imports a file without looking anything up; returns what was told and the configuration.
pub(crate) fn import(name: &str, text: &str) -> (String, String) {
    import_with(name, text, &[])
}

pub(crate) fn import_with(name: &str, text: &str, more: &[&str]) -> (String, String) {
    let farm = Farm::without_endpoint();
    farm.write(&format!("ci/{name}"), text);
    let file = format!("ci/{name}");
    let told =
        farm.amiable(&[&["jenkins", "import", &file, "--into", "ci", "--offline"], more].concat());
    assert_eq!(read(&farm, &file), text);
    let config = std::fs::read_to_string(farm.path("ci/amiable.toml")).unwrap_or_default();
    if !config.is_empty() {
        farm.stdout(&["validate", "-q", "--config", "ci/amiable.toml"]);
    }
    (told, config)
}

pub(crate) fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

pub(crate) fn lacks(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(!text.contains(part), "{part} in\n{text}");
    }
}

/// A farm with a current AMI and one consumer: an agent template of a file.
pub(crate) fn farm_with(file: &str, text: &str, agents: &str) -> (Farm, String) {
    let farm = Farm::with_example(&[]);
    let consumer = format!(
        "[[template.agent.consumer]]\njenkins = {{ file = \"{file}\", agents = [{agents}] }}\n"
    );
    farm.write(file, text);
    let ami = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let config = read(&farm, "amiable.toml");
    farm.write("amiable.toml", &format!("{config}\n{consumer}"));
    (farm, ami)
}

pub(crate) const ID: &str = "ami-0123456789abcdef0";

#[test]
fn an_ami_that_the_plugin_would_not_find_is_not_rolled_to() {
    let text = file!("ami-with-owner-filter-jenkins.yaml");
    let (told, _) = import("jenkins.yaml", text);
    has(
        &told,
        &[
            "not taken over: amiOwners of builder: the plugin asks EC2",
            "not taken over: amiFilters of builder",
        ],
    );
    let (farm, ami) = farm_with("jenkins.yaml", text, "\"builder\"");
    for command in [&["roll", "agent", "--write"][..], &["roll", "agent", "--diff"], &["plan"]] {
        let told = farm.amiable(command);
        let why = "builder asks EC2 for an AMI by its id and by amiOwners, amiFilters, which [AMI \
                   1] does not match: Jenkins could not start an agent";
        has(&told, &[why]);
        lacks(&told, &["status: 0"]);
        assert_eq!(read(&farm, "jenkins.yaml"), text);
    }
    // Only what excludes it is named.
    let owners = text.replace("111122223333", "self");
    farm.write("jenkins.yaml", &owners);
    has(&farm.amiable(&["roll", "agent", "--write"]), &["by its id and by amiFilters, which"]);
    farm.write("jenkins.yaml", &owners.replace("ubuntu/images/*", "ci-jenkins-* other"));
    farm.stdout(&["roll", "agent", "--write"]);
    assert!(read(&farm, "jenkins.yaml").contains(&ami));
    let users = text.replace("amiOwners: \"111122223333\"", "amiUsers: \"${USER}\"");
    farm.write("jenkins.yaml", &users);
    has(&farm.amiable(&["roll", "agent", "--write"]), &["by amiUsers, which has ${USER}"]);
    farm.stdout(&["roll", "agent", "--write", "--force"]);
    assert_eq!(read(&farm, "jenkins.yaml"), users.replace(ID, &ami));
}

#[test]
fn what_is_found_by_a_tag_alone_is_for_a_tag_consumer() {
    let text = "jenkins:\n  clouds:\n  - amazonEC2:\n      templates:\n      - description: a\n        amiFilters:\n        \
                - {name: state, values: available}\n        - {name: \"tag:channel\", values: \
                                        stable}\n        initScript: \
                                        x\n";
    let (told, config) = import("jenkins.yaml", text);
    has(
        &told,
        &["a consumer `tag = { \"channel\" = \"stable\" }` sets that tag on the current AMI, and \
             only there"],
    );
    assert_eq!(config, "");
}

#[test]
fn variables_are_named_and_never_written() {
    let (told, config) = import("jenkins.yaml", file!("variables-in-other-fields-jenkins.yaml"));
    for (field, variable, key) in [
        ("remoteAdmin", "AGENT_USER", "ssh_user"),
        ("remoteFS", "AGENT_HOME", "agent"),
        ("type", "AGENT_TYPE", "instance_type"),
        ("securityGroups", "AGENT_SECURITY_GROUP", "security_groups"),
        ("subnetId", "AGENT_SUBNET", "subnet"),
        ("iamInstanceProfile", "AGENT_PROFILE", "instance_profile"),
    ] {
        let line = file!("variables-in-other-fields-jenkins.yaml");
        let line = line.lines().position(|line| line.contains(variable)).unwrap() + 1;
        has(
            &told,
            &[&format!(
                "not taken over: {field} of builder: line {line} has ${{{variable}}}, whose value \
                 only Jenkins knows: set `{key}`"
            )],
        );
    }
    lacks(&config, &["${", "AGENT_"]);
    let escaped = "jenkins:\n  clouds:\n  - amazonEC2:\n      region: \"${REGION}\"\n      templates:\n      - ami: \"ami-0123456789abcdef0\"\n        description: a\n        remoteAdmin: \"x^${y}\"\n        initScript: \"echo\\n\"\n";
    let (told, config) = import("jenkins.yaml", escaped);
    has(
        &told,
        &["the region of its cloud is ${REGION}, whose value only Jenkins knows: give it with \
             --region"],
    );
    assert_eq!(config, "");
    let (told, config) = import_with("jenkins.yaml", escaped, &["--region", "eu-west-1"]);
    has(
        &told,
        &["not taken over: region of a: ${REGION} is taken to be eu-west-1, as you specified"],
    );
    has(&config, &["region = \"eu-west-1\"", "ssh_user = \"x${y}\""]);
}

#[test]
fn lists_are_split_where_the_plugin_splits_them() {
    let text = file!("subnets-by-comma-jenkins.yaml");
    for separator in [",", ";", " ", " ,\\t"] {
        let (told, config) =
            import("jenkins.yaml", &text.replace("1,subnet", &format!("1{separator}subnet")));
        has(
            &told,
            &["not taken over: subnetId of builder: only the first subnet is used: a bake runs \
                 in one"],
        );
        has(&config, &["subnet = \"subnet-0aaaaaaaaaaaaaaa1\"\n"]);
    }
    let names = text.replace("sg-0aaaaaaaaaaaaaaa1", "build agents , default");
    let names = names
        .replace("        subnetId: \"subnet-0aaaaaaaaaaaaaaa1,subnet-0aaaaaaaaaaaaaaa2\"\n", "");
    has(&import("jenkins.yaml", &names).1, &["security_groups = [\"build agents\", \"default\"]"]);
}

#[test]
fn instance_types_of_old_are_ec2s() {
    let (told, config) = import("jenkins.yaml", file!("instance-types-flex-jenkins.yaml"));
    for kind in ["m7i-flex.large", "c7i-flex.2xlarge", "u-6tb1.56xlarge", "c7i.metal-24xl"] {
        has(&config, &[&format!("instance_type = \"{kind}\"")]);
    }
    lacks(&told, &["type of"]);
}

#[test]
fn who_runs_the_script_is_told_by_the_kind_of_agent() {
    for (name, text) in [
        ("config.xml", file!("mac-agent-config.xml")),
        ("jenkins.yaml", file!("mac-agent-jenkins.yaml")),
    ] {
        let (told, config) = import(name, text);
        has(
            &told,
            &["it runs macOS, which amiable does not bake (its script as root, SSH at port 2022)"],
        );
        assert_eq!(config, "");
    }
    let (_, config) = import("config.xml", file!("xstream-reference-config.xml"));
    let two = config.split("[template.two]").nth(1).unwrap();
    has(two, &["ssh_user = \"ubuntu\"\n", "ssh_port = 2022\n"]);
    lacks(two, &["run_as"]);
    let mac = file!("mac-agent-jenkins.yaml")
        .replace("macData", "unixData")
        .replace("mac2.metal", "m5.large");
    for (from, to, expected) in [
        ("\"sudo\"", "\"sudo -H -u jenkins\"", "run_as = \"jenkins\"\n"),
        ("            rootCommandPrefix: \"sudo\"\n", "", "run_as = \"ec2-user\"\n"),
        ("\"2022\"", "\"22\"", "ssh_user = \"ec2-user\"\n"),
    ] {
        let text = mac.replace(from, to);
        has(&import("jenkins.yaml", &text).1, &[expected]);
    }
    let (told, _) =
        import("jenkins.yaml", &mac.replace("\"sudo\"", "\"doas\"").replace("\"2022\"", "\"ssh\""));
    has(
        &told,
        &[
            "not taken over: rootCommandPrefix of mac builder: amiable does not know",
            "not taken over: sshPort of mac builder: it is not a port",
        ],
    );
    for windows in [
        "remoteAdmin: \"Administrator\"",
        "remoteAdmin: \"ec2-user\"\n        remoteFS: \"C:\\\\Jenkins\"",
    ] {
        let text = mac.replace("remoteAdmin: \"ec2-user\"", windows);
        has(&import("jenkins.yaml", &text).0, &["it runs Windows, which amiable does not bake"]);
    }
    // What is beside `amiType` is of before there was one, and the plugin does not look at it.
    let stale = "<rootCommandPrefix>sudo -u old</rootCommandPrefix><sshPort>99</sshPort>\n          <amiType class=\"hudson.plugins.ec2.UnixData\">";
    let xml = file!("xstream-reference-config.xml");
    let with = xml.replacen("<amiType class=\"hudson.plugins.ec2.UnixData\">", stale, 1);
    let without = xml
        .replacen("<amiType class=\"hudson.plugins.ec2.UnixData\">", "<old>", 1)
        .replacen("</amiType>", "</old>", 1);
    let without = without.replacen(
        "<old>",
        "<rootCommandPrefix>sudo -u old</rootCommandPrefix><sshPort>99</sshPort><old>",
        1,
    );
    let one = |text: &str| {
        import("config.xml", text).1.split("[template.two]").next().unwrap().to_owned()
    };
    lacks(&one(&with), &["run_as", "99"]);
    has(&one(&without), &["run_as = \"old\"", "ssh_port = 99"]);
}

/// Agents of one name in two controllers of one account are given AMIs of their own.
#[test]
fn two_controllers_do_not_share_a_namespace() {
    let farm = Farm::new(&[]);
    let base = farm.base();
    let files = [
        ("A", file!("two-controllers-A-jenkins.yaml")),
        ("B", file!("two-controllers-B-jenkins.yaml")),
    ];
    let mut all = Vec::new();
    for (folder, text) in files {
        let text = text.replace("ami-0123456789abcdef9", ID).replace(ID, &base);
        farm.write(&format!("{folder}/jenkins.yaml"), &text);
        let file = format!("{folder}/jenkins.yaml");
        all.push(farm.amiable(&[
            "jenkins",
            "import",
            &file,
            "--into",
            folder,
            "--endpoint",
            "local",
        ]));
        let config = format!("{folder}/amiable.toml");
        all.push(farm.amiable(&["update", "zeta", "--config", &config, "-q"]));
        all.push(farm.amiable(&["roll", "--all", "--write", "--config", &config]));
    }
    let ami = |folder: &str| {
        let text = read(&farm, &format!("{folder}/jenkins.yaml"));
        text.split('"').find(|it| it.starts_with("ami-")).unwrap().to_owned()
    };
    assert_ne!(ami("A"), ami("B"));
    // The same namespace by the files' folder.
    farm.write("C/A/jenkins.yaml", &read(&farm, "B/jenkins.yaml"));
    let again = ["jenkins", "import", "C/A/jenkins.yaml", "--into", "C", "--endpoint", "local"];
    let refused = farm.amiable(&again);
    has(&refused, &["namespace a already has AMIs of zeta", "--namespace"]);
    assert!(!farm.path("C/amiable.toml").exists());
    farm.stdout(&[&again[..], &["--namespace", "a", "-q"]].concat());
    // By hand they can share it all the same, and amiable says so.
    farm.write("C/init/zeta", "echo a third\n");
    let config = ["--config", "C/amiable.toml"];
    for command in [&["plan"][..], &["doctor"], &["update", "zeta"]] {
        let told = farm.amiable(&[command, &config].concat());
        has(
            &told,
            &[
                "which is current, was baked by [OPERATOR] from path [FARM]/A/init, not from path \
                 [FARM]/C/init",
                "give one of them its own namespace",
            ],
        );
    }
    all.push(refused);
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_namespace_is_made_of_the_controllers_url() {
    let text = file!("same-description-jenkins.yaml");
    let url =
        format!("{text}unclassified:\n  location:\n    url: \"https://ci.example.org/jenkins/\"\n");
    has(&import("jenkins.yaml", &url).1, &["namespace = \"ci.example.org-jenkins\""]);
    has(&import("jenkins.yaml", text).1, &["namespace = \"ci\""]);
    has(&import_with("jenkins.yaml", text, &["--namespace", "mine"]).1, &["namespace = \"mine\""]);
    let farm = Farm::without_endpoint();
    farm.write("home/config.xml", file!("xstream-reference-config.xml"));
    let location = "<jenkins.model.JenkinsLocationConfiguration><jenkinsUrl>http://b.example.org:8080/</jenkinsUrl></jenkins.model.JenkinsLocationConfiguration>";
    farm.write("home/jenkins.model.JenkinsLocationConfiguration.xml", location);
    farm.stdout(&["jenkins", "import", "home/config.xml", "--into", "amis", "--offline", "-q"]);
    has(&read(&farm, "amis/amiable.toml"), &["namespace = \"b.example.org-8080\""]);
}

#[test]
fn a_new_folder_names_the_files_as_one_that_is_there() {
    let farm = Farm::without_endpoint();
    farm.write("jk/jenkins.yaml", file!("into-new-folder-above-jenkins.yaml"));
    let mut command = farm.command(
        "amiable",
        &["jenkins", "import", "jenkins.yaml", "--into", "../amis", "--offline"],
    );
    assert!(command.current_dir(farm.path("jk")).output().unwrap().status.success());
    has(&read(&farm, "amis/amiable.toml"), &["file = \"../jk/jenkins.yaml\""]);
}

#[test]
fn agents_of_one_description_are_told_apart_by_their_labels() {
    let text = file!("same-description-jenkins.yaml");
    let (_, config) = import("jenkins.yaml", text);
    has(&config, &["{ labels = \"small\" }", "{ labels = \"large\" }"]);
    let (farm, ami) = farm_with("jenkins.yaml", text, "{ labels = \"small\" }");
    farm.stdout(&["roll", "agent", "--write"]);
    assert_eq!(read(&farm, "jenkins.yaml"), text.replace(ID, &ami));
}

#[test]
fn regions_are_read_as_the_plugin_reads_them() {
    let text = file!("same-description-jenkins.yaml");
    for (from, to, region) in [
        ("      region: \"us-east-1\"\n", "", "us-east-1"),
        ("us-east-1", "", "us-east-1"),
        ("us-east-1", "EU_WEST_1", "eu-west-1"),
    ] {
        let (told, config) = import("jenkins.yaml", &text.replace(from, to));
        has(&config, &[&format!("region = \"{region}\"")]);
        lacks(&told, &["not changed"]);
    }
    let (told, _) =
        import_with("jenkins.yaml", &text.replace("us-east-1", ""), &["--region", "eu-west-1"]);
    has(&told, &["its cloud is in us-east-1: import it into a configuration of its own"]);
    let own = "      region: \"us-east-1\"\n      altEC2Endpoint: \"https://ec2.internal\"\n";
    let (told, _) = import("jenkins.yaml", &text.replace("      region: \"us-east-1\"\n", own));
    has(
        &told,
        &["not taken over: altEC2Endpoint of ubuntu, ubuntu: its cloud has its own endpoint"],
    );
    let aws = own.replace("ec2.internal", "ec2.us-east-1.amazonaws.com");
    let (told, _) = import("jenkins.yaml", &text.replace("      region: \"us-east-1\"\n", &aws));
    lacks(&told, &["altEC2Endpoint of"]);
}

/// Shapes as the documentations of the EC2 plugin and of configuration as code have them: what is in them is
/// taken over, or told with the reason.
#[test]
fn examples_of_documentations_are_taken_or_told() {
    let anchored = "x-agent: &agent\n  ami: \"ami-0123456789abcdef0\"\n  remoteAdmin: admin\n  initScript: make\n  \
                    amiType:\n    unixData:\n      rootCommandPrefix: sudo\n      sshPort: \"2200\"\n\
                    jenkins:\n  clouds:\n  - amazonEC2:\n      name: ec2\n      region: eu-central-1\n      \
                    sshKeysCredentialsId: key\n      templates:\n      - description: small\n        type: t3.small\n        \
                    <<: *agent\n      - description: large\n        type: t3.xlarge\n        <<: *agent\n";
    let (told, config) = import("jenkins.yaml", anchored);
    has(&told, &["used by small, large"]);
    has(&config, &["ssh_port = 2200", "agents = [\"small\", \"large\"]"]);
    let agent = |more: &str| {
        format!(
            "- amazonEC2:\n    name: production\n    templates:\n    - labelString: linux\n      \
             {more}\n"
        )
    };
    for (text, why) in [
        (agent("ami: ami-12345678"), "labels \"linux\" (jenkins.yaml:4): it has no init script"),
        (
            agent("ami: ami-12345\n      initScript: x"),
            "its AMI is ami-12345, which is not an AMI id",
        ),
        (agent("amiOwners: self"), "it finds its AMI by filters"),
        (agent("amiFilters: []"), "it names no AMI"),
        (agent("amiType: {windowsData: {useHTTPS: true}}"), "it runs Windows"),
        (agent("amiType: {windowsSSHData: {sshPort: \"22\"}}"), "it runs Windows"),
        (agent("amiType: {macData: {sshPort: \"22\"}}"), "it runs macOS"),
        ("- amazonEC2:\n    name: empty\n".into(), "cloud empty (line 2) has no agent templates"),
    ] {
        let (told, config) = import("jenkins.yaml", &text);
        has(&told, &["not changed: ", why]);
        assert_eq!(config, "");
    }
    let groovy = "import hudson.plugins.ec2.AmazonEC2Cloud\nimport hudson.plugins.ec2.SlaveTemplate\n\
                  def agent = new SlaveTemplate(\n  'ami-12345', // amazonEC2: x\n)\n";
    has(&import("ec2.groovy", groovy).0, &["it is a Groovy script, not a file that Jenkins reads"]);
}

/// A template's placeholders are no values, quoted or not.
#[test]
fn placeholders_are_named_and_never_written() {
    let agent = |user: &str, region: &str| {
        format!(
            "jenkins:\n  clouds:\n  - amazonEC2:\n      region: {region}\n      templates:\n      - ami: {ID}\n        \
             description: a\n        remoteAdmin: {user}\n        subnetId: {user}\n        initScript: \"echo {{{{ x }}}}\\n\"\n"
        )
    };
    for (user, kind) in [("{{ user }}", "Jinja"), ("{{ .Values.user }}", "Go")] {
        let (told, config) = import("jenkins.yaml", &agent(user, "eu-west-1"));
        has(&told, &["it is a template (", kind]);
        assert_eq!(config, "");
    }
    for user in ["\"{{ user }}\"", "\"<%= @user %>\""] {
        let (told, config) = import("jenkins.yaml", &agent(user, "eu-west-1"));
        let told_of = format!(
            "remoteAdmin of a: line 8 has {}, whose value only Jenkins knows",
            user.trim_matches('"')
        );
        has(&told, &[&told_of, "not taken over: initScript of a: it is used as written"]);
        lacks(&told, &["only the first subnet"]);
        lacks(&config, &["{{", "<%"]);
        let (told, _) = import("jenkins.yaml", &agent("root", user));
        has(&told, &["the region of its cloud is ", "give it with --region"]);
    }
    let xml = file!("xstream-reference-config.xml")
        .replace("<remoteAdmin>ubuntu<", "<remoteAdmin>{{ user }}<");
    has(
        &import("config.xml", &xml).0,
        &["has {{ user }}, whose value only Jenkins knows: set `ssh_user`"],
    );
}

/// Jenkins' loader does not mind the case of keys, and its export leaves empty mappings out.
#[test]
fn keys_and_kinds_are_read_as_jenkins_loader_reads_them() {
    let text = file!("subnets-by-comma-jenkins.yaml");
    let other_case = text
        .replace("amazonEC2", "AmazonEC2Cloud")
        .replace("subnetId", "SubnetID")
        .replace("remoteAdmin", "RemoteAdmin");
    has(
        &import("jenkins.yaml", &other_case).1,
        &["ssh_user = \"ubuntu\"", "subnet = \"subnet-0aaaaaaaaaaaaaaa1\""],
    );
    for kind in ["macData", "MacData", "\n          macData: {}", "{macData: {sshPort: 5}}"] {
        let text = text.replace(
            "        remoteAdmin",
            &format!("        amiType: {kind}\n        remoteAdmin"),
        );
        has(&import("jenkins.yaml", &text).0, &["it runs macOS"]);
        let windows = text.replace("macData", "windowsData").replace("MacData", "windowsSSHData");
        has(&import("jenkins.yaml", &windows).0, &["it runs Windows"]);
    }
    for (from, to) in
        [("subnetId: \"", "subnetId: [\""), ("securityGroups: \"", "securityGroups: [\"")]
    {
        let list: String = text
            .lines()
            .map(|line| {
                if line.contains(from) {
                    format!("{}]\n", line.replace(from, to))
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
        let key = from.split(':').next().unwrap();
        has(
            &import("jenkins.yaml", &list).0,
            &[&format!("not taken over: {key} of builder: line ")],
        );
    }
    let xml = file!("xstream-reference-config.xml").replacen("UnixData", "MacData", 1);
    let mac = xml.replace(" class=\"hudson.plugins.ec2.UnixData\" reference", " reference");
    let (told, config) = import("config.xml", &mac);
    assert_eq!((told.matches("it runs macOS").count(), config.as_str()), (2, ""), "{told}");
    let lost = file!("xstream-reference-config.xml")
        .replace("SlaveTemplate/amiType\"", "SlaveTemplate[7]/amiType\"");
    has(
        &import("config.xml", &lost).0,
        &["not taken over: amiType of two: it refers to something that is not there"],
    );
}
