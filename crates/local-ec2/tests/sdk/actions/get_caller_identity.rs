//! GetCallerIdentity is an action of STS, which the EC2 client does not have.

use crate::bench::Bench;
use crate::raw::call_of;

#[tokio::test]
async fn the_caller_is_the_one_account() {
    let bench = Bench::new().await;
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let answer = call_of(&bench.endpoint, "us-east-1", "sts", body).await;
    assert!(answer.contains("<Account>000000000000</Account>"), "{answer}");
}

/// ARNs begin with the partition that a region is in.
#[tokio::test]
async fn the_caller_is_of_the_regions_partition() {
    let bench = Bench::new().await;
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    for (region, arn) in [
        ("eu-west-1", "arn:aws:iam::000000000000:user/local"),
        ("cn-north-1", "arn:aws-cn:iam::000000000000:user/local"),
        ("us-gov-west-1", "arn:aws-us-gov:iam::000000000000:user/local"),
    ] {
        let answer = call_of(&bench.endpoint, region, "sts", body).await;
        assert!(answer.contains(&format!("<Arn>{arn}</Arn>")), "{answer}");
    }
    let subnets = call_of(&bench.endpoint, "cn-north-1", "ec2", "Action=DescribeSubnets").await;
    assert!(subnets.contains("<subnetArn>arn:aws-cn:ec2:cn-north-1:000000000000:subnet/"));
}
