//! AWS errors with code, message and request id, and what to do about the common ones.

use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;

use crate::ec2::action::Action;

/// What kind of failure it was, as far as it decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudErrorKind {
    /// No credentials were found.
    NoCredentials,
    /// Credentials that are not valid or have expired.
    BadCredentials,
    /// A session is to be begun first, by a command that the error names.
    NotSignedIn,
    /// The identity may not do this.
    NotAuthorized,
    /// The account has not opted into the region, or it does not exist.
    Region,
    /// There is no default VPC to launch in.
    NoDefaultVpc,
    /// Too many requests.
    Throttled,
    /// A quota or capacity limit.
    Limit,
    /// What was named does not exist.
    NotFound,
    /// What was to be deleted is in use.
    InUse,
    /// The endpoint could not be reached.
    Unreachable,
    /// The endpoint does not have the action.
    NoSuchAction,
    /// Anything else.
    Other,
}

/// A refused or failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {}{message}{}", code_prefix(.code), request_suffix(.request_id))]
pub struct CloudError {
    /// The API's action.
    pub action: Action,
    /// What kind of failure it was.
    pub kind: CloudErrorKind,
    /// AWS' error code.
    pub code: Option<String>,
    /// AWS' message, or what went wrong on the way.
    pub message: String,
    /// AWS' id of the request, for its support.
    pub request_id: Option<String>,
    /// The command that begins the session that is missing.
    pub sign_in: Option<Box<str>>,
}

/// Whoever provides credentials has none, as their session has ended or was never begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are no credentials of the AWS profile: {cause}")]
pub struct NotSignedIn {
    /// What the provider says.
    pub cause: String,
    /// The command that begins one.
    pub command: String,
}

fn code_prefix(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default()
}

fn request_suffix(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default()
}

/// EC2 has no role for Spot Instances, and may not create it
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html>).
const NO_SPOT_ROLE: &str = "AuthFailure.ServiceLinkedRoleCreationNotPermitted";

impl CloudError {
    /// Reads the SDK's error of any action.
    pub(crate) fn new<E>(action: Action, error: SdkError<E, HttpResponse>) -> CloudError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let request_id = error.request_id().map(String::from);
        let code = error.code().map(String::from);
        if let Some(code) = code {
            let message = error.message().unwrap_or("no message").to_owned();
            let kind = kind_of_code(&code, &message);
            return CloudError {
                kind,
                code: Some(code),
                request_id,
                ..CloudError::answer(action, message)
            };
        }
        if let Some(NotSignedIn { command, .. }) = not_signed_in(&error) {
            let (kind, sign_in) = (CloudErrorKind::NotSignedIn, Some(command.as_str().into()));
            return CloudError { kind, sign_in, ..CloudError::answer(action, innermost(&error)) };
        }
        let mut message = innermost(&error);
        if let Some(response) = error.raw_response() {
            // Not EC2's own words: those of a proxy on the way, perhaps.
            message = format!("HTTP {}: {message}", response.status().as_u16());
        }
        // What is at the bottom may not say that it was about credentials.
        let kind = kind_of_failure(&error, &chain(&error));
        CloudError { kind, request_id, ..CloudError::answer(action, message) }
    }

    /// An error that amiable finds in an answer by itself.
    pub(crate) fn answer(action: Action, message: impl Into<String>) -> CloudError {
        let message = message.into();
        let (kind, code, request_id, sign_in) = (CloudErrorKind::Other, None, None, None);
        CloudError { action, kind, code, message, request_id, sign_in }
    }

    /// Whether the same call may succeed a little later, as it stands.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.kind, CloudErrorKind::Throttled | CloudErrorKind::Unreachable)
            || matches!(
                self.code.as_deref(),
                Some("InternalError" | "InternalFailure" | "Unavailable" | "ServiceUnavailable")
            )
    }

    /// Whether the call may have taken effect all the same: there was no answer, or one
    /// that does not tell, or a repeat found what the first try had made.
    pub(crate) fn may_have_happened(&self) -> bool {
        match self.code.as_deref() {
            None => {
                !matches!(self.kind, CloudErrorKind::NoCredentials | CloudErrorKind::NotSignedIn)
            }
            Some(code) => matches!(
                code,
                "InternalError"
                    | "InternalFailure"
                    | "Unavailable"
                    | "ServiceUnavailable"
                    | "InvalidAMIName.Duplicate"
            ),
        }
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        if let Some(command) = &self.sign_in {
            return Some(format!("if the session has expired, run `{command}`"));
        }
        if self.code.as_deref() == Some(NO_SPOT_ROLE) {
            let text = "the account has never used Spot Instances: `aws iam create-service-linked-role \
                        --aws-service-name spot.amazonaws.com` creates the role that EC2 needs";
            return Some(text.to_owned());
        }
        let hint = match self.kind {
            CloudErrorKind::NoCredentials => {
                "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a `profile` under [cloud], \
                 or set `endpoint = \"local\"` to work without an AWS account"
            }
            CloudErrorKind::BadCredentials => {
                "the credentials are wrong, have expired or belong to another endpoint, or the account \
                 has not enabled the region: renew them (`aws sso login`, `aws configure`), and check \
                 `region` under [cloud] and the clock of this machine"
            }
            CloudErrorKind::NotAuthorized => {
                "the identity in use lacks the permission for this action: `amiable iam-policy` \
                 prints the policy it needs"
            }
            CloudErrorKind::Region => {
                "check `region` under [cloud]; some regions must be enabled for the account first \
                 (AWS console, Account, AWS Regions)"
            }
            CloudErrorKind::NoDefaultVpc => {
                "the region has no default VPC: set `subnet` and `security_groups` (by sg-… id) \
                 for the template or under [defaults]"
            }
            CloudErrorKind::Throttled => "EC2 is throttling requests: wait a moment and try again",
            CloudErrorKind::Limit => {
                "a quota of the account is used up, or EC2 has no capacity for this type in that zone: choose \
                 another `instance_type` or a `subnet` in another zone, or request a higher quota"
            }
            CloudErrorKind::Unreachable => {
                "check `endpoint` and `region` under [cloud], and the network"
            }
            CloudErrorKind::NoSuchAction => "this endpoint does not support that action",
            CloudErrorKind::NotSignedIn
            | CloudErrorKind::NotFound
            | CloudErrorKind::InUse
            | CloudErrorKind::Other => return None,
        };
        Some(hint.to_owned())
    }
}

