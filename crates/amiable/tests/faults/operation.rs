//! The operations, and what there is when each begins.

use local_ec2::{Reply, Request};

use crate::case::{kill_when_struck, set_faults};
use crate::copy::copy;
use crate::farm::Farm;
use crate::faults::Point;
use crate::truth::{Truth, ask, tag};

/// One operation of the matrix.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// What there is when it begins.
    state: fn(&Farm),
    /// The arguments, given what there is.
    arguments: fn(&Farm) -> Vec<String>,
    /// How many images it adds or takes when it is done once.
    pub(crate) images: i64,
    /// The generation that is current when it is done, at least.
    pub(crate) generation: u64,
    /// The exit status when nothing goes wrong.
    pub(crate) status: i32,
    /// The calls that are struck; all of them without any.
    only: &'static [&'static str],
    /// At the first call of this action the program gets Ctrl-C, and what follows is struck.
    pub(crate) interrupted_at: Option<&'static str>,
}

const OPERATIONS: [Operation; 22] = [
    Operation {
        name: "create",
        state: |_| {},
        arguments: |_| words("create agent"),
        images: 1,
        generation: 1,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "update",
        state: |farm| {
            with_temporary_key(farm);
            one_ami(farm);
        },
        arguments: |_| words("update agent"),
        images: 1,
        generation: 2,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "trial",
        state: one_ami,
        arguments: |_| words("create agent --no-ami"),
        images: 0,
        generation: 1,
        status: 0,
        // `update` has the rest.
        only: &["RunInstances", "DescribeInstances", "TerminateInstances"],
        interrupted_at: None,
    },
    Operation {
        name: "spot",
        state: |farm| {
            let keys = "[template.agent]\nspot = true\nimds_support = \"v2.0\"\n";
            farm.edit("amiable.toml", "[template.agent]\n", keys);
        },
        arguments: |_| words("update agent"),
        images: 1,
        generation: 1,
        status: 0,
        // `create` has the rest.
        only: &["RunInstances", "StopInstances", "CreateImage", "ModifyImageAttribute"],
        interrupted_at: None,
    },
    Operation {
        name: "adopt",
        state: one_of_somebody_else,
        arguments: |farm| {
            let ami = std::fs::read_to_string(farm.path("theirs")).unwrap();
            words(&format!("adopt {} --template agent --yes", ami.trim()))
        },
        images: 0,
        generation: 1,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "backup",
        state: |farm| {
            farm.edit(
                "amiable.toml",
                "{namespace}-{system}-{os}-{arch}-{date}-{generation}",
                "{template}",
            );
            one_ami(farm);
        },
        arguments: |_| words("update agent"),
        images: 1,
        generation: 2,
        // The others are struck by `update` already.
        status: 0,
        only: &[
            "CopyImage",
            "CreateImage",
            "CreateTags",
            "DeleteSnapshot",
            "DeregisterImage",
            "DescribeImages",
        ],
        interrupted_at: None,
    },
    Operation {
        name: "undo",
        state: one_ami,
        arguments: |_| words("update agent"),
        images: 1,
        generation: 2,
        status: 0,
        only: &["TerminateInstances", "DeregisterImage", "DescribeSnapshots", "DeleteSnapshot"],
        interrupted_at: Some("CreateImage"),
    },
    Operation {
        name: "verify",
        state: |farm| {
            one_ami(farm);
            farm.stdout(&["update", "agent", "--no-verify", "-q"]);
        },
        arguments: |_| words("verify agent"),
        images: 0,
        generation: 2,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "disable",
        state: one_that_fails,
        arguments: |farm| words(&format!("verify {}", of_generation(farm, 2))),
        images: 0,
        generation: 1,
        status: 1,
        // `verify` has the rest.
        only: &["CreateTags", "DescribeImages", "DisableImage"],
        interrupted_at: None,
    },
    Operation {
        name: "enable",
        state: one_that_is_hidden,
        arguments: |farm| words(&format!("verify {}", of_generation(farm, 2))),
        images: 0,
        generation: 2,
        // `verify` has the rest.
        status: 0,
        only: &["CreateTags", "DescribeImages", "EnableImage"],
        interrupted_at: None,
    },
    Operation {
        name: "restore",
        state: one_that_was_deleted,
        arguments: |farm| {
            words(&format!("restore {}", std::fs::read_to_string(farm.path("deleted")).unwrap()))
        },
        images: 1,
        generation: 2,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "rollback",
        state: two_amis,
        arguments: |_| words("rollback agent --to 1"),
        images: 0,
        generation: 1,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "roll",
        state: not_rolled,
        arguments: |_| words("roll agent --write"),
        images: 0,
        generation: 1,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "delete",
        state: two_amis,
        arguments: |farm| words(&format!("delete {} --yes", previous(farm))),
        images: -1,
        generation: 2,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "prune",
        state: two_amis,
        arguments: |_| words("prune --yes --keep 0 --younger 1ms"),
        images: -1,
        generation: 2,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "retire",
        state: one_that_is_deprecated,
        arguments: |_| words("prune --yes --keep 0 --younger 1ms"),
        images: 0,
        generation: 2,
        status: 0,
        // `prune` has the rest.
        only: &["CreateTags", "DescribeImages", "DisableImage"],
        interrupted_at: None,
    },
    Operation {
        name: "deprecate",
        state: |farm| {
            two_amis(farm);
            farm.edit("amiable.toml", "[defaults]\n", "[defaults]\nretire_after = \"30d\"\n");
        },
        arguments: |_| words("prune --yes --keep 0 --younger 1ms"),
        images: 0,
        generation: 2,
        status: 0,
        only: &["CreateTags", "EnableImageDeprecation"],
        interrupted_at: None,
    },
    Operation {
        name: "unretire",
        state: one_that_is_retired,
        arguments: |_| words("rollback agent --to 1"),
        images: 0,
        generation: 1,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "many",
        state: two_templates,
        arguments: |_| words("update --all --jobs 2"),
        images: 2,
        generation: 1,
        // What is waited for together, and what begins it; `update` has the rest.
        status: 0,
        only: &["DescribeImages", "DescribeInstances", "RunInstances", "CreateImage"],
        interrupted_at: None,
    },
    Operation {
        name: "distribute",
        state: one_that_a_region_lacks,
        arguments: |_| words("update --all"),
        images: 1,
        generation: 1,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "sweep",
        state: what_the_dead_leave,
        arguments: |_| words("sweep --yes"),
        images: -1,
        generation: 2,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
    Operation {
        name: "list",
        state: one_ami,
        arguments: |_| words("list"),
        images: 0,
        generation: 1,
        status: 0,
        only: &[],
        interrupted_at: None,
    },
];

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(String::from).collect()
}

