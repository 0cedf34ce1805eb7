//! GetCallerIdentity is STS', which the EC2 client does not have; the AWS CLI asks it
//! in the command-line tests.

use crate::bench::Bench;

#[tokio::test]
async fn all_resources_belong_to_the_one_account() {
    let bench = Bench::new().await;
    let answer = bench.client.describe_images().owners("self").send().await.unwrap();
    assert_eq!(answer.images()[0].owner_id(), Some("000000000000"));
}