/// The missing session at the bottom of an error, if that is its cause.
fn not_signed_in<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e NotSignedIn> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// EC2's codes: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.
fn kind_of_code(code: &str, message: &str) -> CloudErrorKind {
    match code {
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            CloudErrorKind::NotAuthorized
        }
        "AuthFailure"
        | "InvalidClientTokenId"
        | "ExpiredToken"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException"
        | "ExpiredTokenException" => CloudErrorKind::BadCredentials,
        "OptInRequired" => CloudErrorKind::Region,
        "VPCIdNotSpecified" | "DefaultVpcDoesNotExist" => CloudErrorKind::NoDefaultVpc,
        "MissingInput" if message.contains("default VPC") => CloudErrorKind::NoDefaultVpc,
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" => CloudErrorKind::Throttled,
        "InvalidAction" | "UnknownOperationException" => CloudErrorKind::NoSuchAction,
        "InsufficientInstanceCapacity"
        | "InsufficientFreeAddressesInSubnet"
        | "MaxSpotInstanceCountExceeded"
        | "SpotMaxPriceTooLow" => CloudErrorKind::Limit,
        "Unsupported" if message.contains("Availability Zone") => CloudErrorKind::Limit,
        _ if code.ends_with("LimitExceeded") => CloudErrorKind::Limit,
        // Launch templates' end in VersionNotFound and .NotFoundException.
        _ if code.ends_with("NotFound")
            || code.ends_with(".NotFoundException")
            || code == "InvalidAMIID.Unavailable" =>
        {
            CloudErrorKind::NotFound
        }
        "DependencyViolation" => CloudErrorKind::InUse,
        _ if code.ends_with(".InUse") => CloudErrorKind::InUse,
        _ => CloudErrorKind::Other,
    }
}

fn kind_of_failure<E>(error: &SdkError<E, HttpResponse>, texts: &str) -> CloudErrorKind {
    let credentials = texts.contains("credential") || texts.contains("identity");
    match error {
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) if credentials => {
            CloudErrorKind::NoCredentials
        }
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => CloudErrorKind::Unreachable,
        _ if error.raw_response().is_some_and(|it| it.status().is_server_error()) => {
            CloudErrorKind::Unreachable
        }
        _ => CloudErrorKind::Other,
    }
}

/// The SDK's own Display says "service error"; the cause is at the bottom of the chain.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    let mut texts = vec![error.to_string()];
    while let Some(source) = innermost.source() {
        innermost = source;
        texts.push(source.to_string());
    }
    texts.pop().unwrap_or_default()
}

/// An error and all its causes, for people.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text += &format!(": {source}");
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_into_what_to_do() {
        for (code, kind) in [
            ("UnauthorizedOperation", CloudErrorKind::NotAuthorized),
            ("VPCIdNotSpecified", CloudErrorKind::NoDefaultVpc),
            ("InstanceLimitExceeded", CloudErrorKind::Limit),
            ("VcpuLimitExceeded", CloudErrorKind::Limit),
            ("InsufficientInstanceCapacity", CloudErrorKind::Limit),
            ("RequestLimitExceeded", CloudErrorKind::Throttled),
            ("InvalidAMIID.NotFound", CloudErrorKind::NotFound),
            ("InvalidLaunchTemplateId.VersionNotFound", CloudErrorKind::NotFound),
            ("InvalidLaunchTemplateName.NotFoundException", CloudErrorKind::NotFound),
            ("InvalidSnapshot.InUse", CloudErrorKind::InUse),
            ("DependencyViolation", CloudErrorKind::InUse),
            ("IncorrectInstanceState", CloudErrorKind::Other),
        ] {
            assert_eq!(kind_of_code(code, ""), kind, "{code}");
        }
    }

    #[test]
    fn the_text_holds_code_message_and_request_id() {
        let error = CloudError {
            action: Action::RunInstances,
            kind: CloudErrorKind::Other,
            code: Some("Unsupported".into()),
            message: "no such thing".into(),
            request_id: Some("1-2".into()),
            sign_in: None,
        };
        assert_eq!(error.to_string(), "RunInstances: Unsupported: no such thing (request id 1-2)");
    }
}