fn with_temporary_key(farm: &Farm) {
    let more = "ssh_user = \"debian\"\nkey_pair = \"temporary\"\nhost_key = \"console\"";
    farm.edit("amiable.toml", "ssh_user = \"debian\"", more);
}

fn one_ami(farm: &Farm) {
    farm.stdout(&["create", "agent", "-q"]);
}

/// A second template, and no AMI of either.
fn two_templates(farm: &Farm) {
    let text = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    let (_, template) = text.split_once("[template.agent]").unwrap();
    let other = template.replace("[template.agent.metadata]", "[template.other.metadata]");
    farm.write("amiable.toml", &format!("{text}\n[template.other]{other}"));
    farm.edit("amiable.toml", "{system}-{os}", "{template}-{os}");
}

/// An AMI that is to be in another region, too, and to be shared.
fn one_that_a_region_lacks(farm: &Farm) {
    one_ami(farm);
    let terms = "[template.agent]\nregions = [\"us-east-1\", \"eu-west-1\"]\n\
                 share_with = [\"123456789012\"]\nsnapshot_users = [\"123456789012\"]\ndeprecate_after = \"90d\"\n\
                 deregistration_protection = true\n";
    farm.edit("amiable.toml", "[template.agent]\n", terms);
}

fn two_amis(farm: &Farm) {
    one_ami(farm);
    farm.stdout(&["update", "agent", "-q"]);
}

const RETIRE: [&str; 6] = ["prune", "--yes", "--keep", "0", "--younger", "1ms"];

/// The first of two AMIs is about to be disabled, and then stays for long.
fn one_that_is_deprecated(farm: &Farm) {
    two_amis(farm);
    farm.edit("amiable.toml", "[defaults]\n", "[defaults]\nretire_after = \"30d\"\n");
    tag(farm, &previous(farm), "amiable:retired", "deprecated 2026-01-01T00:00:00Z");
}

/// The first of two AMIs is disabled.
fn one_that_is_retired(farm: &Farm) {
    one_that_is_deprecated(farm);
    farm.stdout(&RETIRE);
}

/// The file that says how a farm's endpoint is started.
pub(crate) const START: &str = "start";

