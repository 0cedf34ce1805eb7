//! DescribeAccountAttributes.

use crate::bench::Bench;
use aws_sdk_ec2::types::AccountAttributeName;

#[tokio::test]
async fn there_is_a_default_vpc() {
    let bench = Bench::new().await;
    let request = bench.client.describe_account_attributes();
    let request = request.attribute_names(AccountAttributeName::DefaultVpc);
    let answer = request.send().await.unwrap();
    let values = answer.account_attributes()[0].attribute_values();
    assert!(values[0].attribute_value().unwrap().starts_with("vpc-"));
}
