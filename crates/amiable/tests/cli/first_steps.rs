//! `amiable init --aws`: a configuration for the account that the credentials are of.

use crate::farm::Farm;

/// A base as Debian publishes it, on an endpoint that counts as AWS: only the environment leads to it.
fn farm() -> Farm {
    let farm = Farm::new(&[]);
    farm.write("disk.qcow2", "");
    let args = ["local", "import", "disk.qcow2", "--name", "debian-13-amd64-20261101-2000"];
    farm.stdout(&[&args[..], &["--owner", "136693071363"]].concat());
    farm
}

fn amiable(farm: &Farm, args: &[&str]) -> String {
    let mut command = farm.command("amiable", args);
    command.envs(farm.endpoint_env()).env("AWS_REGION", "us-east-1");
    let output = command.output().unwrap();
    farm.transcript(args, &output)
}

#[test]
fn init_writes_a_configuration_for_the_account_that_it_finds() {
    let farm = farm();
    let told = amiable(&farm, &["init", "--aws", "ci"]);
    assert!(
        told.contains("wrote ci/amiable.toml, ci/amiable.schema.json, ci/init/setup-agent"),
        "{told}"
    );
    assert!(told.contains("next: amiable create agent"), "{told}");
    let text = std::fs::read_to_string(farm.path("ci/amiable.toml")).unwrap();
    for line in [
        "region = \"us-east-1\"",
        "account = \"000000000000\"",
        "ssh_user = \"admin\"",
        "base = { owner = \"136693071363\", name = \"debian-13-amd64-*\" }",
        "os = \"debian-13\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("subnet"), "there is a default VPC: {text}");
    let config = farm.path("ci/amiable.toml").display().to_string();
    let valid = amiable(&farm, &["validate", "--resolve", "--config", &config]);
    assert!(valid.contains("status: 0") && valid.contains("is valid"), "{valid}");
    // What is there stays.
    let again = amiable(&farm, &["init", "--aws", "ci"]);
    assert!(again.contains("status: 2") && again.contains("was not changed"), "{again}");
}

#[test]
fn what_cannot_be_found_is_told_and_nothing_is_written() {
    let farm = farm();
    farm.stdout(&["local", "fault", "--call", "DescribeSubnets=UnauthorizedOperation"]);
    let failed = amiable(&farm, &["init", "--aws"]);
    assert!(failed.contains("status: 1") && !farm.path("amiable.toml").exists(), "{failed}");
    farm.stdout(&["local", "fault", "--off"]);
    let told = amiable(&farm, &["init", "--aws", "--os", "ubuntu-24.04"]);
    assert!(told.contains("has no AMI whose name matches ubuntu/images/"), "{told}");
    assert!(told.contains("choose another --os") && !farm.path("amiable.toml").exists(), "{told}");
}
