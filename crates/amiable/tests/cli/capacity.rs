//! Where machines are started: the first instance type and subnet that EC2 has capacity for, in
//! networks that are named by tags.

use crate::farm::Farm;
use crate::regions::aws;

/// What EC2 shows of all instances that there were: type and subnet, in the order of their starts.
fn started(farm: &Farm) -> Vec<String> {
    let query = "ec2 describe-instances --query sort_by(Reservations[].Instances[],&LaunchTime)[].[InstanceType,SubnetId]";
    let told = aws(farm, "us-east-1", query);
    told.lines().map(|line| line.replace('\t', " ")).collect()
}

#[test]
fn what_has_no_capacity_is_told_once_and_the_next_is_taken() {
    let farm = Farm::with_example(&[]);
    let network =
        aws(&farm, "us-east-1", "ec2 describe-subnets --query Subnets[0].[SubnetId,VpcId]");
    let (first, vpc) = network.trim().split_once('\t').unwrap();
    let create = format!(
        "ec2 create-subnet --vpc-id {vpc} --cidr-block 127.96.7.0/24 --query Subnet.SubnetId"
    );
    let second = aws(&farm, "us-east-1", &create).trim().to_owned();
    farm.edit(
        "amiable.toml",
        "instance_type = \"t3.small\"",
        "instance_type = [\"m7i.large\", \"m5.large\"]",
    );
    let subnets =
        format!("[template.agent]\npublic_ip = true\nsubnet = [\"{first}\", \"{second}\"]\n");
    farm.edit("amiable.toml", "[template.agent]\n", &subnets);
    let refuse = |times: u32| {
        let rule = format!("RunInstances=InsufficientInstanceCapacity,times={times}");
        farm.stdout(&["local", "fault", "--off"]);
        farm.stdout(&["local", "fault", "--call", &rule]);
    };
    refuse(3);
    let baked = farm.amiable(&["create", "agent"]);
    assert!(baked.contains("status: 0"), "{baked}");
    for place in [
        format!("m7i.large in {first}"),
        format!("m7i.large in {second}"),
        format!("m5.large in {first}"),
    ] {
        assert_eq!(baked.matches(&format!("{place}: ")).count(), 1, "{baked}");
    }
    let all = started(&farm);
    assert_eq!(
        all,
        [format!("m5.large {second}"), format!("m7i.large {first}")],
        "the verifier is another"
    );
    refuse(4);
    let failed = farm.amiable(&["update", "agent"]);
    assert!(
        failed.contains("status: 1") && failed.contains("choose another `instance_type`"),
        "{failed}"
    );
    // What is no matter of capacity is not tried elsewhere.
    farm.stdout(&["local", "fault", "--off"]);
    farm.stdout(&["local", "fault", "--call", "RunInstances=InvalidParameterValue,times=1"]);
    let failed = farm.amiable(&["update", "agent"]);
    assert!(failed.contains("status: 1") && !failed.contains("trying the next"), "{failed}");
}

#[test]
fn networks_are_found_by_their_tags() {
    let farm = Farm::with_example(&[]);
    let aws = |args: &str| aws(&farm, "us-east-1", args).trim().to_owned();
    let tagged = "[template.agent]\nsubnet = { tags = { Name = \"ci\" } }\nsecurity_groups = { tags = { for = \"ci\" } }\n";
    farm.edit("amiable.toml", "[template.agent]\n", tagged);
    let failed = farm.amiable(&["create", "agent"]);
    assert!(
        failed.contains("status: 1") && failed.contains("no subnet has the tags Name=ci"),
        "{failed}"
    );
    let doctor = farm.amiable(&["doctor"]);
    assert!(doctor.contains("no subnet has the tags Name=ci"), "{doctor}");
    let subnet = aws("ec2 describe-subnets --query Subnets[0].SubnetId");
    aws(&format!("ec2 create-tags --resources {subnet} --tags Key=Name,Value=ci"));
    let failed = farm.amiable(&["create", "agent"]);
    assert!(failed.contains("has the tags for=ci"), "{failed}");
    let group = aws("ec2 create-security-group --group-name ci --description x --query GroupId");
    aws(&format!(
        "ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 2222 --cidr 127.0.0.0/8"
    ));
    aws(&format!("ec2 create-tags --resources {group} --tags Key=for,Value=ci"));
    let doctor = farm.amiable(&["doctor"]);
    assert!(doctor.contains("ok      network of agent  "), "{doctor}");
    let baked = farm.amiable(&["create", "agent"]);
    assert!(baked.contains("status: 0"), "{baked}");
    let groups = aws(
        "ec2 describe-instances --query Reservations[].Instances[].[SubnetId,SecurityGroups[].GroupId]",
    );
    assert_eq!(groups.matches(&group).count(), 2, "{groups}");
    assert!(farm.amiable(&["verify", "agent"]).contains("status: 0"));
    // Nobody's machine could be in two VPCs, and no name of a group goes with a subnet.
    farm.edit(
        "amiable.toml",
        "security_groups = { tags = { for = \"ci\" } }",
        "security_groups = [\"ssh\"]",
    );
    assert!(farm.amiable(&["validate"]).contains("is given by name together with a subnet"));
    farm.edit(
        "amiable.toml",
        "subnet = { tags = { Name = \"ci\" } }",
        "subnet = { tag = { Name = \"ci\" } }",
    );
    let mistakes = farm.amiable(&["validate"]);
    assert!(
        mistakes.contains("has no key `tag`") && mistakes.contains("needs `tags`"),
        "{mistakes}"
    );
}
