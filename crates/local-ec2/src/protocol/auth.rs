//! Signature Version 4, checked by signing the request again with AWS' own signer
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use axum::http::request::Parts;
use jiff::Timestamp;

use super::{ApiError, ApiResult};

/// How far a request's date may lie from the server's clock: what EC2 allows.
const LONGEST_SKEW: Duration = Duration::from_secs(5 * 60);

/// The longest life of a signature in a query, in seconds: a week.
const LONGEST_EXPIRY: u64 = 7 * 24 * 3600;

/// The form of X-Amz-Date.
const DATE: &str = "%Y%m%dT%H%M%SZ";

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
    day: &'a str,
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
    let Some(header) = text_header(parts, "authorization") else {
        return without_header(parts, body, key, now);
    };
    let authorization = Authorization::parse(header).ok_or_else(|| {
        let message = "Authorization header is not of Signature Version 4 form";
        ApiError::new("IncompleteSignature", message)
    })?;
    if authorization.key_id != key.id {
        return Err(ApiError::auth_failure());
    }
    let time = date(parts)?;
    if text_header(parts, "x-amz-date").and_then(|date| date.get(..8)) != Some(authorization.day) {
        return Err(ApiError::auth_failure());
    }
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

/// A request whose signature is elsewhere, or nowhere.
fn without_header(
    parts: &Parts,
    body: &[u8],
    key: &AccessKey,
    now: SystemTime,
) -> ApiResult<Scope> {
    let query = parts.uri.query().unwrap_or_default();
    let has = |text: &[u8], name: &str| form_urlencoded::parse(text).any(|(key, _)| key == name);
    if has(query.as_bytes(), "X-Amz-Signature") {
        return check_presigned(parts, key, now);
    }
    if has(query.as_bytes(), "Signature") || has(body, "Signature") {
        let message = "Signature Version 2 is not supported here: sign with Signature Version 4";
        return Err(ApiError { message: message.into(), ..ApiError::auth_failure() });
    }
    let message = "Request is missing Authentication Token";
    Err(ApiError::new("MissingAuthenticationToken", message))
}

/// What a signature claims of a request, before it is checked.
pub(crate) fn claimed_service(parts: &Parts) -> Option<String> {
    let header = text_header(parts, "authorization").and_then(Authorization::parse);
    if let Some(authorization) = header {
        return Some(authorization.service.to_owned());
    }
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let mut fields = form_urlencoded::parse(query);
    let (_, credential) = fields.find(|(name, _)| name == "X-Amz-Credential")?;
    credential.split('/').nth(3).map(str::to_owned)
}

/// Checks a request that has its signature in its query and no body
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html>).
pub(crate) fn check_presigned(parts: &Parts, key: &AccessKey, now: SystemTime) -> ApiResult<Scope> {
    let query = parts.uri.query().unwrap_or_default();
    let incomplete = || {
        let message = "The query has no Signature Version 4 of host and date";
        ApiError::new("IncompleteSignature", message)
    };
    let found: BTreeMap<String, String> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let field = |name: &str| found.get(&format!("X-Amz-{name}")).ok_or_else(incomplete);
    if field("Algorithm")? != "AWS4-HMAC-SHA256" || field("SignedHeaders")? != "host" {
        return Err(incomplete());
    }
    let credential: Vec<&str> = field("Credential")?.split('/').collect();
    let [key_id, day, region, service, "aws4_request"] = credential[..] else {
        return Err(incomplete());
    };
    let (date, expires) = (field("Date")?, field("Expires")?);
    let time = read_date(date)?;
    let expires: u64 = expires.parse().map_err(|_| incomplete())?;
    if key_id != key.id || date.get(..8) != Some(day) {
        return Err(ApiError::auth_failure());
    }
    let expires = Duration::from_secs(expires.min(LONGEST_EXPIRY));
    let is_early = time.duration_since(now).is_ok_and(|skew| skew > LONGEST_SKEW);
    if is_early || now.duration_since(time).is_ok_and(|age| age > expires) {
        return Err(ApiError::new("RequestExpired", "Request has expired."));
    }
    let rest: Vec<&str> = query.split('&').filter(|it| !it.starts_with("X-Amz-")).collect();
    let host = text_header(parts, "host").unwrap_or_default();
    let uri = format!("http://{host}{}?{}", parts.uri.path(), rest.join("&"));
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(expires);
    let identity = aws_sigv4_identity(key);
    let wrong =
        |error: &dyn std::fmt::Display| ApiError::new("IncompleteSignature", error.to_string());
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(settings)
        .build()
        .map_err(|error| wrong(&error))?
        .into();
    let headers = [("host", host)].into_iter();
    let request =
        SignableRequest::new(parts.method.as_str(), uri, headers, SignableBody::Bytes(b""));
    let expected = sign(request.map_err(|error| wrong(&error))?, &params);
    let expected = expected.map_err(|error| wrong(&error))?;
    if !same(expected.signature(), field("Signature")?) {
        return Err(ApiError::auth_failure());
    }
    Ok(Scope { region: region.into(), service: service.into() })
}

