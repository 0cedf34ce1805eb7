//! The AWS CLI as a client that nobody here wrote, with nothing but what
//! `amiable local env` exports.

use crate::farm::Farm;

fn aws(farm: &Farm, args: &[&str]) -> String {
    let output = farm.command("aws", args).envs(farm.endpoint_env()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_aws_cli_takes_an_instance_through_its_life_and_waits_for_it() {
    let farm = Farm::with_example(&["--delays", "running=300ms,stopped=300ms,image=300ms"]);
    let ami = farm.stdout(&["create", "agent", "-q"]).trim().to_owned();
    let text = ["--output", "text"];
    let run = [
        "ec2",
        "run-instances",
        "--image-id",
        &ami,
        "--instance-type",
        "t3.micro",
        "--query",
        "Instances[0].InstanceId",
    ];
    let id = aws(&farm, &[&run[..], &text].concat());
    aws(&farm, &["ec2", "wait", "instance-running", "--instance-ids", &id]);
    let query = ["--query", "Reservations[].Instances[].[State.Name,ImageId,PublicIpAddress]"];
    let found = aws(
        &farm,
        &[&["ec2", "describe-instances", "--instance-ids", &id], &query[..], &text].concat(),
    );
    assert!(found.starts_with(&format!("running\t{ami}\t127.")), "{found}");
    aws(&farm, &["ec2", "stop-instances", "--instance-ids", &id]);
    aws(&farm, &["ec2", "wait", "instance-stopped", "--instance-ids", &id]);
    let create =
        ["ec2", "create-image", "--instance-id", &id, "--name", "by hand", "--query", "ImageId"];
    let image = aws(&farm, &[&create[..], &text].concat());
    aws(&farm, &["ec2", "wait", "image-available", "--image-ids", &image]);
    aws(&farm, &["ec2", "terminate-instances", "--instance-ids", &id]);
    aws(&farm, &["ec2", "wait", "instance-terminated", "--instance-ids", &id]);
    let names = [
        "ec2",
        "describe-images",
        "--owners",
        "self",
        "--filters",
        "Name=name,Values=by*,ci-jenkins*",
        "--query",
        "sort(Images[].Name)",
        "--max-items",
        "5",
    ];
    let names = aws(&farm, &[&names[..], &text].concat());
    assert!(names.starts_with("by hand\tci-jenkins-debian-12-x86_64-"), "{names}");
}

#[test]
fn the_aws_cli_learns_who_it_is() {
    let farm = Farm::new(&[]);
    let account =
        aws(&farm, &["sts", "get-caller-identity", "--query", "Account", "--output", "text"]);
    assert_eq!(account, "000000000000");
}

#[test]
fn an_aws_cli_that_does_not_know_the_endpoint_variable_finds_its_way_too() {
    let farm = Farm::new(&[]);
    let env = farm.endpoint_env().into_iter().filter(|(key, _)| key != "AWS_ENDPOINT_URL");
    let args = ["ec2", "describe-images", "--query", "Images[].Name", "--output", "text"];
    let output = farm.command("aws", &args).envs(env).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "debian-12-amd64-simulated",
        "{output:?}"
    );
}

/// What the user names wins over what `local env` leads to.
#[test]
fn an_endpoint_that_is_named_is_the_one_that_is_asked() {
    let farm = Farm::new(&[]);
    let env = farm.endpoint_env().into_iter().filter(|(key, _)| key != "AWS_ENDPOINT_URL");
    // Nobody listens at that port.
    let args = ["ec2", "describe-images", "--endpoint-url", "http://127.0.0.1:1"];
    let output = farm.command("aws", &args).envs(env).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("http://127.0.0.1:1"), "{output:?}");
}
