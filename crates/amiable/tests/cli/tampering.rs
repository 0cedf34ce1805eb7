//! What another hand does to amiable's AMIs: copies with tags, and tags edited.

use crate::farm::Farm;
use crate::regions::aws;

fn ec2(farm: &Farm, args: &str) -> String {
    aws(farm, "us-east-1", &format!("ec2 {args}"))
}

fn copy(farm: &Farm, ami: &str, name: &str) -> String {
    let copy =
        format!("copy-image --source-region us-east-1 --source-image-id {ami} --name {name}");
    let id = ec2(farm, &format!("{copy} --copy-image-tags --query ImageId"));
    let state = format!("describe-images --image-ids {id} --query Images[0].State");
    while ec2(farm, &state) != "available" {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    id
}

fn current(farm: &Farm) -> String {
    let list: serde_json::Value =
        serde_json::from_str(&farm.stdout(&["list", "--output", "json"])).unwrap();
    let current = list.as_array().unwrap().iter().find(|ami| ami["status"] == "current");
    current.map(|ami| ami["ami"].as_str().unwrap().to_owned()).unwrap_or_default()
}

/// `aws ec2 copy-image --copy-image-tags`, or the console's checkbox.
#[test]
fn a_copy_by_hand_is_neither_current_nor_previous() {
    let farm = Farm::with_example(&[]);
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let second = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    let copies: Vec<String> = (0..6)
        .map(|index| {
            copy(&farm, if index < 3 { &second } else { &first }, &format!("copy-{index}"))
        })
        .collect();
    assert_eq!(current(&farm), second);
    let listed = farm.amiable(&["list"]);
    assert_eq!(listed.matches("  foreign  ").count(), 6, "{listed}");
    let told = "that amiable did not make: its tags are ignored";
    assert_eq!(listed.matches(told).count(), 6, "{listed}");
    for command in ["plan", "doctor"] {
        let text = farm.amiable(&[command]);
        assert_eq!(text.matches("that amiable did not make").count(), 6, "{command}: {text}");
    }
    // The real one is as safe as before, and nobody takes a copy for another.
    let refused = farm.amiable(&["delete", &second, "--yes"]);
    assert!(refused.contains("it is the current AMI of template agent"), "{refused}");
    let rolled = farm.stdout(&["rollback", "agent", "-q"]);
    assert_eq!(rolled.trim(), first);
    for command in [&["verify", &copies[0]][..], &["delete", &copies[0], "--yes"]] {
        let text = farm.amiable(command);
        assert!(text.contains("status: 1"), "{command:?}: {text}");
        assert!(text.contains("it is a copy of"), "{command:?}: {text}");
    }
    let pruned = farm.amiable(&["prune", "--explain", "--keep", "1", "--younger", "1s"]);
    assert_eq!(pruned.matches("amiable did not make it").count(), 6, "{pruned}");
    farm.amiable(&["prune", "--yes", "--keep", "1", "--younger", "1s"]);
    assert_eq!(farm.status()["images"], 9, "the base, two AMIs and six copies");
    // With its original gone a copy is a copy still.
    farm.stdout(&["update", "agent", "-q"]);
    farm.stdout(&["delete", &first, &second, "--yes", "--force"]);
    assert_ne!(current(&farm), "");
    assert!(!copies.contains(&current(&farm)));
    farm.stdout(&["delete", &copies[0], "--yes", "--force"]);
}

/// EC2 does not tell of older AMIs what they were made from, nor of those that were registered.
#[test]
fn what_has_the_tags_of_another_ami_is_not_taken_for_it() {
    let farm = Farm::with_example(&[]);
    let base = farm.base();
    let ami = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let json = |args: &[&str]| {
        let mut command = farm.command("aws", &[&["ec2"], args].concat());
        let output = command.envs(farm.endpoint_env()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let query = ["--query", "Images[0].Tags", "--output", "json", "--region", "us-east-1"];
    let tags = json(&[&["describe-images", "--image-ids", &ami], &query[..]].concat());
    json(&["create-tags", "--region", "us-east-1", "--resources", &base, "--tags", &tags]);
    assert_eq!(current(&farm), ami);
    let listed = farm.amiable(&["list"]);
    assert!(listed.contains("that amiable did not make"), "{listed}");
}

#[test]
fn a_tag_that_says_nothing_is_told_and_its_ami_left_alone() {
    let farm = Farm::with_example(&[]);
    let first = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let second = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    let tag = |ami: &str, key: &str, value: &str| {
        ec2(&farm, &format!("create-tags --resources {ami} --tags Key=amiable:{key},Value={value}"))
    };
    let value = |ami: &str, key: &str| {
        let query = format!("Images[0].Tags[?Key=='amiable:{key}']|[0].Value");
        ec2(&farm, &format!("describe-images --image-ids {ami} --query {query}"))
    };
    let whole = [value(&second, "generation"), value(&second, "promoted")];
    for (key, bad, whole) in [
        ("generation", "abc", whole[0].as_str()),
        ("promoted", "yesterday", &whole[1]),
        ("quarantined", "false", ""),
    ] {
        tag(&second, key, bad);
        let wants = if key == "generation" { "a number" } else { "a time as in" };
        let told = format!("tag amiable:{key} is \"{bad}\", which is not {wants}");
        for command in [
            &["list"][..],
            &["plan"],
            &["doctor"],
            &["create", "agent"],
            &["update", "agent"],
            &["rollback", "agent"],
            &["verify", "agent"],
            &["info", &second],
            &["prune", "--explain"],
            &["delete", &second, "--yes", "--force"],
            &["delete", &first, "--yes"],
            &["validate", "--resolve"],
            &["update", "--all"],
        ] {
            let text = farm.amiable(command);
            assert!(text.contains(&told), "{command:?}: {text}");
            let reads = matches!(command[0], "list" | "info" | "prune");
            assert_eq!(text.contains("status: 0"), reads, "{command:?}: {text}");
        }
        farm.amiable(&["prune", "--yes"]);
        assert_eq!(current(&farm), "", "the one before is not taken for it");
        assert_eq!(farm.status()["images"], 3);
        tag(&second, key, whole);
        assert_eq!(current(&farm), second);
    }
    // An older one's troubles are its own.
    tag(&first, "generation", "abc");
    let third = farm.stdout(&["update", "agent", "-q"]).trim().to_owned();
    assert_eq!(current(&farm), third);
    let back = farm.stdout(&["rollback", "agent", "-q"]).trim().to_owned();
    assert_eq!(back, second);
}

#[test]
fn a_lease_that_says_nothing_is_told_by_sweep() {
    let farm = Farm::with_example(&[]);
    let id = run_instance(&farm, "amiable:lease", "soon");
    let swept = farm.amiable(&["sweep", "--yes"]);
    let told = "is kept: whether its bake lives could not be determined: \
                tag amiable:lease is \"soon\", which is not a time as in";
    assert!(swept.contains(told), "{swept}");
    let state = "Reservations[0].Instances[0].State.Name";
    let state = ec2(&farm, &format!("describe-instances --instance-ids {id} --query {state}"));
    assert_eq!(state, "running");
}

/// An instance of the namespace `ci` with one more tag.
fn run_instance(farm: &Farm, key: &str, value: &str) -> String {
    let base = ec2(farm, "describe-images --owners self --query Images[0].ImageId");
    let tags = format!("[{{Key=amiable:namespace,Value=ci}},{{Key={key},Value={value}}}]");
    let tags = format!("--tag-specifications ResourceType=instance,Tags={tags}");
    let id = format!("--query Instances[0].InstanceId {tags}");
    ec2(farm, &format!("run-instances --instance-type t3.small --image-id {base} {id}"))
}
