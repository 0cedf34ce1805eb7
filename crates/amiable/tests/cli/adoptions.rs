//! AMIs that others have baked: seen, adopted, and then kept as all others are.

use crate::farm::Farm;
use crate::regions::aws;

/// An AMI that `aws ec2 create-image` makes of a stopped instance of the base.
fn by_hand(farm: &Farm, name: &str) -> String {
    let aws = |args: &str| aws(farm, "us-east-1", args).trim().to_owned();
    let base = farm.base();
    let run = format!(
        "ec2 run-instances --image-id {base} --instance-type t3.small --query Instances[0].InstanceId"
    );
    let id = aws(&run);
    aws(&format!("ec2 wait instance-running --instance-ids {id}"));
    let create = format!(
        "ec2 create-image --instance-id {id} --name {name} --no-reboot --query ImageId \
                          --tag-specifications ResourceType=image,Tags=[{{Key=Team,Value=ops}}]"
    );
    let ami = aws(&create);
    aws(&format!("ec2 wait image-available --image-ids {ami}"));
    aws(&format!("ec2 terminate-instances --instance-ids {id}"));
    // EC2 tells the time of creation in seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    ami
}

#[test]
fn amis_of_others_are_adopted_and_then_kept_as_all_are() {
    let farm = Farm::with_example(&[]);
    let amis: Vec<String> =
        ["one", "two", "three", "four", "five"].map(|name| by_hand(&farm, name)).into();
    let used = format!("ec2 run-instances --image-id {} --instance-type t3.small", amis[0]);
    aws(&farm, "us-east-1", &used);
    let unmanaged = farm.amiable(&["list", "--unmanaged"]);
    assert!(
        unmanaged.contains("not managed by amiable: 6, with 12 GiB; managed: 0"),
        "{unmanaged}"
    );
    assert_eq!(unmanaged.matches("was started from it").count(), 1, "{unmanaged}");
    farm.amiable(&["list", "--unmanaged", "--output", "json"]);

    let ids: Vec<&str> = amis.iter().rev().map(String::as_str).collect();
    let adopt = [&["adopt"][..], &ids, &["--template", "agent"]].concat();
    let asked = farm.amiable(&adopt);
    assert!(asked.contains("cannot ask for confirmation"), "{asked}");
    let dry = farm.amiable(&[&adopt[..], &["--dry-run"]].concat());
    let last = dry.lines().rfind(|line| line.contains("becomes generation")).unwrap().to_owned();
    assert!(
        last.contains("(five, created ") && last.ends_with("becomes generation 5, and current"),
        "{dry}"
    );
    assert!(farm.amiable(&["list"]).contains("no AMIs in namespace"), "nothing was changed");
    farm.stdout(&[&adopt[..], &["--yes", "--output", "json"]].concat());
    let list = farm.amiable(&["list", "--columns", "gen,status,name"]);
    for row in ["5    current   five", "4    previous  four", "1    previous  one"] {
        assert!(list.contains(row), "{row}: {list}");
    }
    let again = farm.amiable(&[&adopt[..], &["--yes"]].concat());
    assert!(
        again.contains("is a generation of it already") && again.contains("status: 0"),
        "{again}"
    );
    let info = farm.amiable(&["info", "agent"]);
    assert!(info.contains("adopted by ") && info.contains("Team"), "{info}");

    // Its name and its tags are as they were; what its configuration was is not known.
    let tags = format!(
        "ec2 describe-images --image-ids {} --query Images[0].[Name,Tags[?Key==`Name`],Tags[?Key==`Team`].Value|[0]]",
        amis[4]
    );
    let told = aws(&farm, "us-east-1", &tags);
    assert_eq!(told.split_whitespace().collect::<Vec<&str>>(), ["five", "ops"]);
    assert!(farm.amiable(&["plan"]).contains("configuration: "), "{}", farm.amiable(&["plan"]));
    let rolled = farm.amiable(&["rollback", "agent", "--to", "3"]);
    assert!(rolled.contains("status: 0"), "{rolled}");
    assert_eq!(farm.current("agent"), amis[2]);
    farm.stdout(&["update", "agent", "-q"]);
    farm.edit(
        "amiable.toml",
        "[template.agent]\n",
        "[template.agent]\nkeep_younger = \"1s\"\nkeep = 1\n",
    );
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let pruned = farm.amiable(&["prune", "--yes"]);
    assert!(pruned.contains("status: 0"), "{pruned}");
    let left = farm.amiable(&["list", "--columns", "gen,status,name"]);
    // The first is in use, the third was current before this one.
    for (row, is_there) in [("one", true), ("two", false), ("three", true), ("four", false)] {
        assert_eq!(left.contains(row), is_there, "{row}: {left}\n{pruned}");
    }
    assert_eq!(farm.status()["snapshots"], farm.status()["images"], "they went with their AMIs");
}

#[test]
fn what_cannot_be_adopted_is_refused() {
    let farm = Farm::with_example(&[]);
    let base = farm.base();
    let refused = |ami: &str| farm.amiable(&["adopt", ami, "--template", "agent", "--yes"]);
    assert!(refused("ami-0123456789abcdef0").contains("does not exist in this region"));
    let unknown = farm.amiable(&["adopt", &base, "--template", "agnt", "--yes"]);
    assert!(unknown.contains("did you mean `agent`?"), "{unknown}");
    let own = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    assert!(refused(&own).contains("is a generation of it already"));
    farm.edit("amiable.toml", "arch = \"x86_64\"", "arch = \"arm64\"");
    assert!(
        refused(&base).contains("is x86_64, and template agent needs arm64"),
        "{}",
        refused(&base)
    );
    farm.edit("amiable.toml", "arch = \"arm64\"", "arch = \"x86_64\"");
    assert!(refused(&base).contains("template agent is based on"), "{}", refused(&base));
    // The one that is current stays so, and a copy by hand of an adopted one is none.
    let ami = by_hand(&farm, "late");
    let adopted = farm.amiable(&["adopt", &ami, "--template", "agent", "--yes"]);
    assert!(adopted.contains("becomes generation 2\n"), "{adopted}");
    assert_eq!(farm.current("agent"), own);
    let copy = format!(
        "ec2 copy-image --source-image-id {ami} --source-region us-east-1 --name copy --copy-image-tags --query ImageId"
    );
    aws(&farm, "us-east-1", &copy);
    let list = farm.amiable(&["list"]);
    assert!(list.contains("that amiable did not make: its tags are ignored"), "{list}");
}

/// The way back goes by age, as generations are given when AMIs are adopted.
#[test]
fn the_way_back_leads_to_an_older_ami_that_was_adopted_later() {
    let farm = Farm::with_example(&[]);
    let old = by_hand(&farm, "old");
    let own = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let adopted = farm.amiable(&["adopt", &old, "--template", "agent", "--yes"]);
    assert!(adopted.contains("becomes generation 2\n"), "{adopted}");
    let kept = farm.amiable(&["prune", "--dry-run", "--all"]);
    assert!(!kept.contains("rolled back"), "{kept}");
    let back = farm.amiable(&["rollback", "agent"]);
    assert!(back.contains("status: 0"), "{back}");
    assert_eq!(farm.current("agent"), old);
    let forward = farm.amiable(&["rollback", "agent", "--to", "1"]);
    assert!(forward.contains("status: 0"), "{forward}");
    assert_eq!(farm.current("agent"), own);
}
