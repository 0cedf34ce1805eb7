//! Errors as EC2 names them: code, message and HTTP status, rendered in one place
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).

use axum::http::StatusCode;

use super::Xml;
use crate::model::Resource;

/// An answer that refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) status: StatusCode,
}

/// What an action returns.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// EC2's own words where clients may look at them.
fn injected_message(code: &str) -> &'static str {
    match code {
        "InsufficientInstanceCapacity" => {
            "We currently do not have sufficient t3.small capacity in the Availability Zone you \
             requested (us-east-1a). Our system will be working on provisioning additional capacity."
        }
        "InstanceLimitExceeded" => {
            "You have requested more instances (1) than your current instance limit of 0 allows for \
             the specified instance type. Please visit http://aws.amazon.com/contact-us/ec2-request \
             to request an adjustment to this limit."
        }
        "Unsupported" => {
            "Your requested instance type (t3.small) is not supported in your requested Availability \
             Zone (us-east-1a). Please retry your request by not specifying an Availability Zone or \
             choosing us-east-1b, us-east-1c."
        }
        "VcpuLimitExceeded" => {
            "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the \
             instance bucket that the specified instance type belongs to. Please visit \
             http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        }
        _ => "This failure was requested by `local fault`.",
    }
}

impl ApiError {
    /// A client error: status 400.
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        ApiError { code: code.into(), message: message.into(), status: StatusCode::BAD_REQUEST }
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        ApiError {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::new("InternalError", format!("An internal error has occurred: {error}"))
        }
    }

    pub(crate) fn auth_failure() -> Self {
        ApiError {
            status: StatusCode::UNAUTHORIZED,
            ..Self::new(
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            )
        }
    }

    pub(crate) fn dry_run() -> Self {
        ApiError {
            status: StatusCode::PRECONDITION_FAILED,
            ..Self::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
        }
    }

    pub(crate) fn invalid_value(parameter: &str, value: &str) -> Self {
        Self::new(
            "InvalidParameterValue",
            format!("Value ({value}) for parameter {parameter} is invalid."),
        )
    }

    pub(crate) fn unknown_filter(name: &str) -> Self {
        Self::new("InvalidParameterValue", format!("The filter '{name}' is invalid"))
    }

    pub(crate) fn throttled() -> Self {
        ApiError {
            status: StatusCode::SERVICE_UNAVAILABLE,
            ..Self::new("RequestLimitExceeded", "Request limit exceeded.")
        }
    }

    /// What IAM does not allow.
    pub(crate) fn unauthorized() -> Self {
        ApiError {
            status: StatusCode::FORBIDDEN,
            ..Self::new(
                "UnauthorizedOperation",
                "You are not authorized to perform this operation.",
            )
        }
    }

    /// An error that was requested, with the status that EC2 gives its code.
    pub(crate) fn injected(code: &str) -> Self {
        let status = match code {
            "InternalError" | "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "RequestLimitExceeded" | "Unavailable" | "ServiceUnavailable" => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            "InsufficientInstanceCapacity" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        ApiError { status, ..Self::new(code, injected_message(code)) }
    }

    /// A required parameter is missing.
    pub(crate) fn missing(parameter: &str) -> Self {
        let message = format!("The request must contain the parameter {parameter}");
        Self::new("MissingParameter", message)
    }

    /// Two parameters that exclude each other, or one that is of no use alone.
    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    /// The resource with this id is not there.
    pub(crate) fn not_found<T: Resource>(id: &str) -> Self {
        Self::new(format!("{}.NotFound", T::NOT_FOUND), T::unknown(id))
    }

    /// An id of another form than `T`'s ids have.
    pub(crate) fn malformed<T: Resource>(id: &str) -> Self {
        let message = format!("Invalid id: \"{id}\" (expecting \"{}-...\")", T::PREFIX);
        Self::new(format!("{}.Malformed", T::MALFORMED), message)
    }

    /// The body that clients of STS, Auto Scaling and other services read
    /// (<https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization>).
    pub(crate) fn query_body(&self, request_id: &str) -> String {
        let mut xml = Xml::new();
        xml.node("ErrorResponse", |xml| {
            xml.node("Error", |xml| {
                xml.text("Type", if self.status.is_client_error() { "Sender" } else { "Receiver" });
                xml.text("Code", &self.code);
                xml.text("Message", &self.message);
            });
            xml.text("RequestId", request_id);
        });
        xml.finish()
    }

    /// The body that clients of Systems Manager read
    /// (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>).
    pub(crate) fn json_body(&self) -> String {
        serde_json::json!({ "__type": self.code, "message": self.message }).to_string()
    }

    /// The body that clients of S3 read
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
    pub(crate) fn s3_body(&self, request_id: &str) -> String {
        let mut xml = Xml::new();
        xml.node("Error", |xml| {
            xml.text("Code", &self.code);
            xml.text("Message", &self.message);
            xml.text("RequestId", request_id);
        });
        xml.finish()
    }

    /// The body that every EC2 client knows how to read.
    pub(crate) fn body(&self, request_id: &str) -> String {
        let mut xml = Xml::new();
        xml.node("Response", |xml| {
            xml.node("Errors", |xml| {
                xml.node("Error", |xml| {
                    xml.text("Code", &self.code);
                    xml.text("Message", &self.message);
                });
            });
            xml.text("RequestID", request_id);
        });
        xml.finish()
    }
}
