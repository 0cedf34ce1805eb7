//! Signatures.

use crate::bench::{Bench, client, code};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_request_with_another_secret_is_refused() {
    let bench = Bench::new().await;
    let stranger = client(&bench.endpoint, "not-the-secret");
    assert_eq!(code(stranger.describe_images().send().await), "AuthFailure");
}

/// Sends a request as it stands and returns the answer.
async fn raw(bench: &Bench, headers: &str, body: &str) -> String {
    let mut stream =
        tokio::net::TcpStream::connect(("127.0.0.1", bench.endpoint.port)).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_unsigned_request_is_refused_in_ec2s_form() {
    let bench = Bench::new().await;
    let answer = raw(&bench, "", "Action=DescribeImages&Version=2016-11-15").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("<Code>MissingAuthenticationToken</Code>"), "{answer}");
    assert!(answer.contains("<RequestID>"), "{answer}");
}

#[tokio::test]
async fn an_old_or_broken_signature_is_refused() {
    let bench = Bench::new().await;
    let key = &bench.endpoint.access_key_id;
    let credential = format!("Credential={key}/20200101/us-east-1/ec2/aws4_request");
    let header = |rest: &str| {
        format!(
            "x-amz-date: 20200101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 {credential}, {rest}\r\n"
        )
    };
    let old = raw(&bench, &header("SignedHeaders=host;x-amz-date, Signature=00"), "Action=X").await;
    assert!(old.contains("<Code>RequestExpired</Code>"), "{old}");
    let broken = raw(&bench, &header("SignedHeaders=host, Signature=00"), "Action=X").await;
    assert!(broken.contains("<Code>IncompleteSignature</Code>"), "{broken}");
}