/// The second AMI waits to be verified, and will fail.
fn one_that_fails(farm: &Farm) {
    one_ami(farm);
    farm.write("init/verify", "#!/bin/sh\n");
    let verify = "script = \"setup-agent\"\nverify = \"verify\"";
    farm.edit("amiable.toml", "script = \"setup-agent\"", verify);
    farm.stdout(&["update", "agent", "--no-verify", "-q"]);
    farm.write(START, "--answer file=./verify=4");
}

/// The second AMI has failed verification, so that it is disabled, through no fault of its own.
fn one_that_is_hidden(farm: &Farm) {
    one_ami(farm);
    farm.write("init/verify", "#!/bin/sh\n");
    let verify = "script = \"setup-agent\"\nverify = \"verify\"";
    farm.edit("amiable.toml", "script = \"setup-agent\"", verify);
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--answer", "file=./verify=4"]);
    assert!(farm.amiable(&["update", "agent"]).contains("is quarantined"));
    farm.wait_until_empty();
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start"]);
}

/// The first of two AMIs is in the Recycle Bin.
fn one_that_was_deleted(farm: &Farm) {
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--recycle-bin", "7d"]);
    two_amis(farm);
    let previous = previous(farm);
    farm.stdout(&["delete", &previous, "--yes"]);
    farm.write("deleted", &previous);
}

/// One consumer of every kind. The groups have no instances: what is left running would be looked for.
pub(crate) const CONSUMERS: [&str; 8] = [
    "tag = { channel = \"stable\" }",
    "jenkins = { file = \"jenkins/config.xml\", agents = [\"precise_cloud\"] }",
    "ssm = \"/ci/ami\"",
    "launch_template = \"plain\"",
    "auto_scaling_group = \"updated\"",
    "auto_scaling_group = \"refreshed\"\nrefresh = true",
    "file = \"jenkins/amis.yml\"\nat = \"agent\"",
    "file = \"amis.toml\"\nat = \"agent\"\ngit = { repository = \"jenkins/infra.git\" }",
];

/// What the consumers are of: launch templates, groups, files and a repository.
fn make_consumers(farm: &Farm) {
    let base = farm.base();
    farm.write("jenkins/amis.yml", &format!("agent: {base}\n"));
    farm.write("work/amis.toml", &format!("agent = \"{base}\"\n"));
    let script = "export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b \
                  GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; git init -q --bare -b main jenkins/infra.git; \
                  rm -r jenkins/infra.git/hooks; cd work; git init -q -b main; git add .; \
                  git commit -qm first; git push -q ../jenkins/infra.git main";
    assert!(farm.command("sh", &["-ec", script]).status().unwrap().success());
    for name in ["plain", "updated", "refreshed"] {
        aws(
            farm,
            &format!(
                "ec2 create-launch-template --launch-template-name {name} --launch-template-data \
             {{\"ImageId\":\"{base}\",\"InstanceType\":\"t3.small\"}}"
            ),
        );
    }
    for name in ["updated", "refreshed"] {
        aws(
            farm,
            &format!(
                "autoscaling create-auto-scaling-group --auto-scaling-group-name {name} --availability-zones us-east-1a --min-size 0 \
             --max-size 1 --launch-template LaunchTemplateName={name},Version=1"
            ),
        );
    }
}

/// An AMI that another tool has made.
fn one_of_somebody_else(farm: &Farm) {
    let copy =
        format!("ec2 copy-image --source-image-id {} --source-region us-east-1", farm.base());
    let id = aws(farm, &format!("{copy} --name theirs --query ImageId --output text"));
    aws(farm, &format!("ec2 wait image-available --image-ids {}", id.trim()));
    farm.write("theirs", &id);
}

