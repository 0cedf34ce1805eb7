//! boto3 as a client that nobody here wrote: resources, waiters, paginators, errors.

use crate::farm::Farm;

/// Debian's own, which `make test` installs.
const PYTHON: &str = "/usr/bin/python3";

const SCRIPT: &str = r##"
import boto3, botocore.exceptions
ec2, client = boto3.resource("ec2"), boto3.client("ec2")

def wait(what, **arguments):
    client.get_waiter(what).wait(WaiterConfig={"Delay": 1}, **arguments)

def refused(call, **arguments):
    try: call(**arguments)
    except botocore.exceptions.ClientError as error: return error.response["Error"]["Code"]

image, = ec2.images.filter(Owners=["self"], Filters=[{"Name": "name", "Values": ["debian-*"]}])
key = ec2.create_key_pair(KeyName="boto", KeyType="ed25519")
print(key.key_material.splitlines()[0])
vpc, = ec2.vpcs.filter(Filters=[{"Name": "is-default", "Values": ["true"]}])
group = ec2.create_security_group(GroupName="boto", Description="of boto3", VpcId=vpc.id)
group.authorize_ingress(IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
group.reload()
print(group.ip_permissions[0]["IpRanges"], group.ip_permissions_egress[0]["IpProtocol"])
tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "boto"}]}]
instance, = ec2.create_instances(ImageId=image.id, MinCount=1, MaxCount=1, KeyName="boto",
    InstanceType="t3.micro", SecurityGroupIds=[group.id], UserData="#!/bin/sh", TagSpecifications=tags)
wait("instance_running", InstanceIds=[instance.id])
wait("instance_status_ok", InstanceIds=[instance.id])
instance.reload()
print(instance.state["Name"], instance.tags, instance.security_groups[0]["GroupName"])
print(instance.describe_attribute(Attribute="userData")["UserData"]["Value"])
instance.stop()
wait("instance_stopped", InstanceIds=[instance.id])
made = instance.create_image(Name="by boto3")
wait("image_available", ImageIds=[made.id])
for volume in instance.volumes.all():
    snapshots = [volume.create_snapshot(Description="%d of a volume" % n) for n in range(5)]
    wait("snapshot_completed", SnapshotIds=[snapshot.id for snapshot in snapshots])
pages = client.get_paginator("describe_snapshots").paginate(PaginationConfig={"PageSize": 5})
print([len(page["Snapshots"]) for page in pages])
print(refused(client.describe_instances, InstanceIds=["i-1"]),
      refused(client.create_image, InstanceId=instance.id, Name="by boto3"),
      refused(client.run_instances, ImageId=made.id, MinCount=1, MaxCount=1, DryRun=True),
      refused(group.delete),
      refused(client.describe_hosts))
instance.terminate()
wait("instance_terminated", InstanceIds=[instance.id])
for snapshot in snapshots: snapshot.delete()
made.deregister(); group.delete(); key.delete()
print(client.describe_key_pairs()["KeyPairs"], len(list(ec2.volumes.all())))
"##;

#[test]
fn boto3_takes_an_instance_through_its_life() {
    let farm = Farm::new(&["--delays", "running=200ms,stopped=200ms,image=200ms"]);
    farm.write("life.py", SCRIPT);
    let mut command = farm.command(PYTHON, &["life.py"]);
    let output = command.envs(farm.endpoint_env()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout));
}