fn text_header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix("AWS4-HMAC-SHA256 ")?.split(',').map(str::trim);
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
        let (key_id, day, region, service) =
            (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        (scope.next()? == "aws4_request" && scope.next().is_none()).then_some(())?;
        let signed_headers: Vec<&str> = headers?.split(';').collect();
        // Their names are signed too, in one form only: sorted, each once.
        let is_sorted = signed_headers.windows(2).all(|pair| pair[0] < pair[1]);
        (is_sorted && !signed_headers.contains(&"")).then_some(())?;
        // Without the host and the date a signature could be used elsewhere or later.
        (signed_headers.contains(&"host") && signed_headers.contains(&"x-amz-date"))
            .then_some(())?;
        Some(Authorization { key_id, day, region, service, signed_headers, signature: signature? })
    }
}

fn date(parts: &Parts) -> ApiResult<SystemTime> {
    read_date(text_header(parts, "x-amz-date").unwrap_or_default())
}

fn read_date(text: &str) -> ApiResult<SystemTime> {
    let missing = || ApiError::new("IncompleteSignature", "X-Amz-Date is missing or not a date");
    let civil = jiff::civil::DateTime::strptime(DATE, text).map_err(|_| missing())?;
    // Reading takes fewer digits, too; signing knows one form only.
    if civil.strftime(DATE).to_string() != text {
        return Err(missing());
    }
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
        if !parts.headers.contains_key(*name) {
            return Err(format!("the signed header {name} is missing"));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use proptest::prelude::*;

    const BODY: &[u8] = b"Action=DescribeImages&Version=2016-11-15";

    fn key() -> AccessKey {
        AccessKey { id: "LKIAEXAMPLE".into(), secret: "secret".into() }
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_500_000)
    }

    /// A request that is signed with the key: its headers by name.
    fn signed() -> Vec<(String, String)> {
        let identity = aws_sigv4_identity(&key());
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("ec2")
            .time(now())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let body = SignableBody::Bytes(BODY);
        let headers = [("host", "x")].into_iter();
        let request = SignableRequest::new("POST", "http://x/", headers, body).unwrap();
        let (signed, _) = sign(request, &params).unwrap().into_parts();
        let more = signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        [("host".to_owned(), "x".to_owned())].into_iter().chain(more).collect()
    }

    fn parts(headers: &[(String, String)]) -> Option<Parts> {
        let mut request = Request::builder().method("POST").uri("/");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Some(request.body(()).ok()?.into_parts().0)
    }

    #[test]
    fn what_was_signed_passes() {
        let scope = check(&parts(&signed()).unwrap(), BODY, &key(), now()).unwrap();
        assert_eq!((scope.region.as_str(), scope.service.as_str()), ("us-east-1", "ec2"));
    }

    proptest! {
        #[test]
        fn whatever_is_changed_is_refused(
            field in 0usize..3,
            at in any::<prop::sample::Index>(),
            length in 0usize..4,
            with in "[ -~]{0,4}",
        ) {
            let mut headers = signed();
            let mut body = String::from_utf8(BODY.to_vec()).unwrap();
            let text = match field {
                0 => &mut body,
                1 => &mut headers.iter_mut().find(|(name, _)| name == "x-amz-date").unwrap().1,
                _ => &mut headers.iter_mut().find(|(name, _)| name == "authorization").unwrap().1,
            };
            let before = text.clone();
            let start = at.index(text.len());
            text.replace_range(start..(start + length).min(before.len()), &with);
            // White space between the fields of the header means nothing.
            let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let meant = |text: &str| folded(text).split(',').map(|it| it.trim().to_owned()).collect::<Vec<_>>();
            if meant(text) == meant(&before) {
                return Ok(());
            }
            if let Some(parts) = parts(&headers) {
                let outcome = check(&parts, body.as_bytes(), &key(), now());
                prop_assert!(outcome.is_err(), "{headers:?} {body}");
            }
        }

        #[test]
        fn no_header_panics(authorization in any::<String>(), date in any::<String>(), body in any::<Vec<u8>>()) {
            let headers = [("authorization", authorization), ("x-amz-date", date), ("host", "x".into())]
                .map(|(name, value)| (name.to_owned(), value));
            if let Some(parts) = parts(&headers) {
                prop_assert!(check(&parts, &body, &key(), now()).is_err());
            }
        }

        #[test]
        fn no_header_of_the_right_shape_panics(
            scope in "[a-zA-Z0-9/ -]{0,30}",
            names in "[a-z;-]{0,30}",
            signature in "[0-9a-f]{0,70}",
        ) {
            let credential = format!("LKIAEXAMPLE/{scope}/ec2/aws4_request");
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date;{names}, Signature={signature}"
            );
            let mut headers = signed();
            headers.retain(|(name, _)| name != "authorization");
            headers.push(("authorization".to_owned(), authorization));
            if let Some(parts) = parts(&headers) {
                prop_assert!(check(&parts, BODY, &key(), now()).is_err());
            }
        }
    }
}
