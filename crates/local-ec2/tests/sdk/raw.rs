//! Requests written by hand: what the SDK would not send.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use local_ec2::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The headers that sign a body, at a time.
pub(crate) fn signature(endpoint: &Endpoint, body: impl AsRef<[u8]>, time: SystemTime) -> String {
    let key =
        Credentials::new(&endpoint.access_key_id, &endpoint.secret_access_key, None, None, "test");
    let identity = key.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("ec2")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = [("host", "x")].into_iter();
    let body = SignableBody::Bytes(body.as_ref());
    let request = SignableRequest::new("POST", "http://x/", headers, body).unwrap();
    let (signed, _) = sign(request, &params).unwrap().into_parts();
    signed.headers().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

/// Sends a request and returns the whole answer, empty when there is none.
pub(crate) async fn send(endpoint: &Endpoint, headers: &str, body: impl AsRef<[u8]>) -> String {
    let body = body.as_ref();
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", endpoint.port)).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    let bytes = [request.as_bytes(), body].concat();
    stream.write_all(&bytes).await.unwrap();
    let mut answer = String::new();
    // A connection that is reset has no answer either.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

/// Sends a signed call, such as `Action=DescribeImages`.
pub(crate) async fn call(endpoint: &Endpoint, body: impl AsRef<[u8]>) -> String {
    let body = body.as_ref();
    send(endpoint, &signature(endpoint, body, SystemTime::now()), body).await
}
