//! Requests written by hand: what the SDK would not send.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use local_ec2::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The headers that sign a body for EC2, at a time.
pub(crate) fn signature(endpoint: &Endpoint, body: impl AsRef<[u8]>, time: SystemTime) -> String {
    signature_of(endpoint, ("us-east-1", "ec2"), body, time)
}

/// The same for a region and a service.
fn signature_of(
    endpoint: &Endpoint,
    (region, service): (&str, &str),
    body: impl AsRef<[u8]>,
    time: SystemTime,
) -> String {
    let key =
        Credentials::new(&endpoint.access_key_id, &endpoint.secret_access_key, None, None, "test");
    let identity = key.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
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

/// The same for a region and a service.
pub(crate) async fn call_of(
    endpoint: &Endpoint,
    region: &str,
    service: &str,
    body: impl AsRef<[u8]>,
) -> String {
    let body = body.as_ref();
    let headers = signature_of(endpoint, (region, service), body, SystemTime::now());
    send(endpoint, &headers, body).await
}

/// Sends a call in JSON, which is named by its target, signed for a service.
pub(crate) async fn call_json(
    endpoint: &Endpoint,
    service: &str,
    target: &str,
    body: &str,
) -> String {
    let headers = signature_of(endpoint, ("us-east-1", service), body, SystemTime::now());
    send(endpoint, &format!("{headers}x-amz-target: {target}\r\n"), body).await
}

/// The path of a request by GET with its signature in the query, for a service, at a time. `path` has
/// a query already.
pub(crate) fn presigned_path(
    endpoint: &Endpoint,
    service: &str,
    (host, path): (&str, &str),
    time: SystemTime,
) -> String {
    let key =
        Credentials::new(&endpoint.access_key_id, &endpoint.secret_access_key, None, None, "test");
    let identity = key.into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60));
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(time)
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let url = format!("http://{host}{path}");
    let headers = [("host", host)].into_iter();
    let request = SignableRequest::new("GET", &url, headers, SignableBody::Bytes(b"")).unwrap();
    let (signed, _) = sign(request, &params).unwrap().into_parts();
    let pairs = signed.params().iter().map(|(name, value)| (*name, value.as_ref()));
    let mut more = form_urlencoded::Serializer::new(String::new());
    format!("{path}&{}", more.extend_pairs(pairs).finish())
}

/// Sends a call by GET, with its signature in the query.
pub(crate) async fn presigned(endpoint: &Endpoint, query: &str) -> String {
    let path = format!("/?{query}");
    let target = presigned_path(endpoint, "ec2", ("x", &path), SystemTime::now());
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", endpoint.port)).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}
