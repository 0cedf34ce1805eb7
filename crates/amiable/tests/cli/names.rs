//! Names that another AMI has: found before an instance starts, and told by what only looks.

use crate::farm::Farm;
use crate::regions::aws;

/// How often the endpoint was asked to start an instance.
fn starts(farm: &Farm) -> usize {
    let calls = farm.stdout(&["local", "calls", "--output", "json"]);
    let calls: serde_json::Value = serde_json::from_str(&calls).unwrap();
    usize::try_from(calls["made"]["RunInstances"].as_u64().unwrap_or(0)).unwrap()
}

#[test]
fn a_name_of_another_namespace_is_found_before_an_instance_starts() {
    let farm = Farm::with_example(&[]);
    let pattern = "{namespace}-{system}-{os}-{arch}-{date}-{generation}";
    farm.edit("amiable.toml", pattern, "{system}-{os}-{generation}");
    farm.stdout(&["create", "agent", "-q"]);
    farm.edit("amiable.toml", "namespace = \"ci\"", "namespace = \"nightly\"");
    farm.wait_until_empty();
    let before = starts(&farm);
    for command in [
        &["create", "agent"][..],
        &["create", "agent", "--take-over"],
        &["plan"],
        &["doctor"],
        &["validate", "--resolve"],
        &["update", "--all"],
    ] {
        let text = farm.amiable(command);
        assert!(text.contains("the name jenkins-debian-12-1 is taken: "), "{command:?}: {text}");
        assert!(text.contains("an AMI of template agent in namespace ci"), "{command:?}: {text}");
        assert!(
            text.contains("with {namespace} in `pattern` under [naming]"),
            "{command:?}: {text}"
        );
        assert!(!text.contains("is baking"), "{command:?}: {text}");
        let is_plan = command[0] == "plan";
        assert_eq!(text.contains("status: 0"), is_plan, "{command:?}: {text}");
    }
    // One is the doctor's, by DryRun.
    assert_eq!(starts(&farm), before + 1, "nothing was started");
    // The way out that is told is one.
    farm.edit("amiable.toml", "{system}-{os}-{generation}", "{namespace}-{os}-{generation}");
    farm.stdout(&["create", "agent", "-q"]);
}

#[test]
fn a_name_that_is_nobodys_or_another_templates_is_told_with_its_owner() {
    let farm = Farm::with_example(&[]);
    let pattern = "{namespace}-{system}-{os}-{arch}-{date}-{generation}";
    farm.edit("amiable.toml", pattern, "{system}-{generation}");
    let copy = format!("copy-image --source-region us-east-1 --source-image-id {}", farm.base());
    aws(&farm, "us-east-1", &format!("ec2 {copy} --name jenkins-1"));
    let refused = farm.amiable(&["create", "agent"]);
    assert!(refused.contains("has it, which amiable did not make"), "{refused}");
    assert!(refused.contains("hint: choose another `pattern` under [naming]"), "{refused}");
    assert_eq!(starts(&farm), 0);
    farm.edit("amiable.toml", "{system}-{generation}", "{system}-{os}-{generation}");
    farm.stdout(&["create", "agent", "-q"]);
    farm.edit("amiable.toml", "[template.agent", "[template.other");
    let refused = farm.amiable(&["create", "other"]);
    assert!(refused.contains("has it, an AMI of template agent\n"), "{refused}");
}

/// Somebody may be quicker all the same.
#[test]
fn a_name_that_is_taken_while_the_script_runs_is_told_with_its_owner() {
    let farm = Farm::with_example(&[]);
    farm.stdout(&["local", "fault", "--call", "CreateImage=wait:15s,times=1"]);
    let pattern = "{namespace}-{system}-{os}-{arch}-{date}-{generation}";
    farm.edit("amiable.toml", pattern, "{system}-{os}-{generation}");
    let copy = format!("copy-image --source-region us-east-1 --source-image-id {}", farm.base());
    let mut bake = farm.spawn(&["create", "agent"]);
    crate::farm::wait_for_line(&mut bake, "stopping");
    aws(&farm, "us-east-1", &format!("ec2 {copy} --name jenkins-debian-12-1"));
    let output = bake.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("the name jenkins-debian-12-1 is taken: ami-"), "{text}");
    assert!(!output.status.success() && !text.contains("is baking"), "{text}");
    farm.wait_until_empty();
}
