//! The APIs of AWS that are spoken here, and how each wants to be answered.

use super::{ApiError, EC2_VERSION};

/// An API of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// EC2, in its own kind of the Query protocol.
    Ec2,
    /// Auto Scaling, in the Query protocol.
    AutoScaling,
    /// Systems Manager, in JSON.
    Ssm,
    /// The Security Token Service, in the Query protocol.
    Sts,
}

impl Api {
    /// The service that requests are signed for.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Api::Ec2 => "ec2",
            Api::AutoScaling => "autoscaling",
            Api::Ssm => "ssm",
            Api::Sts => "sts",
        }
    }

    /// The name space of its answers in XML.
    pub(crate) fn namespace(self) -> String {
        match self {
            Api::Ec2 => format!("http://ec2.amazonaws.com/doc/{EC2_VERSION}/"),
            Api::AutoScaling => "http://autoscaling.amazonaws.com/doc/2011-01-01/".into(),
            Api::Sts => "https://sts.amazonaws.com/doc/2011-06-15/".into(),
            Api::Ssm => String::new(),
        }
    }

    /// The content type of its answers.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Api::Ssm => "application/x-amz-json-1.1",
            Api::Ec2 | Api::AutoScaling | Api::Sts => "text/xml;charset=UTF-8",
        }
    }

    /// The API that a query is for: the one that it is signed for, where it is served.
    pub(crate) fn of_query(service: &str, action: &str) -> Api {
        match service {
            "autoscaling" => Api::AutoScaling,
            _ if action == "GetCallerIdentity" => Api::Sts,
            _ => Api::Ec2,
        }
    }

    /// The code that it has for what EC2 calls `code`
    /// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html>,
    /// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html>).
    fn code(self, code: &str) -> &str {
        let own = match self {
            Api::Ec2 => return code,
            Api::AutoScaling | Api::Sts => {
                ["InvalidClientTokenId", "AccessDenied", "Throttling", "ValidationError"]
            }
            Api::Ssm => [
                "UnrecognizedClientException",
                "AccessDeniedException",
                "ThrottlingException",
                "ValidationException",
            ],
        };
        let [unknown, denied, throttled, invalid] = own;
        match code {
            "AuthFailure" => unknown,
            "UnauthorizedOperation" => denied,
            "RequestLimitExceeded" => throttled,
            "InvalidParameterCombination"
            | "InvalidParameterValue"
            | "MissingParameter"
            | "UnknownParameter"
            | "Unsupported" => invalid,
            "InvalidAction" if self == Api::Ssm => "UnknownOperationException",
            _ => code,
        }
    }

    /// The body that its clients read an error from.
    pub(crate) fn error_body(self, error: &ApiError, request_id: &str) -> String {
        let error = ApiError { code: self.code(&error.code).to_owned(), ..error.clone() };
        match self {
            Api::Ec2 => error.body(request_id),
            Api::AutoScaling | Api::Sts => error.query_body(request_id),
            Api::Ssm => error.json_body(),
        }
    }
}
