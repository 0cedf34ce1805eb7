//! Builders that are Spot Instances.

use crate::farm::{Farm, wait_for_line, wait_for_lines};
use crate::regions::aws;

fn farm(delays: &str) -> Farm {
    let farm = Farm::with_example(&["--delays", delays]);
    let spot = "[template.agent]\nspot = { max_price = \"0.05\" }\nrun_tags = { team = \"ci\" }\n";
    farm.edit("amiable.toml", "[template.agent]\n", spot);
    farm
}

/// The markets of all instances that there were, in the order of their starts.
fn markets(farm: &Farm) -> Vec<String> {
    let query = "ec2 describe-instances --query sort_by(Reservations[].Instances[],&LaunchTime)[].[InstanceLifecycle]";
    aws(farm, "us-east-1", query).lines().map(str::to_owned).collect()
}

#[test]
fn a_builder_is_a_spot_instance_and_the_verifier_is_not() {
    let farm = farm("running=20ms");
    let baked = farm.amiable(&["create", "agent"]);
    assert!(baked.contains("status: 0"), "{baked}");
    assert!(baked.contains("a Spot Instance cannot be stopped"), "{baked}");
    assert_eq!(markets(&farm), ["spot", "None"]);
    let request = "ec2 describe-spot-instance-requests --query SpotInstanceRequests[].[SpotPrice,Tags[?Key==`team`].Value|[0],Tags[?Key==`amiable:template`].Value|[0]]";
    let told = aws(&farm, "us-east-1", request);
    assert_eq!(told.split_whitespace().collect::<Vec<&str>>(), ["0.05", "ci", "agent"]);
    farm.wait_until_empty();
    assert_eq!(farm.status()["volumes"], 0);
    assert!(farm.amiable(&["plan"]).contains("no changes"), "it is no matter of the AMI");
    farm.edit("amiable.toml", "max_price = \"0.05\"", "max_price = \"0\"");
    assert!(farm.amiable(&["validate"]).contains("`0` is not a price"));
}

#[test]
fn where_there_is_no_capacity_the_bake_is_on_demand() {
    let farm = farm("running=20ms");
    farm.stdout(&["local", "fault", "--call", "RunInstances=MaxSpotInstanceCountExceeded,times=1"]);
    let baked = farm.amiable(&["create", "agent"]);
    assert!(baked.contains("status: 0"), "{baked}");
    assert!(baked.contains("t3.small as a Spot Instance: RunInstances"), "{baked}");
    assert_eq!(markets(&farm), ["None", "None"]);
}

/// After the second time on demand: at the first command, and when the image is to be made.
#[test]
fn what_ec2_takes_back_is_begun_anew() {
    let farm = farm("running=20ms");
    let held = ["--call", "ssh=wait:3s,times=1", "--call", "CreateImage=wait:3s,times=1"];
    farm.stdout(&[&["local", "fault"][..], &held].concat());
    let mut bake = farm.spawn(&["create", "agent"]);
    for lines in
        [&["waiting for cloud-init"][..], &["beginning anew on another", "creating the image"]]
    {
        wait_for_lines(&mut bake, lines);
        interrupt(&farm);
    }
    let told = wait_for_line(&mut bake, "is current (generation 1)");
    assert!(told.contains("beginning anew on an On-Demand Instance"), "{told}");
    assert!(bake.wait().unwrap().success());
    assert_eq!(markets(&farm), ["spot", "spot", "None", "None"]);
    farm.wait_until_empty();
    let status = farm.status();
    assert_eq!(
        (&status["images"], &status["snapshots"], &status["volumes"]),
        (&2.into(), &2.into(), &0.into())
    );
    assert!(farm.amiable(&["sweep", "--yes"]).contains("there are no leftovers"));
}

/// That EC2 needs the machine for others says nothing of the AMI.
#[test]
fn a_verification_that_ec2_interrupts_is_repeated_on_demand() {
    let farm = farm("running=20ms,ssh=2s");
    farm.edit("amiable.toml", "max_price = \"0.05\"", "verify = true");
    let mut bake = farm.spawn(&["create", "agent"]);
    wait_for_lines(&mut bake, &["verifying the AMI", "instance i-"]);
    interrupt(&farm);
    let told = wait_for_line(&mut bake, "is current (generation 1)");
    assert!(told.contains("back: verifying on an On-Demand Instance"), "{told}");
    assert!(bake.wait().unwrap().success());
    assert_eq!(markets(&farm), ["spot", "spot", "None"]);
    farm.wait_until_empty();
}

#[test]
fn a_dead_bakes_machine_that_ec2_takes_back_is_begun_anew() {
    let farm = farm("running=20ms");
    farm.stdout(&["local", "fault", "--call", "CreateImage=wait:4s,times=2"]);
    let mut bake = farm.spawn(&["create", "agent"]);
    wait_for_line(&mut bake, "creating the image");
    bake.kill().unwrap();
    bake.wait().unwrap();
    let mut bake = farm.spawn(&["create", "agent", "--on-failure", "keep"]);
    wait_for_lines(&mut bake, &["resuming with", "creating the image"]);
    interrupt(&farm);
    let told = wait_for_line(&mut bake, "is current (generation 1)");
    assert!(told.contains("beginning anew on another"), "{told}");
    assert!(bake.wait().unwrap().success());
    farm.wait_until_empty();
}

/// EC2 takes the running instance back. A client of EC2's would take too long to find it.
fn interrupt(farm: &Farm) {
    let status = farm.status();
    let live = |it: &&serde_json::Value| {
        ["pending", "running"].contains(&it[1].as_str().unwrap_or_default())
    };
    let found = status["instances"].as_array().unwrap().iter().find(live);
    let id = found.unwrap()[0].as_str().unwrap().to_owned();
    farm.stdout(&["local", "interrupt", &id]);
}

#[test]
fn a_dead_bakes_spot_instance_is_gone_on_with() {
    let farm = farm("running=300ms,image=1s");
    let mut bake = farm.spawn(&["create", "agent"]);
    wait_for_line(&mut bake, "creating the image");
    bake.kill().unwrap();
    bake.wait().unwrap();
    let baked = farm.amiable(&["create", "agent"]);
    assert!(baked.contains("status: 0") && baked.contains("resuming with"), "{baked}");
    farm.wait_until_empty();
}
