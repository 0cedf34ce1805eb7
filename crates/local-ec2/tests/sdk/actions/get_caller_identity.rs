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
