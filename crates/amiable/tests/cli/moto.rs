//! Against moto, which has what the local endpoint has not: launch templates and auto
//! scaling groups. `make setup-test` installs it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::farm::Farm;
use crate::regions::aws;

/// How long moto may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A farm whose endpoint is moto.
struct Moto {
    farm: Farm,
    url: String,
    server: Child,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Moto {
    fn new() -> Moto {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new("moto_server")
            .args(["-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto_server is there: `make setup-test` installs it");
        let farm = Farm::without_endpoint();
        assert!(farm.command("amiable", &["init"]).output().unwrap().status.success());
        let url = format!("http://127.0.0.1:{port}");
        farm.edit("amiable.toml", "endpoint = \"local\"", &format!("endpoint = \"{url}\""));
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "moto has not started");
            std::thread::sleep(Duration::from_millis(50));
        }
        Moto { farm, url, server }
    }

    fn env(&self) -> [(&'static str, &'static str); 3] {
        [
            ("AWS_ACCESS_KEY_ID", "testing"),
            ("AWS_SECRET_ACCESS_KEY", "testing"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ]
    }

    fn aws(&self, args: &str) -> String {
        self.run(&args.split(' ').collect::<Vec<&str>>())
    }

    fn run(&self, args: &[&str]) -> String {
        let more = ["--endpoint-url", &self.url, "--output", "text"];
        let mut command = self.farm.command("aws", &[args, &more[..]].concat());
        let output = command.envs(self.env()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn amiable(&self, args: &[&str]) -> String {
        let output = self.farm.command("amiable", args).envs(self.env()).output().unwrap();
        self.farm.transcript(args, &output)
    }

    /// An AMI of a name.
    fn image(&self, name: &str) -> String {
        let volume =
            self.aws("ec2 create-volume --size 1 --availability-zone us-east-1a --query VolumeId");
        let snapshot =
            self.aws(&format!("ec2 create-snapshot --volume-id {volume} --query SnapshotId"));
        self.aws(&format!(
            "ec2 register-image --name {name} --root-device-name /dev/xvda \
             --block-device-mappings DeviceName=/dev/xvda,Ebs={{SnapshotId={snapshot}}} --query ImageId"
        ))
    }

    /// An AMI of the namespace, as an earlier bake would have left it.
    fn ami(&self, generation: u64) -> String {
        let id = self.image(&format!("agent-{generation}"));
        self.aws(&format!(
            "ec2 create-tags --resources {id} --tags Key=amiable:namespace,Value=ci \
             Key=amiable:template,Value=agent Key=amiable:generation,Value={generation} \
             Key=amiable:promoted,Value=2026-11-2{generation}T10:00:00Z"
        ));
        id
    }
}

#[test]
fn an_ami_that_anything_starts_instances_from_is_not_deleted() {
    let moto = Moto::new();
    let [unused, used, current] = [1, 2, 3].map(|generation| moto.ami(generation));
    moto.aws(&format!("ec2 run-instances --image-id {used} --instance-type t3.micro"));
    let data = |ami: &str| format!("--launch-template-data {{\"ImageId\":\"{ami}\"}}");
    let template = "--launch-template-name agents";
    moto.aws(&format!("ec2 create-launch-template {template} {}", data(&used)));
    moto.aws(&format!("ec2 create-launch-template-version {template} {}", data(&current)));
    moto.aws(&format!("ec2 create-launch-template-version {template} {}", data(&unused)));
    moto.aws(&format!(
        "autoscaling create-launch-configuration --launch-configuration-name old \
         --image-id {used} --instance-type t3.micro"
    ));
    let zone = "--min-size 0 --max-size 1 --availability-zones us-east-1a";
    let group = "autoscaling create-auto-scaling-group --auto-scaling-group-name";
    moto.aws(&format!("{group} by-configuration {zone} --launch-configuration-name old"));
    moto.aws(&format!(
        "{group} by-version {zone} --launch-template LaunchTemplateName=agents,Version=2"
    ));
    let mut all = vec![
        moto.amiable(&["list"]),
        moto.amiable(&["delete", &used, "--yes"]),
        moto.amiable(&["delete", &unused, "--yes"]),
        moto.amiable(&["delete", &current, "--dry-run"]),
    ];
    moto.aws(&format!("ec2 create-launch-template-version {template} {}", data(&current)));
    all.push(moto.amiable(&["delete", &unused, "--yes"]));
    all.push(moto.amiable(&["delete", &used, "--yes", "--force"]));
    all.push(moto.amiable(&["list"]));
    insta::assert_snapshot!(all.join("\n"));
}

/// Lines of the configuration, for a template with these consumers.
fn with_consumers(moto: &Moto, more: &str) {
    let text = std::fs::read_to_string(moto.farm.path("amiable.toml")).unwrap();
    let text = text.split_once("[template.agent.metadata]").unwrap().0;
    moto.farm.write("amiable.toml", &format!("{text}{more}"));
}

#[test]
fn a_parameter_and_a_launch_template_are_rolled_and_rolled_back() {
    let moto = Moto::new();
    let [old, current] = [1, 2].map(|generation| moto.ami(generation));
    // moto has no SourceVersion: what a version inherits cannot be seen here.
    let data = format!("{{\"ImageId\":\"{old}\"}}");
    let template = moto.aws(&format!(
        "ec2 create-launch-template --launch-template-name agents --launch-template-data {data} \
         --query LaunchTemplate.LaunchTemplateId"
    ));
    with_consumers(
        &moto,
        &format!(
            "[[template.agent.consumer]]\nssm = \"/ci/ami/agent\"\n\
             [[template.agent.consumer]]\nlaunch_template = \"{template}\"\n\
             [[template.agent.consumer]]\ntag = {{ channel = \"stable\" }}\n"
        ),
    );
    let parameter = || {
        moto.aws("ssm get-parameter --name /ci/ami/agent --query Parameter.[Value,Type,DataType]")
    };
    let fields = "VersionNumber,DefaultVersion,LaunchTemplateData.ImageId";
    let versions = || {
        moto.aws(&format!(
            "ec2 describe-launch-template-versions --launch-template-id {template} \
             --query LaunchTemplateVersions[].[{fields}]"
        ))
    };
    let channel = || {
        moto.aws(
            "ec2 describe-images --filters Name=tag:channel,Values=stable --query Images[].ImageId",
        )
    };
    let mut all = vec![
        moto.amiable(&["roll", "agent", "--diff"]),
        moto.amiable(&["roll", "agent", "--write"]),
        moto.amiable(&["roll", "agent", "--write"]),
        moto.amiable(&["list"]),
    ];
    assert_eq!(parameter(), format!("{current}\tString\taws:ec2:image"));
    assert_eq!(versions(), format!("1\tFalse\t{old}\n2\tTrue\t{current}"));
    assert_eq!(channel(), current);
    all.push(moto.amiable(&["rollback", "agent"]));
    assert_eq!(parameter(), format!("{old}\tString\taws:ec2:image"));
    let after = versions();
    assert!(after.ends_with(&format!("3\tTrue\t{old}")), "{after}");
    assert_eq!(channel(), old);
    // A version that waits for it is not made again.
    moto.aws(&format!(
        "ec2 modify-launch-template --launch-template-id {template} --default-version 2"
    ));
    all.push(moto.amiable(&["roll", "agent", "--write"]));
    assert_eq!(versions(), after);
    moto.amiable(&["rollback", "agent", "--to", "2", "--no-roll"]);
    all.push(moto.amiable(&["delete", &old, "--dry-run"]));
    insta::assert_snapshot!(all.join("\n"));
}

/// The other parameter of the stack stays as it is. What becomes of its resources is not seen: moto does not update them.
#[test]
fn a_stack_is_rolled_and_rolled_back() {
    let moto = Moto::new();
    let [old, current] = [1, 2].map(|generation| moto.ami(generation));
    let body = "{\"Parameters\":{\"ImageId\":{\"Type\":\"String\"},\"Size\":{\"Type\":\"String\"}},\
                \"Resources\":{\"P\":{\"Type\":\"AWS::SSM::Parameter\",\"Properties\":{\"Name\":\"/of/stack\",\
                \"Type\":\"String\",\"Value\":{\"Fn::Sub\":\"${ImageId}/${Size}\"}}}}}";
    let parameters =
        format!("ParameterKey=ImageId,ParameterValue={old} ParameterKey=Size,ParameterValue=large");
    moto.aws(&format!(
        "cloudformation create-stack --stack-name agents --template-body {body} --parameters {parameters}"
    ));
    with_consumers(
        &moto,
        "[[template.agent.consumer]]\ncloudformation = { stack = \"agents\", parameter = \"ImageId\" }\n\
         [[template.agent.consumer]]\ncloudformation = { stack = \"agents\", parameter = \"Image\" }\n\
         [[template.agent.consumer]]\ncloudformation = { stack = \"none\", parameter = \"ImageId\" }\n",
    );
    let value = || {
        moto.aws("cloudformation describe-stacks --stack-name agents --query Stacks[].Parameters[].ParameterValue").replace('\t', "/")
    };
    let all = [
        moto.amiable(&["roll", "agent", "--diff"]),
        moto.amiable(&["roll", "agent", "--write"]),
        moto.amiable(&["roll", "agent", "--write"]),
        moto.amiable(&["info", &current]),
    ];
    assert_eq!(value(), format!("{current}/large"), "{}", all.join("\n"));
    let back = moto.amiable(&["rollback", "agent"]);
    assert_eq!(value(), format!("{old}/large"), "{back}");
    insta::assert_snapshot!(all[..3].join("\n"));
    assert!(all[3].contains("consumer      stack agents: ImageId names this AMI"), "{}", all[3]);
}

#[test]
fn consumers_that_are_not_as_they_should_be_are_left() {
    let moto = Moto::new();
    moto.ami(1);
    moto.aws("ssm put-parameter --name /ci/list --type StringList --value a,b");
    let data = "{\"ImageId\":\"resolve:ssm:/ci/ami\"}";
    moto.aws(&format!(
        "ec2 create-launch-template --launch-template-name by-ssm --launch-template-data {data}"
    ));
    with_consumers(
        &moto,
        "[[template.agent.consumer]]\nssm = \"/ci/list\"\n\
         [[template.agent.consumer]]\nlaunch_template = \"by-ssm\"\n\
         [[template.agent.consumer]]\nlaunch_template = \"none\"\n",
    );
    let all = [moto.amiable(&["roll", "agent", "--write"]), moto.amiable(&["list"])];
    insta::assert_snapshot!(all.join("\n"));
}

/// moto has public AMIs of others, and some that are instance-store-backed.
#[test]
fn an_import_tells_what_each_ami_is() {
    let moto = Moto::new();
    let own = moto.ami(1);
    let public = moto.aws("ec2 describe-images --owners 099720109477 --query Images[0].ImageId");
    let volume = moto.aws("ec2 register-image --name plain --query ImageId");
    let agents = [&own, &public, &volume, &"ami-0123456789abcdef0".to_owned()];
    let agents = agents.iter().enumerate().map(|(number, ami)| {
        format!("- ami: {ami}\n      description: a{number}\n      initScript: make\n    ")
    });
    let text = format!(
        "- amazonEC2:\n    name: c\n    region: us-east-1\n    templates:\n    {}",
        agents.collect::<String>()
    );
    moto.farm.write("casc.yml", text.trim_end());
    let args = ["jenkins", "import", "casc.yml", "--into", "new", "--endpoint", &moto.url];
    let told = moto.amiable(&args).replace(&moto.url, "[URL]").replace(&public, "[PUBLIC]");
    insta::assert_snapshot!(told);
}

/// CopyImage and sharing by an implementation that is not our own; it has no deprecation, and
/// does not tag copies by itself. moto starts no machine that could be baked on, so the AMI has
/// the tags that a bake on the local endpoint left.
#[test]
fn an_ami_is_distributed_to_another_region() {
    let local = Farm::with_example(&[]);
    let baked = local.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let listed = local.stdout(&["list", "--output", "json"]);
    assert!(listed.contains(&baked), "{listed}");
    let query = format!("ec2 describe-tags --filters Name=resource-id,Values={baked} --query");
    let answer = aws(&local, "us-east-1", &format!("{query} Tags[].[Key,Value]"));
    let moto = Moto::new();
    let base = moto.image("base");
    moto.farm.edit(
        "amiable.toml",
        "{ owner = \"self\", name = \"debian-*\" }",
        &format!("\"{base}\""),
    );
    let id = moto.ami(1);
    let tags = answer
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(key, _)| *key != "amiable:base");
    let mut arguments: Vec<String> =
        ["ec2", "create-tags", "--resources", &id, "--tags"].map(String::from).into();
    arguments.extend(tags.map(|(key, value)| format!("Key={key},Value=\"{value}\"")));
    arguments.push(format!("Key=amiable:base,Value={base}"));
    moto.run(&arguments.iter().map(String::as_str).collect::<Vec<&str>>());
    let terms = "[template.agent]\nregions = [\"us-east-1\", \"eu-west-1\"]\n\
                 share_with = [\"123456789012\"]\n";
    moto.farm.edit("amiable.toml", "[template.agent]\n", terms);
    let mut all = vec![
        moto.amiable(&["plan"]),
        moto.amiable(&["update", "--all", "-q"]),
        moto.amiable(&["plan", "--exit-code"]),
    ];
    let look = |all: &mut Vec<String>| {
        for region in ["us-east-1", "eu-west-1"] {
            let images = format!(
                "ec2 describe-images --region {region} --owners self --filters Name=tag:amiable:namespace,Values=ci"
            );
            let copy = moto.aws(&format!("{images} --query Images[].ImageId"));
            all.push(moto.aws(&format!("{images} --query Images[].[Name,State,Description]")));
            let attribute = "--attribute launchPermission --query LaunchPermissions[].UserId";
            all.push(moto.aws(&format!(
                "ec2 describe-image-attribute --region {region} --image-id {copy} {attribute}"
            )));
        }
    };
    look(&mut all);
    moto.farm.edit("amiable.toml", "[\"123456789012\"]", "[\"210987654321\"]");
    all.push(moto.amiable(&["update", "--all", "-q"]));
    look(&mut all);
    all.push(moto.amiable(&["list", "--all-regions"]));
    all.push(moto.amiable(&["rollback", "agent", "--to", "1", "--output", "json"]));
    insta::assert_snapshot!(all.join("\n"));
}

/// What a bake asks RunInstances for, as another implementation understands it. moto starts no machine
/// that could be logged in to, so the bake ends there, and leaves its instance to be looked at.
#[test]
fn all_keys_of_a_launch_are_understood_elsewhere() {
    let moto = Moto::new();
    let subnet = moto.aws("ec2 describe-subnets --query Subnets[0].SubnetId");
    let group =
        moto.aws("ec2 create-security-group --group-name ci --description x --query GroupId");
    moto.aws(&format!("ec2 create-tags --resources {subnet} {group} --tags Key=for,Value=ci"));
    moto.farm.edit(
        "amiable.toml",
        "{ owner = \"self\", name = \"debian-*\" }",
        "{ owner = \"099720109477\", name = \"ubuntu/images/*\" }",
    );
    let keys = "[template.agent]\n\
                instance_type = [\"m7i.large\", \"m5.large\"]\n\
                subnet = { tags = { for = \"ci\" } }\n\
                security_groups = { tags = { for = \"ci\" } }\n\
                volume = { size = 20, type = \"gp3\", iops = 4000, throughput = 250 }\n\
                volumes = [{ device = \"/dev/sdf\", size = 5, type = \"gp3\", keep = false }]\n\
                run_tags = { cost-center = \"ci\" }\n\
                hop_limit = 2\nimds_support = \"v2.0\"\nsnapshot_users = [\"123456789012\"]\n\
                timeouts = { boot = \"3s\" }\n";
    moto.farm.edit("amiable.toml", "[template.agent]\n", keys);
    let failed = moto.amiable(&["create", "agent", "--on-failure", "keep"]);
    assert!(failed.contains("no login at") && failed.contains("kept as requested"), "{failed}");
    let instance = "ec2 describe-instances --query Reservations[].Instances[0]";
    let told = moto.aws(&format!(
        "{instance}.[InstanceType,SubnetId==`{subnet}`,SecurityGroups[0].GroupId==`{group}`,\
         MetadataOptions.HttpTokens,MetadataOptions.HttpPutResponseHopLimit]"
    ));
    assert_eq!(told, "m7i.large\tTrue\tTrue\trequired\t2");
    let tags = "ec2 describe-tags --filters Name=resource-type,Values=instance \
                --query Tags[?Key==`cost-center`||Key==`amiable:template`].Value";
    let tags = moto.aws(tags);
    assert!(tags.contains("agent") && tags.contains("ci"), "{tags}");
    let volumes = moto.aws(
        "ec2 describe-volumes --filters Name=tag:cost-center,Values=ci --query \
         sort_by(Volumes,&Size)[].[Size,VolumeType]",
    );
    // moto forgets what IOPS were asked for.
    assert_eq!(volumes, "5\tgp3\n20\tgp3");
}

/// A role is assumed by the AWS profile that `[cloud]` names: nothing else says so.
#[test]
fn a_role_is_assumed_by_the_profile() {
    let moto = Moto::new();
    let profiles = format!(
        "[profile base]\naws_access_key_id = testing\naws_secret_access_key = testing\n\
         [profile baker]\nrole_arn = arn:aws:iam::123456789012:role/baker\nsource_profile = base\n\
         role_session_name = ci\nregion = us-east-1\nendpoint_url = {}\n",
        moto.url
    );
    moto.farm.write("home/.aws/config", &profiles);
    moto.farm.edit("amiable.toml", "[cloud]\n", "[cloud]\nprofile = \"baker\"\n");
    let run = |args: &[&str]| {
        let mut command = moto.farm.command("amiable", args);
        command.env("AWS_ENDPOINT_URL_STS", &moto.url);
        moto.farm.transcript(args, &command.output().unwrap())
    };
    let listed = run(&["list"]);
    assert!(listed.contains("no AMIs in namespace"), "{listed}");
    let doctor = run(&["doctor", "list"]);
    assert!(doctor.contains("assumed-role/baker/ci"), "{doctor}");
}
