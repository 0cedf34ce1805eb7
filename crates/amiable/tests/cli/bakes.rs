//! Create, update, list and info.

use crate::farm::Farm;

#[test]
fn the_example_is_baked_updated_listed_and_told_about() {
    let farm = Farm::with_example(&[]);
    let steps: [&[&str]; 8] = [
        &["list"],
        &["validate", "--resolve"],
        &["create", "agent"],
        &["create", "agent"],
        &["update", "agent"],
        &["list"],
        &["info", "agent"],
        &["list", "--template", "other", "--output", "json"],
    ];
    let all: Vec<String> = steps.iter().map(|args| farm.amiable(args)).collect();
    insta::assert_snapshot!(all.join("\n"));
    farm.wait_until_empty();
}

#[test]
fn quiet_prints_the_id_and_nothing_else() {
    let farm = Farm::with_example(&[]);
    insta::assert_snapshot!(farm.amiable(&["create", "agent", "--quiet"]));
}

#[test]
fn json_is_alone_on_standard_output() {
    let farm = Farm::with_example(&[]);
    let all = [
        farm.amiable(&["create", "agent", "--quiet", "--output", "json"]),
        farm.amiable(&["list", "--output", "json"]),
        farm.amiable(&["info", "agent", "--output", "json"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_log_is_for_its_owner_alone() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    let folder = farm.path("home/.local/state/amiable/log");
    let logs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap()).collect();
    assert_eq!(logs.len(), 1);
    let mode = std::os::unix::fs::MetadataExt::mode(&logs[0].metadata().unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_failing_script_fails_the_bake_and_leaves_nothing() {
    let farm = Farm::with_example(&["--answer", "file=./setup-agent=3"]);
    insta::assert_snapshot!(farm.amiable(&["create", "agent"]));
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 1, "only the base");
    let log = std::fs::read_dir(farm.path("home/.local/state/amiable/log")).unwrap().next();
    let log = std::fs::read_to_string(log.unwrap().unwrap().path()).unwrap();
    assert!(log.contains("== running the init script"), "{log}");
}

#[test]
fn a_failing_update_leaves_the_current_ami_current() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    let current = farm.current("agent");
    farm.stdout(&["local", "stop"]);
    farm.stdout(&["local", "start", "--answer", "file=./setup-agent=1"]);
    insta::assert_snapshot!(farm.amiable(&["update", "agent"]));
    assert_eq!(farm.current("agent"), current);
    farm.wait_until_empty();
}

#[test]
fn an_instance_is_kept_after_a_failure_when_that_is_asked_for() {
    let farm = Farm::with_example(&["--answer", "file=./setup-agent=3"]);
    let output =
        farm.command("amiable", &["create", "agent", "-q", "--on-failure=keep"]).output().unwrap();
    insta::assert_snapshot!(
        farm.transcript(&["create", "agent", "-q", "--on-failure=keep"], &output)
    );
    assert_eq!(farm.status()["instances"][0][1], "running");
    let text = String::from_utf8(output.stderr).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("log in: ssh ")).unwrap();
    let mut args: Vec<&str> =
        vec!["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-F", "/dev/null"];
    args.extend(line.split(' '));
    args.push("true");
    let login = farm.command("ssh", &args).output().unwrap();
    assert!(login.status.success(), "the command that was told logs in: {login:?}");
}

#[test]
fn a_template_may_stand_on_another() {
    let farm = Farm::with_example(&[]);
    let tools = "\n[template.tools]\nsystem = \"tools\"\nos = \"debian-12\"\nbase = { template = \"agent\" }\n\
                 source = { path = \"init\" }\nscript = \"setup-agent\"\n";
    let text = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    farm.write("amiable.toml", &(text + tools));
    let steps: [&[&str]; 5] = [
        &["create", "tools"],
        &["create", "agent", "tools"],
        &["list", "--system", "tools"],
        &["info", "tools"],
        &["list", "--os", "debian-11"],
    ];
    let all: Vec<String> = steps.iter().map(|args| farm.amiable(args)).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn sources_come_from_git_and_bazaar_at_their_exact_revision() {
    let farm = Farm::with_example(&[]);
    let script = "mkdir git && cd git && git init -q && git config user.email a@b && git config user.name a && \
                  mkdir node && cp ../init/setup-agent node && git add . && git commit -qm one && cd .. && \
                  brz init -q bzr && cd bzr && brz whoami --branch 'A <a@b>' && mkdir node && \
                  cp ../init/setup-agent node && brz add -q && brz commit -qm one";
    let made = farm.command("sh", &["-ec", script]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    farm.edit("amiable.toml", "script = \"setup-agent\"", "script = \"node/setup-agent\"");
    let mut source = "{ path = \"init\" }".to_owned();
    for (kind, revision) in [
        ("git", "git -C git rev-parse HEAD"),
        ("bzr", "brz version-info --custom --template={revision_id} bzr"),
    ] {
        let next = format!("{{ {kind} = \"{}\" }}", farm.path(kind).display());
        farm.edit("amiable.toml", &source, &next);
        source = next;
        farm.stdout(&["update", "agent", "-q"]);
        let info = farm.stdout(&["info", "agent", "--output", "json"]);
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        let words: Vec<&str> = revision.split(' ').collect();
        let expected = farm.command(words[0], &words[1..]).output().unwrap();
        let expected = String::from_utf8(expected.stdout).unwrap();
        assert_eq!(info["source"]["kind"], kind);
        assert_eq!(info["source"]["revision"], expected.trim());
    }
}

#[test]
fn a_source_without_the_script_is_found_out_before_anything_is_started() {
    let farm = Farm::with_example(&[]);
    let made = farm.command("git", &["init", "-q", "empty"]).output().unwrap();
    assert!(made.status.success());
    let commit = [
        "-C",
        "empty",
        "-c",
        "user.email=a@b",
        "-c",
        "user.name=a",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "x",
    ];
    assert!(farm.command("git", &commit).output().unwrap().status.success());
    farm.edit("amiable.toml", "{ path = \"init\" }", "{ git = \"empty\" }");
    let text = farm.amiable(&["create", "agent"]);
    assert!(text.contains("status: 1"), "{text}");
    assert!(text.contains("the script setup-agent does not exist in [FARM]/empty at "), "{text}");
    assert!(!text.contains("starting the instance"), "{text}");
}

/// A call that takes effect and whose answer never comes, at each step that makes something.
#[test]
fn lost_answers_neither_double_nor_lose_anything() {
    let farm = Farm::with_example(&[]);
    for (count, action) in ["RunInstances", "CreateImage", "CreateTags"].into_iter().enumerate() {
        let fault = format!("{action}=cut,after,times=2");
        farm.stdout(&["local", "fault", "--call", &fault]);
        farm.stdout(&["update", "agent", "-q"]);
        farm.wait_until_empty();
        assert_eq!(farm.status()["images"], count + 2, "{action}: the base and one each time");
        assert_eq!(farm.status()["snapshots"], count + 2, "{action}");
    }
    // No answer at all, however often it is tried: what was made is found by its tag.
    farm.stdout(&["local", "fault", "--call", "CreateImage=cut,after"]);
    farm.stdout(&["update", "agent", "-q"]);
    farm.stdout(&["local", "fault", "--call", "RunInstances=cut,after"]);
    farm.stdout(&["update", "agent", "-q"]);
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 6);
}

/// What the configuration says of a machine, as another client sees it.
#[test]
fn a_builders_metadata_service_answers_as_far_as_it_is_told() {
    let farm = Farm::with_example(&[]);
    let hops = || {
        let query = "Reservations[].Instances[].MetadataOptions.HttpPutResponseHopLimit";
        let look = format!("ec2 describe-instances --query {query}");
        crate::regions::aws(&farm, "us-east-1", &look)
    };
    farm.stdout(&["create", "agent", "-q"]);
    assert_eq!(hops().split_whitespace().collect::<Vec<_>>(), ["1", "1"], "builder and verifier");
    farm.edit("amiable.toml", "ssh_user = \"debian\"", "ssh_user = \"debian\"\nhop_limit = 2");
    // It is nothing that the AMI has.
    assert!(farm.amiable(&["plan"]).contains("no changes"));
    farm.stdout(&["update", "agent", "-q"]);
    assert_eq!(hops().split_whitespace().filter(|it| *it == "2").count(), 2);
    farm.edit("amiable.toml", "hop_limit = 2", "hop_limit = 65");
    assert!(farm.amiable(&["validate"]).contains("hop_limit"));
}

/// Variables are read when there is something to bake, before anything is started.
#[test]
fn variables_are_read_before_a_bake_and_a_secret_is_no_reason_for_one() {
    let farm = Farm::with_example(&[]);
    let env = "[template.agent.env]\nPLAIN = \"a\"\nTOKEN = { from_env = \"CI_TOKEN\" }\n\
               OTHER = { command = [\"cat\", \"secret\"] }\n";
    farm.edit(
        "amiable.toml",
        "[template.agent.metadata]",
        &format!("{env}[template.agent.metadata]"),
    );
    farm.write("secret", "first\n");
    let run = |args: &[&str], token: Option<&str>| {
        let mut command = farm.command("amiable", args);
        command.envs(token.map(|token| ("CI_TOKEN", token)));
        farm.transcript(args, &command.output().unwrap())
    };
    let missing = run(&["create", "agent"], None);
    let text = "the value of TOKEN in `env` could not be read: CI_TOKEN is not set, or empty";
    assert!(missing.contains("status: 1") && missing.contains(text), "{missing}");
    assert!(!missing.contains("starting the instance"), "{missing}");
    let doctor = run(&["doctor"], None);
    assert!(doctor.contains("FAILED  variable: CI_TOKEN"), "{doctor}");
    std::fs::remove_file(farm.path("secret")).unwrap();
    let failed = run(&["create", "agent"], Some("one"));
    assert!(failed.contains("of OTHER in `env` could not be read: cat failed"), "{failed}");
    assert!(farm.status()["instances"].as_array().unwrap().is_empty(), "nothing was started");
    farm.write("secret", "first\n");
    let done = run(&["create", "agent"], Some("one"));
    assert!(done.contains("status: 0"), "{done}");
    let validate = run(&["validate"], None);
    assert!(validate.contains("OTHER (secret), PLAIN, TOKEN (secret)"), "{validate}");
    // Neither the value nor that it is missing matters for what is up to date.
    farm.write("secret", "second\n");
    assert!(run(&["plan"], Some("two")).contains("no changes"));
    assert!(run(&["plan"], None).contains("no changes"));
    farm.edit("amiable.toml", "PLAIN = \"a\"", "PLAIN = \"b\"");
    assert!(run(&["plan"], None).contains("configuration: env"), "{}", run(&["plan"], None));
    let tags = crate::regions::aws(&farm, "us-east-1", "ec2 describe-images --owners self");
    assert!(!tags.contains("first") && !tags.contains("one"), "{tags}");
}

#[test]
fn mistakes_of_variables_are_told_at_once() {
    let farm = Farm::with_example(&[]);
    let env = "[template.agent.env]\n1ST = \"a\"\nAMIABLE_X = \"a\"\nNUMBER = 1\n\
               NOWHERE = {}\nBOTH = { from_env = \"A\", command = [\"b\"] }\n\
               WRONG = { form_env = \"A\" }\n";
    farm.edit(
        "amiable.toml",
        "[template.agent.metadata]",
        &format!("{env}[template.agent.metadata]"),
    );
    insta::assert_snapshot!(farm.amiable(&["validate"]));
}

/// Each has its heading and its time in the log; what is changed of them is a reason to bake.
#[test]
fn several_scripts_run_in_their_order_with_their_arguments() {
    let farm = Farm::with_example(&[]);
    farm.write("init/base", "#!/bin/sh\n");
    let scripts = "script = [\"base\", { path = \"setup-agent\", args = [\"--java\", \"21 ea\"] }]";
    farm.edit("amiable.toml", "script = \"setup-agent\"", scripts);
    assert!(farm.amiable(&["validate"]).contains("base, setup-agent --java '21 ea'"));
    let created = farm.amiable(&["create", "agent", "--verbose"]);
    let at = |text: &str| created.find(text).unwrap_or_else(|| panic!("{text}: {created}"));
    let told =
        ["script 1 of 2: base", "script 1 of 2 took ", "script 2 of 2: setup-agent --java '21 ea'"];
    assert!(told.map(at).is_sorted(), "{created}");
    assert!(farm.amiable(&["info", "agent"]).contains("base, setup-agent --java '21 ea'"));
    assert!(farm.amiable(&["plan"]).contains("no changes"));
    farm.edit("amiable.toml", "21 ea", "22");
    assert!(farm.amiable(&["plan"]).contains("configuration: script"));
    farm.edit(
        "amiable.toml",
        "{ path = \"setup-agent\", args = [\"--java\", \"22\"] }",
        "\"missing\"",
    );
    assert!(farm.amiable(&["validate"]).contains("init/missing"));
}

/// The AMI records the volumes, those of the builder alone are not in it, and all go with their machines.
#[test]
fn volumes_are_as_the_template_says_and_go_with_their_machines() {
    let farm = Farm::with_example(&[]);
    let volumes = "volume = { size = 9, type = \"gp3\", iops = 4000, throughput = 250, initialization_rate = 200 }\n\
                   volumes = [{ device = \"/dev/sdf\", size = 20, type = \"st1\" }, \
                   { device = \"/dev/sdg\", size = 50, keep = false }]\n";
    farm.edit("amiable.toml", "[template.agent]\n", &format!("[template.agent]\n{volumes}"));
    farm.stdout(&["create", "agent", "-q"]);
    farm.wait_until_empty();
    let left =
        crate::regions::aws(&farm, "us-east-1", "ec2 describe-volumes --query length(Volumes)");
    assert_eq!(left.trim(), "0");
    let query = "ec2 describe-images --owners self --filters Name=tag:amiable:template,Values=agent --query \
                 Images[].BlockDeviceMappings[].[DeviceName,Ebs.VolumeSize,Ebs.VolumeType,Ebs.Iops,Ebs.Throughput,Ebs.DeleteOnTermination]";
    insta::assert_snapshot!(crate::regions::aws(&farm, "us-east-1", query));
    assert!(farm.amiable(&["plan"]).contains("no changes"));
    farm.edit("amiable.toml", "size = 50", "size = 60");
    farm.edit("amiable.toml", "initialization_rate = 200", "initialization_rate = 300");
    assert!(farm.amiable(&["plan"]).contains("no changes"), "the AMI has nothing of these");
    farm.edit("amiable.toml", "type = \"st1\"", "type = \"sc1\"");
    farm.edit("amiable.toml", "iops = 4000", "iops = 5000");
    assert!(farm.amiable(&["plan"]).contains("configuration: volume, volumes"));
    farm.edit("amiable.toml", "/dev/sdf", "/dev/xvda");
    let refused = farm.amiable(&["update", "agent"]);
    assert!(
        refused.contains("`volumes` names /dev/xvda, the root device of the base AMI"),
        "{refused}"
    );
}

#[test]
fn mistakes_of_volumes_are_told_at_once() {
    let farm = Farm::with_example(&[]);
    let volumes = "volume_size = 8\nvolume = { size = 9, type = \"st1\", iops = 4000, throughput = 250 }\n\
                   volumes = [{ size = 20, type = \"io2\" }, { device = \"sdg\", kep = false }, \
                   { device = \"/dev/sdh\", size = 5, initialization_rate = 50 }, \
                   { device = \"/dev/sdh\", snapshot = \"snap-1\", throughput = 200, type = \"gp4\" }]\n";
    farm.edit("amiable.toml", "[template.agent]\n", &format!("[template.agent]\n{volumes}"));
    insta::assert_snapshot!(farm.amiable(&["validate"]));
}

/// They are on all that a bake starts, and not on its AMI; the builder may have another name.
#[test]
fn run_tags_are_on_what_a_bake_starts() {
    let farm = Farm::with_example(&["--delays", "stopped=6s"]);
    let tags = "[template.agent]\nrun_tags = { cost-center = \"ci\", Name = \"builder\" }\n";
    farm.edit("amiable.toml", "[template.agent]\n", tags);
    let mut bake = farm.spawn(&["create", "agent"]);
    crate::farm::wait_for_line(&mut bake, "stopping the instance");
    let aws = |args: &str| crate::regions::aws(&farm, "us-east-1", args);
    let started = aws(
        "ec2 describe-tags --filters Name=resource-type,Values=instance,volume,network-interface \
         --query Tags[].[ResourceType,Key,Value]",
    );
    for resource in ["instance", "volume", "network-interface"] {
        for tag in ["cost-center\tci", "Name\tbuilder"] {
            assert!(started.contains(&format!("{resource}\t{tag}")), "{started}");
        }
    }
    assert!(bake.wait().unwrap().success());
    let told =
        aws("ec2 describe-images --owners self --filters Name=tag:amiable:template,Values=agent \
         --query Images[].Tags[].[Key,Value]");
    assert!(told.contains("contact\tci@example.org"), "{told}");
    assert!(!told.contains("cost-center") && !told.contains("\tbuilder"), "{told}");
    farm.edit("amiable.toml", "cost-center", "\"aws:cost\"");
    assert!(farm.amiable(&["validate"]).contains("`aws:cost` is a key reserved by amiable or AWS"));
}

#[test]
fn an_ami_for_imds_v2_is_one_before_it_is_verified_and_so_are_its_copies() {
    let farm = Farm::with_example(&[]);
    let more =
        "[template.agent]\nimds_support = \"v2.0\"\nregions = [\"us-east-1\", \"eu-west-1\"]\n";
    farm.edit("amiable.toml", "[template.agent]\n", more);
    // As if EC2 had taken it, and had it not.
    farm.stdout(&["local", "fault", "--call", "ModifyImageAttribute=InternalError,times=9"]);
    let failed = farm.amiable(&["create", "agent"]);
    assert!(failed.contains("status: 1") && failed.contains("stays pending"), "{failed}");
    farm.stdout(&["local", "fault", "--off"]);
    farm.stdout(&["create", "agent", "-q"]);
    for region in ["us-east-1", "eu-west-1"] {
        let query = "ec2 describe-images --owners self --filters Name=tag:amiable:template,Values=agent \
                     --query Images[].ImdsSupport";
        assert_eq!(crate::regions::aws(&farm, region, query).trim(), "v2.0");
    }
    assert!(farm.amiable(&["plan"]).contains("no changes"));
    farm.edit("amiable.toml", "imds_support = \"v2.0\"\n", "");
    assert!(farm.amiable(&["plan"]).contains("configuration: imds_support"));
    farm.edit("amiable.toml", "[template.agent]\n", "[template.agent]\nimds_support = \"v1\"\n");
    assert!(farm.amiable(&["validate"]).contains("`imds_support` cannot be `v1`"));
}

/// What a bake could not write any more is no fault of the AMI's.
#[test]
fn a_pending_ami_for_imds_v2_becomes_one_when_it_is_verified() {
    let farm = Farm::with_example(&[]);
    farm.edit("amiable.toml", "[template.agent]\n", "[template.agent]\nimds_support = \"v2.0\"\n");
    farm.stdout(&["local", "fault", "--call", "ModifyImageAttribute=InternalError,times=9"]);
    assert!(farm.amiable(&["create", "agent"]).contains("stays pending"));
    farm.stdout(&["local", "fault", "--off"]);
    let verified = farm.amiable(&["verify", "agent"]);
    assert!(verified.contains("status: 0") && verified.contains("is current"), "{verified}");
    let query = "ec2 describe-images --owners self --filters Name=tag:amiable:template,Values=agent \
                 --query Images[].ImdsSupport";
    assert_eq!(crate::regions::aws(&farm, "us-east-1", query).trim(), "v2.0");
}

/// What EC2 says of an instance decides, not what was asked for.
#[test]
fn an_ami_whose_instances_answer_without_a_token_is_quarantined() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    farm.edit("amiable.toml", "[template.agent]\n", "[template.agent]\nimds_support = \"v2.0\"\n");
    let current = farm.current("agent");
    let failed = farm.amiable(&["verify", &current]);
    assert!(failed.contains("its metadata service answers without a token (IMDSv1)"), "{failed}");
}

#[test]
fn a_base_is_found_by_its_tags() {
    let farm = Farm::with_example(&[]);
    let aws = |args: &str| crate::regions::aws(&farm, "us-east-1", args);
    let base = farm.base();
    let by_tags = "base = { owner = \"self\", tags = { release = \"stable\", kind = \"a b\" } }";
    farm.edit("amiable.toml", "base = { owner = \"self\", name = \"debian-*\" }", by_tags);
    let none = "no available x86_64 AMI matches * of self with kind=a b with release=stable";
    let failed = farm.amiable(&["create", "agent"]);
    assert!(failed.contains(none), "{failed}");
    assert!(farm.amiable(&["plan"]).contains("no available AMI matches * of self with kind=a b"));
    aws(&format!("ec2 create-tags --resources {base} --tags Key=release,Value=stable"));
    assert!(farm.amiable(&["create", "agent"]).contains(none));
    let mut tag = farm.command(
        "aws",
        &["ec2", "create-tags", "--resources", &base, "--tags", "Key=kind,Value=a b"],
    );
    assert!(tag.envs(farm.endpoint_env()).status().unwrap().success());
    farm.stdout(&["create", "agent", "-q"]);
    assert!(farm.amiable(&["plan"]).contains("no changes"));
    farm.edit("amiable.toml", "owner = \"self\", tags", "tags");
    assert!(farm.amiable(&["validate"]).contains("`base` needs `owner`"));
}

/// As with all terms, the current AMI follows the configuration without a bake.
#[test]
fn snapshots_are_shared_as_the_template_says() {
    let farm = Farm::with_example(&[]);
    let more = "[template.agent]\nsnapshot_users = [\"123456789012\"]\nregions = [\"us-east-1\", \"eu-west-1\"]\n";
    farm.edit("amiable.toml", "[template.agent]\n", more);
    farm.stdout(&["create", "agent", "-q"]);
    let users = |region: &str| {
        let query = "ec2 describe-images --owners self --filters Name=tag:amiable:template,Values=agent \
                     --query Images[0].BlockDeviceMappings[0].Ebs.SnapshotId";
        let snapshot = crate::regions::aws(&farm, region, query);
        let query = format!(
            "ec2 describe-snapshot-attribute --attribute createVolumePermission --snapshot-id {} \
             --query CreateVolumePermissions[].UserId",
            snapshot.trim()
        );
        crate::regions::aws(&farm, region, &query).trim().to_owned()
    };
    assert_eq!(
        (users("us-east-1"), users("eu-west-1")),
        ("123456789012".into(), "123456789012".into())
    );
    assert!(farm.amiable(&["plan"]).contains("no changes"));
    farm.edit(
        "amiable.toml",
        "snapshot_users = [\"123456789012\"]",
        "snapshot_users = [\"210987654321\"]",
    );
    assert!(farm.amiable(&["plan"]).contains("snapshot_users"), "{}", farm.amiable(&["plan"]));
    farm.stdout(&["update", "--all", "-q"]);
    assert_eq!(users("eu-west-1"), "210987654321");
    farm.edit(
        "amiable.toml",
        "snapshot_users = [\"210987654321\"]",
        "snapshot_users = [\"me\"]\nencrypt = true",
    );
    let mistakes = farm.amiable(&["validate"]);
    assert!(mistakes.contains("`me` is not an account id"), "{mistakes}");
    assert!(
        mistakes.contains("encrypted with the account's own key cannot be shared"),
        "{mistakes}"
    );
}

/// From an arm64 base on an arm64 instance type; scripts learn it, and nothing else fits.
#[test]
fn an_arm64_template_bakes_on_simulated_machines() {
    let farm = Farm::with_example(&[]);
    farm.write("disk.img", "x");
    let import = ["local", "import", "disk.img", "--name", "debian-12-arm64", "--arch", "arm64"];
    farm.stdout(&import);
    farm.edit("amiable.toml", "arch = \"x86_64\"", "arch = \"arm64\"");
    let wrong = farm.amiable(&["create", "agent"]);
    assert!(wrong.contains("The architecture 'x86_64' of the specified instance type"), "{wrong}");
    farm.edit("amiable.toml", "instance_type = \"t3.small\"", "instance_type = \"m7g.medium\"");
    farm.stdout(&["create", "agent", "-q"]);
    let info = farm.amiable(&["info", "agent", "--output", "json"]);
    assert!(info.contains("\"arch\": \"arm64\"") && info.contains("debian-12-arm64"), "{info}");
    assert!(farm.amiable(&["plan"]).contains("no changes"));
    assert!(farm.amiable(&["verify", "agent"]).contains("status: 0"));
}
