//! Signature Version 4, checked by signing the request again with AWS' own signer
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::request::Parts;
use jiff::Timestamp;

use super::{ApiError, ApiResult};

/// How far a request's date may lie from the server's clock: what EC2 allows.
const LONGEST_SKEW: Duration = Duration::from_secs(5 * 60);

/// The key that requests must be signed with.
#[derive(Debug, Clone)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// What a signature tells of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) region: String,
    pub(crate) service: String,
}

/// The parts of an Authorization header.
struct Authorization<'a> {
    key_id: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// Checks a request's signature.
pub(crate) fn check(
    parts: &Parts,
    body: &[u8],
    key: &AccessKey,
    now: SystemTime,
) -> ApiResult<Scope> {
    let header = text_header(parts, "authorization").ok_or_else(|| {
        ApiError::new("MissingAuthenticationToken", "Request is missing Authentication Token")
    })?;
    let authorization = Authorization::parse(header).ok_or_else(|| {
        let message = "Authorization header is not of Signature Version 4 form";
        ApiError::new("IncompleteSignature", message)
    })?;
    if authorization.key_id != key.id {
        return Err(ApiError::auth_failure());
    }
    let time = date(parts)?;
    if now
        .duration_since(time)
        .or_else(|_| time.duration_since(now))
        .is_ok_and(|skew| skew > LONGEST_SKEW)
    {
        return Err(ApiError::new("RequestExpired", "Request has expired."));
    }
    let expected = signature(parts, body, key, &authorization, time)
        .map_err(|message| ApiError::new("IncompleteSignature", message))?;
    if !same(&expected, authorization.signature) {
        return Err(ApiError::auth_failure());
    }
    Ok(Scope { region: authorization.region.into(), service: authorization.service.into() })
}

fn text_header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix("AWS4-HMAC-SHA256")?.split(',').map(str::trim);
        let (mut credential, mut headers, mut signature) = (None, None, None);
        for field in fields {
            match field.split_once('=')? {
                ("Credential", value) => credential = Some(value),
                ("SignedHeaders", value) => headers = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => return None,
            }
        }
        let mut scope = credential?.split('/');
        let (key_id, _day, region, service) =
            (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        (scope.next()? == "aws4_request").then_some(())?;
        let signed_headers: Vec<&str> = headers?.split(';').collect();
        // Without the host and the date a signature could be used elsewhere or later.
        (signed_headers.contains(&"host") && signed_headers.contains(&"x-amz-date"))
            .then_some(())?;
        Some(Authorization { key_id, region, service, signed_headers, signature: signature? })
    }
}

fn date(parts: &Parts) -> ApiResult<SystemTime> {
    let missing = || ApiError::new("IncompleteSignature", "X-Amz-Date is missing or not a date");
    let text = text_header(parts, "x-amz-date").ok_or_else(missing)?;
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).map_err(|_| missing())?;
    let time: Timestamp =
        civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| missing())?.timestamp();
    Ok(time.into())
}

/// The signature that this request should carry.
fn signature(
    parts: &Parts,
    body: &[u8],
    key: &AccessKey,
    authorization: &Authorization<'_>,
    time: SystemTime,
) -> Result<String, String> {
    let mut settings = SigningSettings::default();
    // Exactly the headers that the client signed, whatever their names.
    settings.excluded_headers = None;
    let identity = aws_sigv4_identity(key);
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(authorization.region)
        .name(authorization.service)
        .time(time)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let mut headers = Vec::new();
    for name in &authorization.signed_headers {
        for value in parts.headers.get_all(*name) {
            headers.push((*name, value.to_str().map_err(|error| error.to_string())?));
        }
    }
    let host = text_header(parts, "host").unwrap_or_default();
    let uri =
        format!("http://{host}{}", parts.uri.path_and_query().map_or("/", |path| path.as_str()));
    let request = SignableRequest::new(
        parts.method.as_str(),
        uri,
        headers.into_iter(),
        SignableBody::Bytes(body),
    )
    .map_err(|error| error.to_string())?;
    Ok(sign(request, &params).map_err(|error| error.to_string())?.signature().to_owned())
}

fn aws_sigv4_identity(key: &AccessKey) -> aws_smithy_runtime_api::client::identity::Identity {
    aws_credential_types::Credentials::new(&key.id, &key.secret, None, None, "local-ec2").into()
}

/// Compares in a time that does not tell where the difference is.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left.bytes().zip(right.bytes()).fold(0, |sum, (left, right)| sum | (left ^ right)) == 0
}
