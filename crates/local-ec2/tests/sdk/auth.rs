//! Signatures.

use std::time::{Duration, SystemTime};

use crate::bench::{Bench, client, code};
use crate::raw::{send, signature};

const BODY: &str = "Action=DescribeImages&Version=2016-11-15";

#[tokio::test]
async fn a_signed_request_passes_and_may_be_repeated_as_on_aws() {
    let bench = Bench::new().await;
    let headers = signature(&bench.endpoint, BODY, SystemTime::now());
    for _ in 0..2 {
        let answer = send(&bench.endpoint, &headers, BODY).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test]
async fn a_request_with_another_secret_is_refused() {
    let bench = Bench::new().await;
    let stranger = client(&bench.endpoint, "not-the-secret");
    assert_eq!(code(stranger.describe_images().send().await), "AuthFailure");
}

#[tokio::test]
async fn an_unsigned_request_is_refused_in_ec2s_form() {
    let bench = Bench::new().await;
    let answer = send(&bench.endpoint, "", BODY).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("<Code>MissingAuthenticationToken</Code>"), "{answer}");
    assert!(answer.contains("<RequestID>"), "{answer}");
}

#[tokio::test]
async fn a_request_of_another_time_is_refused() {
    let bench = Bench::new().await;
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let now = SystemTime::now();
    for time in [now - minutes(20), now + minutes(20)] {
        let answer = send(&bench.endpoint, &signature(&bench.endpoint, BODY, time), BODY).await;
        assert!(answer.contains("<Code>RequestExpired</Code>"), "{answer}");
    }
    let recent = signature(&bench.endpoint, BODY, now - minutes(4));
    assert!(send(&bench.endpoint, &recent, BODY).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_signature_holds_for_its_body_alone() {
    let bench = Bench::new().await;
    let headers = signature(&bench.endpoint, BODY, SystemTime::now());
    let other = "Action=DescribeInstances&Version=2016-11-15";
    let answer = send(&bench.endpoint, &headers, other).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("<Code>AuthFailure</Code>"), "{answer}");
}

#[tokio::test]
async fn a_broken_signature_is_refused() {
    let bench = Bench::new().await;
    let key = &bench.endpoint.access_key_id;
    let header = format!(
        "x-amz-date: 20200101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential={key}/20200101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=00\r\n"
    );
    let answer = send(&bench.endpoint, &header, BODY).await;
    assert!(answer.contains("<Code>IncompleteSignature</Code>"), "{answer}");
}

#[tokio::test]
async fn an_action_that_is_not_served_is_invalid_and_one_that_is_missing_is_told() {
    let bench = Bench::new().await;
    let answer = crate::raw::call(&bench.endpoint, "Action=DescribeHosts").await;
    assert!(answer.contains("<Code>InvalidAction</Code>"), "{answer}");
    let answer = crate::raw::call(&bench.endpoint, "Version=2016-11-15").await;
    assert!(answer.contains("<Code>MissingAction</Code>"), "{answer}");
}