fn aws(farm: &Farm, args: &str) -> String {
    let env = farm.endpoint_env();
    let (_, url) = env.iter().find(|(key, _)| key == "AWS_ENDPOINT_URL").unwrap();
    let more = ["--region", "us-east-1", "--endpoint-url", url];
    let args: Vec<&str> = args.split(' ').chain(more).collect();
    let output = farm.command("aws", &args).envs(env.clone()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Consumers name the second AMI, and the first one is current.
fn not_rolled(farm: &Farm) {
    let agents = include_str!("../../../jenkins-config/tests/files/ci-config.xml");
    farm.write("jenkins/config.xml", agents);
    make_consumers(farm);
    let consumers = CONSUMERS.map(|keys| format!("[[template.agent.consumer]]\n{keys}\n"));
    let consumers = format!("{}[template.agent.metadata]", consumers.concat());
    farm.edit("amiable.toml", "[template.agent.metadata]", &consumers);
    two_amis(farm);
    farm.stdout(&["rollback", "agent", "--to", "1", "--no-roll"]);
}

/// The id of the first generation's AMI.
fn previous(farm: &Farm) -> String {
    of_generation(farm, 1)
}

/// The id of a generation's AMI.
pub(crate) fn of_generation(farm: &Farm, generation: u64) -> String {
    let text = farm.stdout(&["list", "--output", "json"]);
    let amis: serde_json::Value = serde_json::from_str(&text).unwrap();
    let first = amis.as_array().unwrap().iter().find(|ami| ami["generation"] == generation);
    first.unwrap()["ami"].as_str().unwrap().to_owned()
}

/// A builder, an image that is being made, a key pair, and a snapshot whose image is gone.
fn what_the_dead_leave(farm: &Farm) {
    two_amis(farm);
    set_faults(farm, &["DeleteSnapshot=UnauthorizedOperation,times=1"]);
    let previous = previous(farm);
    let deleted = farm.amiable(&["delete", &previous, "--yes"]);
    assert!(deleted.contains("status: 1"), "{deleted}");
    set_faults(farm, &["TerminateInstances=wait:60s,times=1"]);
    kill_when_struck(farm, &["update", "agent"]);
    with_temporary_key(farm);
    set_faults(farm, &["RunInstances=wait:60s,after,times=1"]);
    // Of a second template, so that the first one's image is not gone on with.
    two_templates(farm);
    kill_when_struck(farm, &["update", "other"]);
    set_faults(farm, &[]);
}

/// An operation with the farm that each of its cases starts from.
pub(crate) struct Prepared {
    pub(crate) operation: &'static Operation,
    /// Its endpoint is stopped.
    farm: Farm,
    pub(crate) arguments: Vec<String>,
    /// How often each action is called in a run without faults.
    calls: Vec<(String, u64)>,
    /// It prints results in a run without faults.
    pub(crate) prints: bool,
    /// What there is when it begins.
    pub(crate) before: Truth,
}

/// Prepares what each operation starts from, and counts its calls.
pub(crate) fn prepare_all() -> Vec<Prepared> {
    std::thread::scope(|scope| {
        let prepared: Vec<_> =
            OPERATIONS.iter().map(|operation| scope.spawn(move || prepare(operation))).collect();
        prepared.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn prepare(operation: &'static Operation) -> Prepared {
    let farm = Farm::with_example(&[]);
    (operation.state)(&farm);
    let arguments = (operation.arguments)(&farm);
    farm.stdout(&["local", "stop"]);
    let trial = copy(&farm);
    let before = Truth::of(&trial);
    ask(&trial, &Request::Calls { reset: true });
    let arguments_ref: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let prints = match operation.interrupted_at {
        None => {
            let ended = crate::case::end(trial.spawn(&arguments_ref)).unwrap();
            assert_eq!(ended.status, Some(operation.status), "{}: {ended:?}", operation.name);
            ended.has_printed
        }
        Some(action) => {
            let status = crate::case::interrupt_at(&trial, action, &arguments_ref);
            assert_eq!(status, Some(130), "{}", operation.name);
            false
        }
    };
    let calls = calls(&trial, operation.only);
    Prepared { operation, farm, arguments, calls, prints, before }
}

/// How often each action was called; all of them without any that is meant.
fn calls(farm: &Farm, only: &[&str]) -> Vec<(String, u64)> {
    let Reply::Calls(counts) = ask(farm, &Request::Calls { reset: false }) else {
        panic!("not the calls");
    };
    let is_meant = |(action, _): &(String, u64)| only.is_empty() || only.contains(&action.as_str());
    counts.made.into_iter().filter(is_meant).collect()
}

fn points(calls: &[(String, u64)]) -> impl Iterator<Item = Point> {
    calls.iter().flat_map(|(action, count)| {
        (1..=*count).map(|count| Point::Call {
            action: action.clone(),
            count: u32::try_from(count).unwrap(),
        })
    })
}

/// The calls that a command makes, of these actions.
pub(crate) fn points_of(farm: &Farm, arguments: &[String], only: &[&str]) -> Vec<Point> {
    let trial = copy(farm);
    ask(&trial, &Request::Calls { reset: true });
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    trial.stdout(&arguments);
    points(&calls(&trial, only)).collect()
}

impl Prepared {
    /// Every call of a run without faults, and all of them together.
    pub(crate) fn points(&self) -> Vec<Point> {
        let all = self.operation.interrupted_at.is_none().then_some(Point::All);
        points(&self.calls).chain(all).collect()
    }

    /// A farm of its own for a case, whose endpoint runs.
    pub(crate) fn farm(&self) -> Farm {
        copy(&self.farm)
    }
}
