//! One template with every kind of consumer, on the local endpoint: `aws` and git say what each names.

use crate::farm::{Farm, JENKINS};
use crate::regions::aws;

/// What each consumer names, by the words of outside clients.
fn named(farm: &Farm) -> Vec<(&'static str, String)> {
    let aws = |args: &str| aws(farm, "us-east-1", args);
    let read = |name: &str| std::fs::read_to_string(farm.path(name)).unwrap();
    let id = |text: &str| {
        let at = text.find("ami-").unwrap();
        text[at..].chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '-').collect()
    };
    let versions = |name: &str, version: &str| {
        aws(&format!(
            "ec2 describe-launch-template-versions --launch-template-name {name} --versions {version} \
             --query LaunchTemplateVersions[].LaunchTemplateData.ImageId"
        ))
    };
    let group = "autoscaling describe-auto-scaling-groups --query \
                 AutoScalingGroups[].LaunchTemplate.Version";
    let git = farm.command("git", &["-C", "infra.git", "show", "main:pool.toml"]).output().unwrap();
    vec![
        ("jenkins", id(&read("config.xml"))),
        ("ssm", aws("ssm get-parameter --name /ci/ami --query Parameter.Value")),
        ("launch template", versions("plain", "$Default")),
        ("auto scaling group", versions("scaled", &aws(group))),
        ("file", id(&read("runs-on.yml"))),
        ("git", id(&String::from_utf8(git.stdout).unwrap())),
        (
            "tag",
            aws(
                "ec2 describe-images --filters Name=tag:channel,Values=stable --query Images[].ImageId",
            ),
        ),
        ("command", id(read("told").lines().last().unwrap())),
    ]
}

fn check(farm: &Farm, ami: &str) {
    for (kind, named) in named(farm) {
        assert_eq!(named, ami, "{kind}");
    }
}

#[test]
fn all_follow_there_back_and_there_again() {
    let farm = Farm::with_example(&[]);
    let base = farm.base();
    farm.write("config.xml", JENKINS);
    farm.write("runs-on.yml", &format!("images:\n  linux: {base}\n"));
    farm.write_program("notify", "#!/bin/sh\necho \"$1\" >> told\n");
    farm.write_program("in-use", "#!/bin/sh\ntail -n 1 told\n");
    farm.write("work/pool.toml", &format!("ami = \"{base}\"\n"));
    let script = "export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b \
                  GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; git init -q --bare -b main infra.git; cd work; \
                  git init -q -b main; git add .; git commit -qm first; git push -q ../infra.git main";
    assert!(farm.command("sh", &["-ec", script]).status().unwrap().success());
    for name in ["plain", "scaled"] {
        aws(
            &farm,
            "us-east-1",
            &format!(
                "ec2 create-launch-template --launch-template-name {name} --launch-template-data \
             {{\"ImageId\":\"{base}\",\"InstanceType\":\"t3.small\"}}"
            ),
        );
    }
    aws(
        &farm,
        "us-east-1",
        "autoscaling create-auto-scaling-group --auto-scaling-group-name farm --availability-zones us-east-1a --min-size 0 --max-size 2 \
         --desired-capacity 1 --launch-template LaunchTemplateName=scaled,Version=1",
    );
    let consumers = [
        "jenkins = { file = \"config.xml\", agents = [\"linux\"] }",
        "ssm = \"/ci/ami\"",
        "launch_template = \"plain\"",
        "auto_scaling_group = \"farm\"",
        "file = \"runs-on.yml\"\nat = \"images.linux\"",
        "file = \"pool.toml\"\nat = \"ami\"\ngit = { repository = \"INFRA\" }",
        "tag = { channel = \"stable\" }",
        "command = [\"./notify\", \"{ami}\"]\nquery = [\"./in-use\"]",
    ];
    let mut config = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    for keys in consumers {
        let keys = keys.replace("INFRA", farm.path("infra.git").to_str().unwrap());
        config += &format!("\n[[template.agent.consumer]]\n{keys}\n");
    }
    farm.write("amiable.toml", &config);
    let mut told = vec![farm.amiable(&["create", "agent"])];
    assert!(told[0].contains("status: 0"), "{}", told[0]);
    let first = farm.current("agent");
    check(&farm, &first);
    told = vec![farm.amiable(&["update", "agent", "-q"])];
    let second = farm.current("agent");
    check(&farm, &second);
    let info = farm.amiable(&["info", "agent"]);
    told.push(info.lines().filter(|it| it.starts_with("consumer")).collect::<Vec<_>>().join("\n"));
    told.push(farm.amiable(&["rollback", "agent"]));
    check(&farm, &first);
    told.push(farm.amiable(&["rollback", "agent", "--to", "2"]));
    check(&farm, &second);
    told.push(farm.amiable(&["roll", "agent", "--write"]));
    told.push(farm.amiable(&["plan", "--exit-code"]));
    check(&farm, &second);
    let folder = farm.path("").display().to_string();
    insta::assert_snapshot!(told.join("\n").replace(folder.trim_end_matches('/'), "[FARM]"));
    // All of them keep the AMI.
    let refused = farm.stdout(&["delete", &second, "--dry-run"]);
    for place in
        ["config.xml", "runs-on.yml", "pool.toml", "the command ./in-use", "launch template"]
    {
        assert!(refused.contains(place), "{place}: {refused}");
    }
}

/// One parameter follows at once, the other when the AMI has been current for a while: the agents of the first
/// try it.
#[test]
fn a_consumer_may_wait_until_others_have_tried_an_ami() {
    let farm = Farm::with_example(&[]);
    let config = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    let consumers = "[[template.agent.consumer]]\nssm = \"/canary\"\n\
                     [[template.agent.consumer]]\nssm = \"/all\"\nafter = \"1h\"\n";
    farm.write("amiable.toml", &format!("{config}\n{consumers}"));
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let value = |name: &str| {
        aws(
            &farm,
            "us-east-1",
            &format!("ssm get-parameters --names {name} --query Parameters[].Value"),
        )
    };
    assert_eq!((value("/canary"), value("/all")), (first.clone(), String::new()));
    let told = farm.amiable(&["roll", "agent", "--write"]);
    assert!(
        told.contains("status: 0") && told.contains("SSM parameter /all: waits until "),
        "{told}"
    );
    assert!(farm.amiable(&["plan", "--exit-code"]).contains("status: 0"), "nothing is due yet");
    // Its time has come.
    farm.edit("amiable.toml", "after = \"1h\"", "after = \"1s\"");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(farm.amiable(&["plan", "--exit-code"]).contains("status: 3"), "now it is");
    farm.stdout(&["roll", "agent", "--write"]);
    assert_eq!(value("/all"), first);
    farm.edit("amiable.toml", "after = \"1s\"", "after = \"1h\"");
    let second = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    assert_eq!((value("/canary"), value("/all")), (second.clone(), first.clone()));
    // What waits keeps its AMI.
    assert!(farm.stdout(&["delete", &first, "--dry-run"]).contains("/all names it"));
    // Who is in a hurry does not wait; and nor does the way back.
    farm.stdout(&["roll", "agent", "--write", "--force"]);
    assert_eq!(value("/all"), second);
    farm.stdout(&["rollback", "agent", "-q"]);
    assert_eq!((value("/canary"), value("/all")), (first.clone(), first));
    farm.edit("amiable.toml", "after = \"1h\"", "after = \"soon\"");
    assert!(farm.amiable(&["validate"]).contains("`soon` is not a duration"));
}
